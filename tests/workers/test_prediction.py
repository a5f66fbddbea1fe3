"""Tests of workers/prediction.py: how a signal would go on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.prediction import LOUDER, predict


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 24_000, 48_000, 192_000])
@pytest.mark.parametrize("tones_hz", [(100,), (997,), (311, 1_900), (3_300,)])
def test_a_sine_goes_on(rate_hz, tones_hz):
    """10 ms behind 20 ms of it, as exactly as 16 bits can say."""
    t = np.arange(rate_hz // 33) / rate_hz
    known = rate_hz // 50
    signal = sum(0.4 * np.sin(2 * np.pi * tone * t + tone) for tone in tones_hz)
    samples = (np.rint(signal * 32768) / 32768).astype(np.float32)
    more = predict(samples[:known], len(t) - known, rate_hz)

    assert np.abs(more - signal[known:])[: rate_hz // 1000].max() < 1e-3


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 600),
    st.integers(0, 300),
    st.sampled_from([8_000, 24_000, 44_100, 192_000]),
    st.sampled_from(["noise", "step", "silence", "loud", "grows"]),
)
def test_whatever_it_is_the_rest_is_finite_and_no_louder(known, count, rate_hz, kind):
    """Also where there is nothing to learn from, and where what is learnt would grow."""
    signal = {
        "noise": np.random.default_rng(known).standard_normal(known),
        "step": np.repeat([0.0, 1.0], (known + 1) // 2)[:known],
        "silence": np.zeros(known),
        "loud": np.full(known, 1e6),
        "grows": 1e-3 * 1.01 ** np.arange(known),
    }[kind].astype(np.float32)
    more = predict(signal, count, rate_hz)

    assert (np.float32, count) == (more.dtype, len(more))
    assert np.abs(more).max(initial=0) <= LOUDER * 1.001 * np.abs(signal).max(initial=0)
