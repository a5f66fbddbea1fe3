"""Sound in memory and on the wire: 16-bit mono PCM, G.711, base64."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pybase64
from numpy.typing import NDArray

from local_realtime.errors import Refused, invalid
from local_realtime.sound import g711

PCM_HZ = 24_000
G711_HZ = 8_000
BYTES_PER_SAMPLE = 2
MAX_APPEND_BASE64_BYTES = 15 * 1024 * 1024
"""Per event, as documented for `input_audio_buffer.append`."""

FILTER_REACH = 48
"""Taps on either side of the centre, at 24 kHz: 16 samples of the 8 kHz side."""


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Sound:
    pcm: bytes
    """Signed 16-bit little-endian mono samples."""

    rate_hz: int

    @property
    def samples(self) -> int:
        return len(self.pcm) // BYTES_PER_SAMPLE

    @property
    def duration_ms(self) -> int:
        return self.samples * 1000 // self.rate_hz

    @property
    def seconds(self) -> float:
        return self.samples / self.rate_hz

    def until_ms(self, end_ms: int) -> "Sound":
        end_bytes = end_ms * self.rate_hz // 1000 * BYTES_PER_SAMPLE
        return Sound(self.pcm[:end_bytes], self.rate_hz)


def rate_of(audio_format: dict[str, Any]) -> int:
    return PCM_HZ if audio_format["type"] == "audio/pcm" else G711_HZ


def decode_base64(text: str, audio_format: dict[str, Any], path: str) -> bytes:
    """The PCM of *text* at `rate_of` its format.

    Raises:
        Refused: If *text* is too long, is not base64, or ends within a sample.
    """
    if len(text) > MAX_APPEND_BASE64_BYTES:
        message = f"'{path}' is longer than {MAX_APPEND_BASE64_BYTES} bytes of base64."
        raise Refused("string_above_max_length", message, path)
    try:
        data = pybase64.b64decode(text, validate=True)
    except ValueError:
        raise invalid(path, "expected base64-encoded audio") from None
    if audio_format["type"] != "audio/pcm":
        return g711.decode(data, audio_format["type"]).tobytes()
    if len(data) % BYTES_PER_SAMPLE:
        raise invalid(path, "expected whole 16-bit samples, got an odd number of bytes")
    return data


def encode_base64(sound: Sound, audio_format: dict[str, Any], start: int, stop: int) -> str:
    """Samples *start* to *stop* of *sound* as the wire carries them.

    Pieces whose borders are multiples of 3 join without a seam, whatever the two rates are.
    """
    law, rate_hz = audio_format["type"], rate_of(audio_format)
    if rate_hz == sound.rate_hz:
        pcm = sound.pcm[start * BYTES_PER_SAMPLE : stop * BYTES_PER_SAMPLE]
    else:
        pcm = _resampled(sound, start, stop)
    if law == "audio/pcm":
        return pybase64.b64encode(pcm).decode()
    return pybase64.b64encode(g711.encode(np.frombuffer(pcm, "<i2"), law)).decode()


@cache
def _low_pass() -> NDArray[np.float64]:
    """4 kHz at 24 kHz; a Kaiser window of beta 6 stops about 60 dB, more than G.711 can show."""
    position = np.arange(-FILTER_REACH, FILTER_REACH + 1)
    taps = np.sinc(position / 3) * np.kaiser(2 * FILTER_REACH + 1, 6.0)
    return np.asarray(taps / taps.sum())


def _resampled(sound: Sound, start: int, stop: int) -> bytes:
    """A piece at the other of the two rates, filtered with what stands before and after it."""
    up = sound.rate_hz == G711_HZ
    margin = FILTER_REACH // 3 if up else FILTER_REACH
    whole = np.frombuffer(sound.pcm, "<i2")
    piece = whole[max(0, start - margin) : stop + margin].astype(np.float64)
    piece = np.pad(piece, (max(0, margin - start), max(0, stop + margin - len(whole))))
    if up:
        spread = np.zeros(len(piece) * 3)
        spread[::3] = piece * 3
        result = np.convolve(spread, _low_pass(), "same")[FILTER_REACH : FILTER_REACH * -1]
    else:
        result = np.convolve(piece, _low_pass(), "valid")[::3]
    return np.clip(np.rint(result), -32768, 32767).astype("<i2").tobytes()
