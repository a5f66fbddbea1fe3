"""Loudness of a block."""

import numpy as np
import pytest

from tests.workers import oracles
from workers.level import SILENCE_DBFS, level_dbfs


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
    assert expected == level_dbfs(samples.astype(np.float32))
