"""Opus packets in: decoded one by one, and then converted for all streams at once."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from msgspec import Struct

from workers import base64_text, pcm
from workers.blocks import Block, Cut, Flush, Payload
from workers.chain import Chain, ChainState
from workers.conditioned_chain import ConditionedChain, Conditioning
from workers.formats import AudioFormat
from workers.magic import file_in_place_of_audio
from workers.opus.library import Decoding, OpusFault, new_decoder
from workers.opus_packets import PACKET_MS_MAX, duration_ms
from workers.pcm import BadAudio

RATE_HZ = 24_000
"""Decoded straight to the model's rate, whatever the encoder's was: every packet can be."""
FRAMES_MAX = int(PACKET_MS_MAX * RATE_HZ / 1000)
NOT_OPUS = (
    f"audio: a message must hold one packet of Opus (RFC 6716), of at most {PACKET_MS_MAX:g} ms,"
    " without Ogg or any other frame around it."
)


class DecodingState(Struct, frozen=True, eq=False):
    """What a stream is between two packets.  Never changed, so that a call may be tried again."""

    decoder: bytes
    """18 KB, of libopus; empty before the first packet."""
    inner: ChainState


_Pcm: TypeAlias = tuple[int, float, bytes]
"""A packet's size and duration, and its samples in float32."""


@dataclass(frozen=True, slots=True, eq=False)
class OpusDecodingChain:
    """From Opus packets to what a `Chain` makes of their samples.  All threads may share it.

    A stream's packets need each other, so decoding cannot be done for many streams at once, as all
    that comes behind it is.  A flush ends what the chain behind it holds, not the decoder's stream:
    the client's encoder knows nothing of turns.
    """

    inner: Chain

    @staticmethod
    @lru_cache(maxsize=64)
    def to(
        target: AudioFormat, as_base64: bool, conditioning: Conditioning, *, joins: bool = False
    ) -> "OpusDecodingChain":
        """Return the chain to *target*; sessions with the same wishes share one, and a batch."""
        source = AudioFormat("float32", RATE_HZ)
        inner = ConditionedChain.of(source, target, as_base64, conditioning, joins=joins)
        return OpusDecodingChain(inner)

    def start(self) -> DecodingState:
        """Return the state of a stream that has not begun."""
        return DecodingState(b"", self.inner.start())

    @property
    def stream(self) -> Hashable:
        """See `Chain.stream`."""
        return "opus", self.inner.stream

    def cut(self, state: DecodingState) -> Cut:
        """See `Chain.cut`."""
        return self.inner.cut(state.inner)

    def go_on(self, cut: Cut) -> DecodingState:
        """See `Chain.go_on`; the packets are those of a new encoder."""
        return DecodingState(b"", self.inner.go_on(cut))

    def run_all(
        self, streams: Sequence[tuple[DecodingState, Sequence[Payload]]]
    ) -> list[tuple[list[Block | BadAudio], DecodingState]]:
        """Process the next packets of many streams; as `Chain.run_all`.

        What is no packet, or is one that libopus refuses, is a `BadAudio` in its place, and the
        stream goes on behind it.
        """
        decoded = [_decode(state.decoder, payloads) for state, payloads in streams]
        pieces = [list(_good(steps)) for steps, _ in decoded]
        inner = [state.inner for state, _ in streams]
        converted = self.inner.run_all(list(zip(inner, pieces, strict=True)))
        return [
            (list(_answers(steps, iter(outcomes))), DecodingState(decoder, after))
            for (steps, decoder), (outcomes, after) in zip(decoded, converted, strict=True)
        ]


_Step: TypeAlias = _Pcm | Flush | BadAudio


def _good(steps: Sequence[_Step]) -> Iterator[Payload]:
    for step in steps:
        if isinstance(step, tuple):
            yield step[2]
        elif isinstance(step, Flush):
            yield step


def _answers(
    steps: Sequence[_Step], outcomes: Iterator[Block | BadAudio]
) -> Iterator[Block | BadAudio]:
    """What became of each payload: it is told of its packet, and not of our samples."""
    for step in steps:
        if isinstance(step, BadAudio):
            yield step
            continue
        outcome = next(outcomes)
        if isinstance(step, Flush):
            yield outcome
        elif isinstance(outcome, BadAudio):
            yield BadAudio("broken", NOT_OPUS)
        else:
            size_bytes, packet_ms, _ = step
            yield Block(
                outcome.audio,
                size_bytes,
                packet_ms,
                outcome.level_dbfs,
                outcome.converted_ms,
                outcome.clipped_samples,
            )


def _decode(state: bytes, payloads: Sequence[Payload]) -> tuple[list[_Step], bytes]:
    if all(isinstance(payload, Flush) for payload in payloads):
        return [payload for payload in payloads if isinstance(payload, Flush)], state
    work = Decoding(state or new_decoder(RATE_HZ, 1), FRAMES_MAX)
    return [_step(work, payload) for payload in payloads], work.state


def _step(work: Decoding, payload: Payload) -> _Step:
    if isinstance(payload, Flush):
        return payload
    packet = payload if isinstance(payload, bytes) else base64_text.decode_all([payload])[0]
    if packet is None:
        return BadAudio("base64", pcm.NOT_BASE64)
    if kind := file_in_place_of_audio(packet):
        return pcm.not_raw(kind)
    packet_ms = duration_ms(packet)
    if not packet_ms:
        return BadAudio("broken", NOT_OPUS)
    try:
        samples = work.run(packet)
    except OpusFault:
        return BadAudio("broken", NOT_OPUS)
    return len(packet), packet_ms, samples.tobytes()
