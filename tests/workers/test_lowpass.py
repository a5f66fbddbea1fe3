"""The filter's gain against what its docstring promises."""

import numpy as np
import pytest

from workers import lowpass

RATES = [(48000, 24000), (44100, 24000), (192000, 8000), (24001, 24000)]


@pytest.mark.parametrize(("higher_hz", "lower_hz"), RATES)
def test_the_passband_is_flat(higher_hz, lower_hz):
    """From 0 Hz to 0.9 of the lower Nyquist frequency the gain is 1."""
    frequencies_hz = np.linspace(0, 0.9 * lower_hz / 2, 300)

    gain = lowpass.response(frequencies_hz, higher_hz, lower_hz)

    np.testing.assert_allclose(gain, 1.0, atol=1e-6)


@pytest.mark.parametrize(("higher_hz", "lower_hz"), RATES)
def test_the_stopband_is_silent(higher_hz, lower_hz):
    """From the lower Nyquist frequency on the gain is 130 dB down."""
    frequencies_hz = np.linspace(lower_hz / 2, higher_hz / 2, 300)

    gain = lowpass.response(frequencies_hz, higher_hz, lower_hz)

    np.testing.assert_allclose(gain, 0.0, atol=3e-7)


@pytest.mark.parametrize(
    ("rate_hz", "lower_hz", "expected"),
    [(24000, 24000, 92), (48000, 24000, 184), (8000, 8000, 92), (192000, 8000, 2208)],
)
def test_the_reach_is_92_samples_of_the_lower_rate(rate_hz, lower_hz, expected):
    """The length in time depends on the lower rate alone."""
    assert expected == lowpass.half_length(rate_hz, lower_hz)
