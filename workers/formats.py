"""Audio formats: arithmetic between bytes, frames and milliseconds.  Pure, without numpy."""

from dataclasses import dataclass, field
from typing import Literal

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

    def frames(self, size_bytes: int) -> int:
        """Whole frames in *size_bytes*; what is left of a last one does not count."""
        return size_bytes // self.bytes_per_frame

    def duration_ms(self, size_bytes: int) -> float:
        """How long the whole frames in *size_bytes* play."""
        return self.frames(size_bytes) * 1000 / self.rate_hz

    def size_bytes(self, duration_ms: float) -> int:
        """Size of *duration_ms*, to the nearest whole frame."""
        return round(duration_ms * self.rate_hz / 1000) * self.bytes_per_frame
