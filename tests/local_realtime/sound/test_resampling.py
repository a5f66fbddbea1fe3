"""The way to 16 kHz."""

import numpy as np
import pytest

from local_realtime.sound.resampling import Resampler, heard


def sine(hz, rate_hz, seconds=0.5):
    phase = 2 * np.pi * hz * np.arange(int(seconds * rate_hz)) / rate_hz
    return (8000 * np.sin(phase)).astype("<i2").tobytes()


def level_db(signal):
    """Of the middle, where the filter has settled."""
    return 20 * np.log10(np.std(signal[1000:-1000]) / (8000 / 32768 / np.sqrt(2)) + 1e-9)


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
def test_speech_passes_at_its_level(rate_hz):
    """Within a tenth of a decibel, and two samples for three, or for one."""
    signal = heard(sine(1000, rate_hz), rate_hz)

    assert len(signal) == 8000
    assert level_db(signal) == pytest.approx(0, abs=0.1)


def test_what_16_khz_cannot_hold_is_stopped():
    """By 50 dB at 10 kHz."""
    assert level_db(heard(sine(10_000, 24_000), 24_000)) < -50


def test_cutting_does_not_matter():
    """But for the last bits of a float."""
    pcm = sine(440, 24_000)
    resampler = Resampler(24_000)
    pieces = [resampler.convert(pcm[start : start + 960]) for start in range(0, len(pcm), 960)]

    assert np.allclose(np.concatenate(pieces), heard(pcm, 24_000), atol=1e-6)


def test_an_odd_end_is_left_out():
    """It is less than a sample of the other rate."""
    assert len(heard(bytes(2 * 5), 24_000)) == 2
