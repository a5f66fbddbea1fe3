"""Slow and obvious versions that the fast ones are held against."""

import functools
import itertools
import math

import numpy as np

PASSBAND, ATTENUATION_DB = 0.9, 140.0


def resampled(samples, in_hz, out_hz):
    """Evaluate the windowed sinc at every pair of output and input times, in float64."""
    lower_hz, higher_hz = sorted((in_hz, out_hz))
    reach_s = (
        math.ceil(
            (ATTENUATION_DB - 7.95) / 2.285 / (math.pi * (1 - PASSBAND)) / 2 * higher_hz / lower_hz
        )
        / higher_hz
    )
    out_s = np.arange(-(-len(samples) * out_hz // in_hz)) / out_hz
    apart_s = out_s[:, None] - np.arange(len(samples)) / in_hz
    # Most pairs are too far apart for the window, whose every value is dear.
    near = np.abs(apart_s) <= reach_s
    near_s = apart_s[near]
    window = np.i0(
        0.1102 * (ATTENUATION_DB - 8.7) * np.sqrt(np.clip(1 - (near_s / reach_s) ** 2, 0, None))
    ) / np.i0(0.1102 * (ATTENUATION_DB - 8.7))
    cutoff_hz = lower_hz * (1 + PASSBAND) / 2
    kernel = np.zeros_like(apart_s)
    kernel[near] = np.sinc(near_s * cutoff_hz) * window * cutoff_hz / in_hz
    return kernel @ samples.astype(np.float64)


def sine(frequency_hz, rate_hz, length):
    """Return a sine at full scale, in float64."""
    return np.sin(2 * np.pi * frequency_hz * np.arange(length) / rate_hz)


def decibels(signal, reference):
    """Return the power of *signal* over that of *reference*."""
    power = np.mean(np.square(signal, dtype=np.float64))
    return 10 * np.log10(power / np.mean(np.square(reference, dtype=np.float64)))


@functools.cache
def mulaw_intervals():
    """Return [(decision value, output)] of the positive half of G.711 table 2a, in 16 bits.

    Eight segments; the interval doubles with each; the very first is half an interval wide.
    """
    decisions = [0, 1]
    for segment in range(8):
        for _ in range(15 if segment == 0 else 16):
            decisions.append(decisions[-1] + (2 << segment))
    assert (129, 8159) == (len(decisions), decisions[-1])
    outputs = [0] + [(low + high) // 2 for low, high in itertools.pairwise(decisions[1:])]
    return [(4 * low, 4 * output) for low, output in zip(decisions, outputs, strict=False)]


@functools.cache
def alaw_intervals():
    """Return [(decision value, output)] of the positive half of G.711 table 1a, in 16 bits.

    Seven segments, of which the first has 32 intervals and the others 16 that double.
    """
    decisions = [0]
    for segment in range(7):
        for _ in range(32 if segment == 0 else 16):
            decisions.append(decisions[-1] + (2 << segment))
    assert (129, 4096) == (len(decisions), decisions[-1])
    outputs = [(low + high) // 2 for low, high in itertools.pairwise(decisions)]
    return [(8 * low, 8 * output) for low, output in zip(decisions, outputs, strict=False)]


def mulaw_decode(code):
    """Return the int16 of one code: the character signal is the interval's number, inverted."""
    output = mulaw_intervals()[~code & 0x7F][1]
    return output if code & 0x80 else -output


def alaw_decode(code):
    """Return the int16 of one code: the interval's number, even bits inverted."""
    output = alaw_intervals()[(code ^ 0x55) & 0x7F][1]
    return output if code & 0x80 else -output


def _interval(linear, intervals):
    # The two halves mirror each other about -0.5, as in G.191.
    magnitude = linear if linear >= 0 else -linear - 1
    return max(n for n, (low, _) in enumerate(intervals) if magnitude >= low)


def mulaw_encode(linear):
    """Return the code of one int16, by searching the decision values."""
    number = _interval(linear, mulaw_intervals())
    return (~number & 0x7F) | (0x80 if linear >= 0 else 0)


def alaw_encode(linear):
    """Return the code of one int16, by searching the decision values."""
    number = _interval(linear, alaw_intervals())
    return (number ^ 0x55) & 0x7F | (0x80 if linear >= 0 else 0)
