"""Formats in which a caller speaks and hears, in the middle of a call."""

from random import Random
from typing import Any

import numpy as np

from tests.fakes.opus import Encoder
from workers.opus.library import lookahead_frames

PCM_BYTES_PER_MS = 48
SILENCE_MS = 600
"""Behind which the model finds that a turn is over."""
PACKET_MS = 20


class InputFormat:
    """One in which is spoken."""

    def __init__(self, name: str, rate_hz: int, channels: int) -> None:
        self.name, self.rate_hz, self.channels = name, rate_hz, channels

    @property
    def fields(self) -> dict[str, Any]:
        """As `configure` has them."""
        return {
            "input_format": self.name,
            "input_rate": self.rate_hz,
            "input_channels": self.channels,
        }

    @property
    def is_exact(self) -> bool:
        """The model hears each sample as it was."""
        return self.rate_hz == 24_000 and self.name in {"pcm16", "float32"}

    def chunks(self, random: Random, pcm: bytes, *, ends: bool) -> list[bytes]:
        """Loud noise: *pcm* if it is exact, else any for as long; *ends*: silence behind it."""
        duration_ms = len(pcm) // PCM_BYTES_PER_MS
        silence_ms = SILENCE_MS if ends else 0
        if self.name == "opus":
            return self._packets(random, duration_ms, silence_ms)
        if self.name == "pcmu":
            sound = random.randbytes(8 * duration_ms) + b"\xff" * (8 * silence_ms)
            return _cut(random, sound, 1, 8)
        if self.is_exact:
            samples = np.frombuffer(pcm, "<i2")
        else:
            data = random.randbytes(2 * duration_ms * self.rate_hz // 1000)
            samples = np.frombuffer(data, "<i2")
        samples = np.pad(samples, (0, silence_ms * self.rate_hz // 1000))
        if self.name == "float32":
            samples = (samples / 32768).astype("<f4")
        frame_bytes = samples.itemsize * self.channels
        sound = np.repeat(samples, self.channels).tobytes()
        return _cut(random, sound, frame_bytes, frame_bytes * self.rate_hz // 1000)

    def _packets(self, random: Random, duration_ms: int, silence_ms: int) -> list[bytes]:
        """Whole ones, and not one more for what the encoder still holds."""
        frames = self.rate_hz * (duration_ms + silence_ms) // 1000
        noise = np.random.default_rng(random.getrandbits(32)).uniform(-0.8, 0.8, frames)
        noise[self.rate_hz * duration_ms // 1000 :] = 0
        held = lookahead_frames(self.rate_hz)
        return Encoder(self.rate_hz).packets(noise[: max(0, frames - held)].astype("f4"), PACKET_MS)


def _cut(random: Random, sound: bytes, frame_bytes: int, bytes_per_ms: int) -> list[bytes]:
    """Into chunks of 20 to 400 ms."""
    chunks = []
    while sound:
        size = random.randint(20, 400) * bytes_per_ms // frame_bytes * frame_bytes
        chunks.append(sound[:size])
        sound = sound[size:]
    return chunks


PLAIN = InputFormat("pcm16", 24_000, 1)
INPUTS = (
    PLAIN,
    InputFormat("pcm16", 24_000, 2),
    InputFormat("float32", 24_000, 1),
    InputFormat("float32", 24_000, 3),
    InputFormat("pcm16", 48_000, 1),
    InputFormat("pcm16", 8000, 2),
    InputFormat("float32", 16_000, 1),
    InputFormat("pcmu", 8000, 1),
    InputFormat("opus", 48_000, 1),
)
OUTPUTS: tuple[dict[str, Any], ...] = tuple(
    {"output_format": name, "output_rate": rate_hz, "output_encoding": encoding}
    for name, rate_hz in (
        ("pcm16", 24_000),
        ("pcm16", 8000),
        ("float32", 48_000),
        ("pcmu", 8000),
        ("opus", 24_000),
    )
    for encoding in ("base64", "binary")
)
