"""Tests of workers/lockstep.py."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workers.lockstep import step
from workers.resample import Resampler

RATES = [(48_000, 24_000), (44_100, 24_000), (16_000, 24_000), (8_000, 24_000), (24_000, 8_000)]


def begun(resampler: Resampler, frames: int, streams: int, seed: int = 0):
    """Streams of noise that have had *frames* samples each."""
    noise = np.random.default_rng(seed)
    states = []
    for _ in range(streams):
        samples = noise.uniform(-1, 1, frames).astype(np.float32)
        states.append(resampler.run(resampler.start(), samples)[1])
    return states


@settings(max_examples=60, deadline=None)
@given(
    rates=st.sampled_from(RATES),
    streams=st.integers(1, 70),
    before=st.integers(0, 1000),
    frames=st.integers(1, 3000),
    seed=st.integers(0, 1000),
)
def test_streams_in_step_get_what_each_gets_alone(rates, streams, before, frames, seed):
    """To the bit: the samples, and the state that the next call begins with."""
    resampler = Resampler.between(*rates)
    states = begun(resampler, resampler.layout.size + before, streams, seed)
    noise = np.random.default_rng(seed + 1)
    clips = noise.uniform(-1, 1, (streams, frames)).astype(np.float32)

    converted, after = step(resampler, states, clips)

    for state, clip, row, next_state in zip(states, clips, converted, after, strict=True):
        expected, expected_state = resampler.run(state, clip)
        assert expected.tobytes() == row.tobytes()
        assert expected_state.pending == next_state.pending
        assert expected_state.received == next_state.received


@pytest.mark.parametrize("frames", [[5000, 5001], [5000, 100], [0, 0]])
def test_streams_out_of_step_are_left_to_others(frames):
    """They hold back different amounts, or one has only begun."""
    resampler = Resampler.between(48_000, 24_000)
    states = [begun(resampler, each, 1)[0] for each in frames]

    assert step(resampler, states, np.zeros((2, 960), np.float32)) is None


def test_rates_without_a_grid_are_left_to_others():
    """8001 Hz and 24 kHz meet once a second."""
    resampler = Resampler.between(8001, 24_000)

    assert step(resampler, begun(resampler, 5000, 2), np.zeros((2, 160), np.float32)) is None
