"""What is done to every chunk of a stream: check, decode, measure, resample, encode."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import pybase64

from workers import pcm
from workers.codecs import Samples
from workers.formats import AudioFormat
from workers.level import SILENCE_DBFS, level_dbfs
from workers.resample import Piece, Resampler, ResamplerState

ChainState: TypeAlias = ResamplerState
"""What a stream is between two chunks: the end of its input, at most 3.5 KB at 48 kHz."""


@dataclass(frozen=True, slots=True)
class Block:
    """What became of one chunk.

    Attributes
    ----------
    audio : bytes
        In the target's encoding, or that as ASCII base64.  May be empty: the resampler holds back
        up to `Resampler.delay_samples_in`.
    size_bytes : int
        Of the chunk, without base64; 0 for a flush.
    duration_ms : float
        Of the chunk; 0.0 for a flush.
    level_dbfs : float
        RMS of the chunk, see `workers.level`; `SILENCE_DBFS` for a flush.
    frames_out : int
        Target samples in *audio*.
    """

    audio: bytes
    size_bytes: int
    duration_ms: float
    level_dbfs: float
    frames_out: int


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """A chunk half way: checked and cut, not yet converted."""

    chain: "Chain"
    piece: Piece | None
    """None where the bytes pass through untouched."""
    data: bytes
    level_dbfs: float


@dataclass(frozen=True, slots=True)
class Chain:
    """One direction of one stream.  Holds nothing of any stream: all threads may share it.

    `run` and `flush` do all of a chunk.  For many streams, `prepare` each, convert their pieces
    together and `finish` each: see `workers.pool.run_batch`.
    """

    source: AudioFormat
    target: AudioFormat
    """Mono."""
    as_base64: bool
    resampler: Resampler

    @staticmethod
    @lru_cache(maxsize=256)
    def between(source: AudioFormat, target: AudioFormat, as_base64: bool) -> "Chain":
        """Return the chain from *source* to *target*; sessions with the same formats share one.

        Raises
        ------
        ValueError
            If *target* is not mono.
        """
        if target.channels != 1:
            raise ValueError("target: must have one channel")
        resampler = Resampler.between(source.rate_hz, target.rate_hz)
        return Chain(source, target, as_base64, resampler)

    def start(self) -> ChainState:
        """Return the state of a stream that has not begun."""
        return self.resampler.start()

    def run(self, state: ChainState, payload: bytes | str) -> tuple[Block, ChainState]:
        """Process the next chunk of a stream.

        Parameters
        ----------
        state : ChainState
            What the previous call returned; ``start()`` to begin with.
        payload : bytes or str
            A chunk in the source format; text is base64.

        Raises
        ------
        BadAudio
            If *payload* is not what the source format says.  *state* is still good for the next.
        """
        prepared, state = self.prepare(state, payload)
        return self.finish(prepared, self._convert(prepared)), state

    def flush(self, state: ChainState) -> tuple[Block, ChainState]:
        """End a stream; return what was held back and the state of a new stream."""
        prepared, state = self.prepare_end(state)
        return self.finish(prepared, self._convert(prepared)), state

    def prepare(self, state: ChainState, payload: bytes | str) -> tuple[Prepared, ChainState]:
        """Do the first half of `run`: all that the stream's next state depends on."""
        data = pcm.unwrap(payload)
        samples = pcm.decode(data, self.source)
        level = level_dbfs(samples)
        if self._passes:
            return Prepared(self, None, data, level), state
        piece, state = self.resampler.cut(state, samples)
        return Prepared(self, piece, data, level), state

    def prepare_end(self, state: ChainState) -> tuple[Prepared, ChainState]:
        """Do the first half of `flush`."""
        piece, state = self.resampler.cut_end(state)
        return Prepared(self, piece, b"", SILENCE_DBFS), state

    def finish(self, prepared: Prepared, converted: Samples | None) -> Block:
        """Do the second half of `run` and `flush`.

        Parameters
        ----------
        prepared : Prepared
            By this chain.
        converted : float32, shape (n,), or None
            What the resampler made of the piece; None if there is none.
        """
        data = prepared.data
        audio = data if converted is None else pcm.encode(converted, self.target.encoding)
        return Block(
            audio=pybase64.b64encode(audio) if self.as_base64 else audio,
            size_bytes=len(data),
            duration_ms=self.source.duration_ms(len(data)),
            level_dbfs=prepared.level_dbfs,
            frames_out=self.target.frames(len(audio)),
        )

    def _convert(self, prepared: Prepared) -> Samples | None:
        return self.resampler.convert([prepared.piece])[0] if prepared.piece else None

    @property
    def _passes(self) -> bool:
        """Equal formats: every byte goes through as it came, be it G.711's negative zero."""
        return self.source == self.target
