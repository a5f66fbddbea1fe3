"""What is done to every chunk of a stream: check, decode, measure, resample, encode."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np

from workers import base64_text, clipping, joining, lockstep, pcm
from workers.blocks import Block, Cut, Flush, Payload
from workers.codecs import Samples
from workers.formats import AudioFormat
from workers.level import SILENCE_DBFS, levels_dbfs, row_levels_dbfs
from workers.pcm import BadAudio
from workers.resample import Resampler
from workers.stream_state import ResamplerState
from workers.tape import Clip

ChainState: TypeAlias = ResamplerState
"""What a stream is between two chunks: the end of its input, at most 3.5 KB at 48 kHz."""


_Lane: TypeAlias = list[bytes | BadAudio]
"""One stream's chunks: empty for a flush, which no good chunk is."""


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """One direction of one stream.  Holds nothing of any stream: all threads may share it.

    `run` and `flush` serve one stream.  `run_all` serves many, in as many steps that give up the
    interpreter's lock as one stream takes: winning it back from a busy thread is what costs.
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

    def run(self, state: ChainState, payload: Payload) -> tuple[Block, ChainState]:
        """Process the next chunk of a stream.

        Parameters
        ----------
        state : ChainState
            What the previous call returned; ``start()`` to begin with.
        payload : Payload
            The chunk.

        Raises
        ------
        BadAudio
            If *payload* is not what the source format says.  *state* is still good for the next.
        """
        [([outcome], state)] = self.run_all([(state, [payload])])
        if isinstance(outcome, BadAudio):
            raise outcome
        return outcome, state

    def flush(self, state: ChainState) -> tuple[Block, ChainState]:
        """End a stream; return what was held back and the state of a new stream."""
        return self.run(state, Flush())

    @property
    def stream(self) -> Hashable:
        """Chains of equal ones take each other's states."""
        return self.source.rate_hz, self.target.rate_hz

    def cut(self, state: ChainState) -> Cut:
        """End a stream that goes on in another chain."""
        converted, ahead_s = joining.cut(self.resampler, state)
        encoded, [clipped] = self._encode(converted, [slice(len(converted))])
        [text] = base64_text.encode_all([encoded]) if self.as_base64 else [encoded]
        return Cut(self._block(b"", SILENCE_DBFS, encoded, text, clipped), ahead_s)

    def go_on(self, cut: Cut) -> ChainState:
        """The state of a stream behind *cut*, for a chain that can: `workers.joined_chain`."""
        return joining.go_on(self.resampler, cut.ahead_s)

    def run_all(
        self, streams: Sequence[tuple[ChainState, Sequence[Payload]]]
    ) -> list[tuple[list[Block | BadAudio], ChainState]]:
        """Process the next chunks of many streams.

        Parameters
        ----------
        streams : sequence of (ChainState, sequence of Payload)
            The state of each, and its payloads in order.

        Returns
        -------
        results : list of (list of Block or BadAudio, ChainState)
            For each stream what `run` and `flush` give for each payload, to the bit, and the state
            for the next call.
        """
        return self._run_in_step(streams) or self._run_apart(streams)

    def _run_apart(
        self, streams: Sequence[tuple[ChainState, Sequence[Payload]]]
    ) -> list[tuple[list[Block | BadAudio], ChainState]]:
        """Those that are alike the fast way, and what else there is beside them the other.

        A stream that has two chunks, or a shorter one, must not make all others dear.
        """
        alike = [] if self._passes else self._alike(streams)
        if not 1 < len(alike) < len(streams):
            return self._run_each(streams)
        others = sorted(set(range(len(streams))).difference(alike))
        stepped = [streams[number] for number in alike]
        done = self._run_in_step(stepped) or self._run_each(stepped)
        done += self._run_each([streams[number] for number in others])
        results = dict(zip([*alike, *others], done, strict=True))
        return [results[number] for number in range(len(streams))]

    def _alike(self, streams: Sequence[tuple[ChainState, Sequence[Payload]]]) -> list[int]:
        """Which may be in step: most of those that have one chunk, by its size and what is held."""
        groups: dict[tuple[int, int], list[int]] = {}
        for number, (state, payloads) in enumerate(streams):
            if len(payloads) == 1 and state.received >= self.resampler.layout.size:
                key = len(payloads[0]), len(state.pending)
                groups.setdefault(key, []).append(number)
        return max(groups.values(), key=len, default=[])

    def _run_in_step(
        self, streams: Sequence[tuple[ChainState, Sequence[Payload]]]
    ) -> list[tuple[list[Block | BadAudio], ChainState]] | None:
        """Do it the fast way, if every stream has one good chunk and all are alike."""
        payloads = [payloads[0] for _, payloads in streams if len(payloads) == 1]
        if self._passes or not payloads or len(payloads) < len(streams):
            return None
        decoded = pcm.decode_equal(payloads, self.source)
        if decoded is None:
            return None
        size_bytes, samples = decoded
        stepped = lockstep.step(self.resampler, [state for state, _ in streams], samples)
        if stepped is None:
            return None
        converted, states = stepped
        signal = converted.reshape(-1)
        encoded, clips = self._encode(signal, _rows(signal, len(streams)))
        converted_ms = self.target.duration_ms(len(encoded) // len(streams))
        cut = base64_text.encode_equal if self.as_base64 else base64_text.cut
        texts = cut(encoded, len(streams))
        levels = row_levels_dbfs(samples)
        duration_ms = self.source.duration_ms(size_bytes)
        return [
            ([Block(text, size_bytes, duration_ms, level, converted_ms, clipped)], state)
            for text, level, clipped, state in zip(texts, levels, clips, states, strict=True)
        ]

    def _run_each(
        self, streams: Sequence[tuple[ChainState, Sequence[Payload]]]
    ) -> list[tuple[list[Block | BadAudio], ChainState]]:
        """Do it whatever they have."""
        lanes, samples = self._decode([payloads for _, payloads in streams])
        chunks = [chunk for lane in lanes for chunk in lane if isinstance(chunk, bytes)]
        levels = levels_dbfs(samples, [self.source.frames(len(chunk)) for chunk in chunks])
        states = [state for state, _ in streams]
        if self._passes:
            audios, clips = chunks, [0] * len(chunks)
        else:
            audios, states, clips = self._convert(states, lanes, samples)
        texts = base64_text.encode_all(audios) if self.as_base64 else audios
        blocks = map(self._block, chunks, levels, audios, texts, clips)
        results = [[next(blocks) if isinstance(c, bytes) else c for c in lane] for lane in lanes]
        return list(zip(results, states, strict=True))

    def _decode(self, lanes: Sequence[Sequence[Payload]]) -> tuple[list[_Lane], Samples]:
        """Check all payloads, and join the samples of those that are good."""
        payloads = [p for lane in lanes for p in lane if not isinstance(p, Flush)]
        checked, samples = pcm.decode_all(payloads, self.source)
        chunks = iter(checked)
        return [[b"" if isinstance(p, Flush) else next(chunks) for p in x] for x in lanes], samples

    def _convert(
        self, states: Sequence[ChainState], lanes: Sequence[_Lane], samples: Samples
    ) -> tuple[list[bytes], list[ChainState], list[int]]:
        """Return the audio for each good chunk and flush, the state of each stream, and how many
        samples of each audio are clipped.
        """
        view, begin = samples.view(np.uint8).data, 0
        streams: list[tuple[ChainState, list[Clip | None]]] = []
        for state, lane in zip(states, lanes, strict=True):
            pieces: list[Clip | None] = []
            for chunk in lane:
                if isinstance(chunk, bytes):
                    end = begin + self.source.frames(len(chunk)) * samples.itemsize
                    pieces.append(view[begin:end] if chunk else None)
                    begin = end
            streams.append((state, pieces))
        converted, cuts, after = self.resampler.run_all(streams)
        encoded, clips = self._encode(converted, cuts)
        width = self.target.bytes_per_frame
        audios = [encoded[width * cut.start : width * cut.stop] for cut in cuts]
        return audios, after, clips

    def _encode(self, converted: Samples, cuts: Sequence[slice]) -> tuple[bytes, list[int]]:
        """Return the audio, and how many samples are clipped in each of *cuts*."""
        if clipping.is_clipped(converted):
            clips = clipping.count_clipped(converted, cuts)
            return pcm.encode(converted, self.target.encoding), clips
        return pcm.encode(converted, self.target.encoding, clips=False), [0] * len(cuts)

    def _block(self, chunk: bytes, level: float, audio: bytes, text: bytes, clipped: int) -> Block:
        return Block(
            audio=text,
            size_bytes=len(chunk),
            duration_ms=self.source.duration_ms(len(chunk)),
            level_dbfs=level,
            converted_ms=self.target.duration_ms(len(audio)),
            clipped_samples=clipped,
        )

    @property
    def _passes(self) -> bool:
        """Equal formats: every byte goes through as it came, be it G.711's negative zero."""
        return self.source == self.target


def _rows(signal: Samples, count: int) -> list[slice]:
    """Where in *signal* each of *count* pieces of one length lies."""
    size = len(signal) // count
    return [slice(number * size, (number + 1) * size) for number in range(count)]
