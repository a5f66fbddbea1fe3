"""Audio formats: arithmetic between bytes, frames and milliseconds.  Pure, without numpy."""

from binascii import Error, a2b_base64
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias

from workers import opus_packets

Encoding = Literal["pcm16", "float32", "pcmu", "pcma"]

Container = Literal["wav", "flac", "ogg"]
"""Complete files that say themselves what is in them."""

BYTES_PER_SAMPLE: dict[Encoding, int] = {"pcm16": 2, "float32": 4, "pcmu": 1, "pcma": 1}
"""Each encoding and its width.  pcm16 and float32 are little-endian, pcmu and pcma are G.711."""

RATE_HZ_MIN = 8_000
"""Telephony."""

RATE_HZ_MAX = 192_000
"""The fastest rate sound cards commonly offer."""

CHANNELS_MAX = 8
"""7.1 surround."""

OPUS_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)
"""What its encoders and decoders work at (RFC 6716, 2)."""

OPUS_CHANNELS_MAX = 2


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """How samples are laid out in bytes: encoding, rate, interleaved channels.

    Raises
    ------
    ValueError
        If a field is outside the limits of this module.
    """

    encoding: Encoding
    rate_hz: int
    channels: int = 1
    bytes_per_frame: int = field(init=False, repr=False, compare=False)
    """One sample of every channel."""

    def __post_init__(self) -> None:
        if self.encoding not in BYTES_PER_SAMPLE:
            raise ValueError(f"encoding: must be one of {', '.join(BYTES_PER_SAMPLE)}")
        if not RATE_HZ_MIN <= self.rate_hz <= RATE_HZ_MAX:
            raise ValueError(f"rate_hz: must be from {RATE_HZ_MIN} to {RATE_HZ_MAX}")
        if not 1 <= self.channels <= CHANNELS_MAX:
            raise ValueError(f"channels: must be from 1 to {CHANNELS_MAX}")
        # Reckoned once: it is asked for several times a chunk.
        object.__setattr__(self, "bytes_per_frame", BYTES_PER_SAMPLE[self.encoding] * self.channels)

    @property
    def bytes_per_s(self) -> float:
        return self.bytes_per_frame * self.rate_hz

    def payload_ms(self, payload: str | bytes) -> float:
        """How long a chunk plays, by its size; text is base64."""
        size_bytes = base64_bytes(payload) if isinstance(payload, str) else len(payload)
        return size_bytes // self.bytes_per_frame * 1000 / self.rate_hz

    def frames(self, size_bytes: int) -> int:
        """Whole frames in *size_bytes*; what is left of a last one does not count."""
        return size_bytes // self.bytes_per_frame

    def duration_ms(self, size_bytes: int) -> float:
        """How long the whole frames in *size_bytes* play."""
        return self.frames(size_bytes) * 1000 / self.rate_hz

    def size_bytes(self, duration_ms: float) -> int:
        """Size of *duration_ms*, to the nearest whole frame."""
        return round(duration_ms * self.rate_hz / 1000) * self.bytes_per_frame


@dataclass(frozen=True, slots=True)
class OpusFormat:
    """Packets of Opus (RFC 6716), one a chunk: their size says nothing of how long they play.

    *rate_hz* and *channels* are what an encoder is given.  A decoder need not know: a packet says
    itself what is in it, and decodes at every rate.

    Raises
    ------
    ValueError
        If there is no such Opus.
    """

    rate_hz: int
    channels: int = 1
    encoding: ClassVar[Literal["opus"]] = "opus"

    def __post_init__(self) -> None:
        if self.rate_hz not in OPUS_RATES_HZ:
            raise ValueError(f"rate_hz: must be one of {', '.join(map(str, OPUS_RATES_HZ))}")
        if not 1 <= self.channels <= OPUS_CHANNELS_MAX:
            raise ValueError(f"channels: must be from 1 to {OPUS_CHANNELS_MAX}")

    @property
    def bytes_per_s(self) -> float:
        """At most, in packets of 20 ms."""
        return opus_packets.FRAME_BYTES_MAX * 1000 / opus_packets.SENT_MS

    def payload_ms(self, payload: str | bytes) -> float:
        """How long a packet plays, by its first bytes; text is base64.

        What is no packet counts as the longest: nothing is kept or sent for nothing.
        """
        return opus_packets.duration_ms(_head(payload)) or opus_packets.PACKET_MS_MAX


def base64_bytes(text: str) -> int:
    """How much *text* holds, without decoding it: what fills it up holds nothing."""
    return (len(text) - text.count("=", -2)) * 3 // 4


StreamFormat: TypeAlias = AudioFormat | OpusFormat
"""What a stream's chunks are."""


def _head(payload: str | bytes) -> bytes:
    if isinstance(payload, bytes):
        return payload
    try:
        return a2b_base64(payload[:4])
    except (Error, ValueError):  # the worker will say what is wrong with it
        return b""
