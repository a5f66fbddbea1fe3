"""The filter every change of rate needs: what lies above the lower Nyquist frequency goes."""

import math

import numpy as np
from numpy.typing import NDArray

PASSBAND = 0.9
"""Flat up to this part of the lower Nyquist frequency, silent from 1.0 on."""

ATTENUATION_DB = 140.0
"""Of the stopband; beyond what float32 transforms resolve."""


def half_length(rate_hz: int, lower_hz: int) -> int:
    """Return how many samples at *rate_hz* the filter reaches to either side.

    Parameters
    ----------
    rate_hz : int
        The rate at which lengths are counted.
    lower_hz : int
        The lower of the two rates; its Nyquist frequency is the edge of the stopband.

    Notes
    -----
    Kaiser's estimate of the order (Oppenheim and Schafer, *Discrete-Time Signal Processing*,
    eq. 7.76): 92 samples of the lower rate, which is 3.8 ms at 24 kHz and 11.5 ms at 8 kHz.
    """
    transition = math.pi * (1 - PASSBAND)
    return math.ceil((ATTENUATION_DB - 7.95) / 2.285 / transition / 2 * rate_hz / lower_hz)


def response(
    frequencies_hz: NDArray[np.float64], higher_hz: int, lower_hz: int
) -> NDArray[np.float64]:
    """Return the filter's gain: real, because it is symmetric about now.

    Parameters
    ----------
    frequencies_hz : float64, shape (bins,)
        Where to evaluate it.
    higher_hz, lower_hz : int
        The two rates; the order of conversion does not matter.

    Returns
    -------
    gain : float64, shape (bins,)
        1.0 at 0 Hz; within 1e-6 of 1.0 in the passband, within 3e-7 of 0.0 in the stopband.

    Notes
    -----
    A windowed sinc with taps at *higher_hz*, Kaiser window; O(bins * taps), a few milliseconds.
    """
    reach = half_length(higher_hz, lower_hz)
    taps = np.arange(-reach, reach + 1)
    window = np.kaiser(len(taps), 0.1102 * (ATTENUATION_DB - 8.7))
    impulse = np.sinc(taps * (lower_hz / higher_hz * (1 + PASSBAND) / 2)) * window
    impulse /= impulse.sum()
    angles = np.outer(frequencies_hz, taps[reach + 1 :] * (2 * np.pi / higher_hz))
    gain: NDArray[np.float64] = impulse[reach] + 2 * np.cos(angles) @ impulse[reach + 1 :]
    return gain
