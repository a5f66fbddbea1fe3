"""From the rates of the API to the one that models of speech hear."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

HEARING_HZ = 16_000
REACH = 24
"""Taps on either side; at 24 kHz one millisecond."""

PASSBAND = 0.95
"""Of the lower of the two Nyquist frequencies."""

Samples = NDArray[np.float32]


class Resampler:
    """Converts one signal to 16 kHz; cutting it into other blocks gives the same samples.

    A block holds a multiple of `down` samples.  The result is late by about a millisecond.
    """

    def __init__(self, rate_hz: int) -> None:
        common = int(np.gcd(rate_hz, HEARING_HZ))
        self.down = rate_hz // common
        self._taps = _phases(HEARING_HZ // common, self.down)
        self._tail: Samples = np.zeros(len(self._taps) - self.down, np.float32)

    def convert(self, pcm: bytes) -> Samples:
        """The 16-bit samples of *pcm* as floats of full scale 1."""
        block = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32768)
        signal = np.concatenate([self._tail, block])
        self._tail = signal[len(signal) - len(self._tail) :]
        if len(signal) < len(self._taps):
            return np.zeros(0, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(signal, len(self._taps))
        return (windows[:: self.down] @ self._taps).reshape(-1)


def heard(pcm: bytes, rate_hz: int) -> Samples:
    """A whole sound at 16 kHz."""
    resampler = Resampler(rate_hz)
    return resampler.convert(pcm[: len(pcm) // (2 * resampler.down) * 2 * resampler.down])


@cache
def _phases(up: int, down: int) -> Samples:
    """One column of taps for each of the *up* positions between *down* samples.

    A windowed sinc; a Kaiser window of beta 6 stops about 60 dB.
    """
    position = np.arange(up) * down / up - np.arange(-REACH, REACH + down)[:, None]
    cutoff = PASSBAND * min(1.0, up / down)
    inside = np.clip(1 - (position / (REACH + down)) ** 2, 0, 1)
    taps = cutoff * np.sinc(cutoff * position) * np.i0(6.0 * np.sqrt(inside)) / np.i0(6.0)
    return np.asarray(taps / taps.sum(axis=0), np.float32)
