"""Signals, and what becomes of them on the way through a resampler."""

import numpy as np

from workers.resample import Resampler


def converted(samples, in_hz, out_hz, cuts=()):
    """Convert a whole signal, cut at *cuts* on its way in."""
    resampler = Resampler.between(in_hz, out_hz)
    state, parts = resampler.start(), []
    for piece in np.split(samples.astype(np.float32), sorted(cuts)):
        part, state = resampler.run(state, piece)
        parts.append(part)
    part, _ = resampler.flush(state)
    return np.concatenate([*parts, part])


def steady(samples, rate_hz):
    """Drop 50 ms from both ends, where a signal begins and ends abruptly."""
    return samples[rate_hz // 20 : -rate_hz // 20]


def noise(length, seed=0):
    """Return white noise, rms 1.0."""
    return np.random.default_rng(seed).standard_normal(length).astype(np.float32)
