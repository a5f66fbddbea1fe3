"""Offsets and peaks: against the plain recursion, and in any cutting."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.on_demand import scipy_signal
from workers.conditioning import (
    CEILING,
    CORNER_HZ,
    RELEASE_S,
    Follower,
    follow,
    limit_peaks,
    remove_dc,
)

RATES_HZ = (8_000, 24_000, 44_100, 192_000)
seeds = st.integers(0, 2**32 - 1)


def noise(length: int, seed: int = 1, peak: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-peak, peak, length).astype(np.float32)


def pieces(samples: np.ndarray, places: list[int]) -> list[np.ndarray]:
    return np.split(samples, sorted(place % (len(samples) + 1) for place in places))


def without_dc(clips: list[np.ndarray], rate_hz: int) -> np.ndarray:
    state, out = None, []
    for clip in clips:
        cleaned, state = remove_dc(state, clip, rate_hz)
        out.append(cleaned)
    return np.concatenate(out)


def limited(clips: list[np.ndarray], rate_hz: int) -> np.ndarray:
    state, out = Follower(), []
    for clip in clips:
        held, state = limit_peaks(state, clip, rate_hz)
        out.append(held)
    return np.concatenate(out)


@pytest.mark.parametrize(("ufunc", "plain"), [(np.add, lambda a, b: a + b), (np.maximum, max)])
@pytest.mark.parametrize("decay", [0.99, 0.9999])
def test_following_is_the_plain_recursion(ufunc, plain, decay):
    """Over several spans, to a millionth of a millionth."""
    values = np.random.default_rng(3).uniform(-1, 1, 5000)
    expected, value = [], 0.0
    for each in values:
        value = plain(decay * value, each)
        expected.append(value)
    followed, _ = follow(Follower(), values, decay, ufunc)

    assert np.abs(expected - followed).max() < 1e-12 / (1 - decay)


@given(seeds, st.lists(st.integers(0, 10_000), max_size=12), st.sampled_from(RATES_HZ))
def test_cutting_makes_no_difference_to_a_bit(seed, places, rate_hz):
    """Of either repair, down to pieces of nothing."""
    samples = noise(4000, seed, peak=2.0) + np.float32(0.25)
    cut = pieces(samples, places)

    assert without_dc([samples], rate_hz).tobytes() == without_dc(cut, rate_hz).tobytes()
    assert limited([samples], rate_hz).tobytes() == limited(cut, rate_hz).tobytes()


def test_one_by_one_is_as_good_as_all_at_once():
    """The smallest pieces there are."""
    samples = noise(3000, peak=2.0)
    single = list(samples[:, None])

    assert without_dc([samples], 24_000).tobytes() == without_dc(single, 24_000).tobytes()
    assert limited([samples], 24_000).tobytes() == limited(single, 24_000).tobytes()


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_high_pass_is_what_it_says(rate_hz):
    """First order at 10 Hz: what scipy's filter gives, for a signal that begins at zero."""
    samples = noise(6000)
    samples[0] = 0
    decay = np.exp(-2 * np.pi * CORNER_HZ / rate_hz)
    reference = samples - scipy_signal().lfilter(
        [1 - decay], [1, -decay], samples.astype(np.float64)
    )

    assert np.abs(reference - without_dc([samples], rate_hz)).max() < 1e-6


@pytest.mark.parametrize("offset", [0.5, -0.9, 1e-3])
def test_an_offset_is_gone_from_the_first_sample_and_speech_is_not(offset):
    """A constant is silence; a 100 Hz tone on it keeps its level to a tenth of a decibel."""
    constant = np.full(24_000, offset, np.float32)
    assert np.abs(without_dc([constant], 24_000)).max() < 1e-7

    tone = (0.3 * np.sin(2 * np.pi * 100 * np.arange(48_000) / 24_000)).astype(np.float32)
    cleaned = without_dc([tone + np.float32(offset)], 24_000)[24_000:]
    assert abs(cleaned.mean()) < 1e-4
    assert abs(20 * np.log10(np.std(cleaned) / np.std(tone[24_000:]))) < 0.1


@given(seeds, st.floats(0.1, 1e6))
def test_no_peak_passes_the_ceiling(seed, peak):
    """However loud it is, and nothing becomes louder than it was."""
    samples = noise(3000, seed, peak)
    held = limited([samples], 24_000)

    assert np.abs(held).max() <= CEILING * (1 + 1e-6)
    assert (np.abs(held) <= np.abs(samples)).all()
    assert (np.sign(held) * np.sign(samples) >= 0).all()


def test_what_stays_below_the_ceiling_is_not_touched():
    """To the bit: a limiter that is on costs a quiet speaker nothing."""
    samples = noise(5000, peak=0.89)

    assert samples.tobytes() == limited([samples], 24_000).tobytes()


def test_the_limiter_lets_go_within_its_time():
    """After one peak of twice the ceiling the gain comes back by 1 - 1/e in 100 ms."""
    samples = np.full(24_000, 0.1, np.float32)
    samples[0] = 2 * CEILING
    gain = limited([samples], 24_000) / samples

    assert gain[0] == pytest.approx(0.5)
    assert gain[int(RELEASE_S * 24_000)] == pytest.approx(1 - 0.5 / np.e, abs=1e-4)
    assert (np.diff(gain[1:]) >= -1e-6).all()
    assert gain[-1] > 0.999
