"""Opus packets out: what a `Chain` has converted, in packets of 20 ms."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from msgspec import Struct

from workers import base64_text
from workers.blocks import Block, Cut, Flush, Payload, Piece
from workers.chain import Chain, ChainState
from workers.codecs import Samples
from workers.formats import AudioFormat, OpusFormat
from workers.joined_chain import JoinedChain
from workers.opus.library import Encoding, lookahead_frames, new_encoder
from workers.opus_packets import SENT_MS
from workers.pcm import BadAudio

SAMPLE_BYTES = 4


class PacketBlock(Block, frozen=True):
    """What became of one chunk: some packets, maybe none."""

    packets: tuple[Piece, ...] = ()

    @property
    def pieces(self) -> tuple[Piece, ...]:
        return self.packets


class EncodingState(Struct, frozen=True, eq=False):
    """What a stream is between two chunks.  Never changed, so that a call may be tried again."""

    inner: ChainState
    encoder: bytes = b""
    """32 KB, of libopus; empty before the first packet."""
    pending: bytes = b""
    """float32: the beginning of the next packet."""
    sent: int = 0
    """Packets of this stream so far."""


@dataclass(frozen=True, slots=True, eq=False)
class OpusEncodingChain:
    """From what a `Chain` takes to Opus packets.  All threads may share it.

    A flush ends the stream: silence fills its last packet, and the next begins with a new encoder.
    """

    inner: Chain
    target: OpusFormat
    as_base64: bool

    @staticmethod
    @lru_cache(maxsize=64)
    def between(
        source: AudioFormat, target: OpusFormat, as_base64: bool, *, joins: bool = False
    ) -> "OpusEncodingChain":
        """Return the chain from *source* to *target*; sessions with the same formats share one.

        Raises
        ------
        ValueError
            If *target* is not mono.
        """
        if target.channels != 1:
            raise ValueError("target: must have one channel")
        between = AudioFormat("float32", target.rate_hz)
        inner = (JoinedChain.joined if joins else Chain.between)(source, between, as_base64=False)
        return OpusEncodingChain(inner, target, as_base64)

    def start(self) -> EncodingState:
        """Return the state of a stream that has not begun."""
        return EncodingState(self.inner.start())

    @property
    def stream(self) -> Hashable:
        """See `Chain.stream`."""
        return "opus", self.inner.stream

    def cut(self, state: EncodingState) -> Cut:
        """See `Chain.cut`: the stream of packets ends, as with a flush."""
        inner = self.inner.cut(state.inner)
        writer = _Writer(state, self.target.rate_hz)
        pieces = writer.put(inner.block.audio, ends=True)
        return Cut(self._block(inner.block, pieces), inner.ahead_s)

    def go_on(self, cut: Cut) -> EncodingState:
        """See `Chain.go_on`; the packets are those of a new encoder."""
        return EncodingState(self.inner.go_on(cut))

    def run_all(
        self, streams: Sequence[tuple[EncodingState, Sequence[Payload]]]
    ) -> list[tuple[list[Block | BadAudio], EncodingState]]:
        """Process the next chunks of many streams; as `Chain.run_all`."""
        inner = self.inner.run_all([(state.inner, payloads) for state, payloads in streams])
        results: list[tuple[list[Block | BadAudio], EncodingState]] = []
        for (state, payloads), (outcomes, after) in zip(streams, inner, strict=True):
            writer = _Writer(state, self.target.rate_hz)
            answers: list[Block | BadAudio] = []
            for payload, outcome in zip(payloads, outcomes, strict=True):
                if isinstance(outcome, BadAudio):
                    answers.append(outcome)
                else:
                    pieces = writer.put(outcome.audio, ends=isinstance(payload, Flush))
                    answers.append(self._block(outcome, pieces))
            results.append((answers, writer.state(after)))
        return results

    def _block(self, converted: Block, pieces: Sequence[Piece]) -> PacketBlock:
        packets = [piece.audio for piece in pieces]
        texts = base64_text.encode_all(packets) if self.as_base64 else packets
        durations = [piece.duration_ms for piece in pieces]
        return PacketBlock(
            b"",
            converted.size_bytes,
            converted.duration_ms,
            converted.level_dbfs,
            sum(durations),
            converted.clipped_samples,
            packets=tuple(map(Piece, texts, durations)),
        )


class _Writer:
    """Packs one stream for the length of a batch."""

    def __init__(self, state: EncodingState, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._packet_frames = rate_hz * SENT_MS // 1000
        self._lead_frames = lookahead_frames(rate_hz)
        self._encoding = Encoding(state.encoder) if state.encoder else None
        self._pending = state.pending
        self._sent = state.sent

    def put(self, samples: bytes, *, ends: bool) -> list[Piece]:
        """Add float32 to the stream; return the packets that are full, or all if it *ends*."""
        self._pending += samples
        frames = len(self._pending) // SAMPLE_BYTES
        total_frames = self._sent * self._packet_frames + frames
        if not ends:
            return self._pack(frames // self._packet_frames, total_frames)
        pieces: list[Piece] = []
        if total_frames:
            # What was encoded last comes out of a decoder later by the encoder's lead.
            count = -(-(frames + self._lead_frames) // self._packet_frames)
            full_bytes = count * self._packet_frames * SAMPLE_BYTES
            self._pending = self._pending.ljust(full_bytes, b"\0")
            pieces = self._pack(count, total_frames)
        self._encoding, self._pending, self._sent = None, b"", 0
        return pieces

    def state(self, inner: ChainState) -> EncodingState:
        encoder = self._encoding.state if self._encoding is not None else b""
        return EncodingState(inner, encoder, self._pending, self._sent)

    def _pack(self, count: int, total_frames: int) -> list[Piece]:
        samples = np.frombuffer(self._pending, np.float32)
        pieces: list[Piece] = []
        for at in range(0, count * self._packet_frames, self._packet_frames):
            packet = self._encode(samples[at : at + self._packet_frames])
            pieces.append(Piece(packet, self._heard_ms(total_frames)))
            self._sent += 1
        self._pending = self._pending[count * self._packet_frames * SAMPLE_BYTES :]
        return pieces

    def _encode(self, samples: Samples) -> bytes:
        if self._encoding is None:
            self._encoding = Encoding(new_encoder(self._rate_hz))
        return self._encoding.run(samples)

    def _heard_ms(self, total_frames: int) -> float:
        """How much of the stream the next packet holds, beside the lead and what fills it up."""
        begin = self._sent * self._packet_frames - self._lead_frames
        end = min(begin + self._packet_frames, total_frames)
        return (end - max(begin, 0)) * 1000 / self._rate_hz
