"""Loudness of a block."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers import oracles
from workers.level import SILENCE_DBFS, levels_dbfs


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param(np.ones(480), 0.0, id="square at full scale"),
        pytest.param(oracles.sine(1000, 48000, 480), -3.0, id="sine at full scale"),
        pytest.param(oracles.sine(1000, 48000, 480) / 10, -23.0, id="sine 20 dB below"),
        pytest.param(np.full(480, -0.5), -6.0, id="half"),
        pytest.param(np.full(480, 1e6), 120.0, id="far beyond full scale"),
        pytest.param(np.array([1 / 32768]), -90.3, id="one step of pcm16"),
        pytest.param(np.zeros(480), SILENCE_DBFS, id="silence"),
        pytest.param(np.full(480, 1e-30), SILENCE_DBFS, id="below the floor"),
        pytest.param(np.zeros(0), SILENCE_DBFS, id="nothing"),
    ],
)
def test_level(samples, expected):
    """The level is RMS over full scale in dB, to one place, with a floor."""
    assert [expected] == levels_dbfs(samples.astype(np.float32), [len(samples)])


@given(st.lists(st.integers(0, 40) | st.sampled_from([480, 960]), max_size=12))
def test_chunks_are_measured_apart(lengths):
    """Whatever is joined to it, a chunk has its own level, equally long neighbours or not."""
    noise = np.random.default_rng(5).standard_normal(sum(lengths)).astype(np.float32)
    chunks = np.split(noise, np.cumsum(lengths)[:-1]) if lengths else []

    expected = [level for chunk in chunks for level in levels_dbfs(chunk, [len(chunk)])]

    assert expected == levels_dbfs(noise, lengths)
