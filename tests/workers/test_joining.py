"""Tests of workers/joining.py: streams of different rates as one, against the ideal signal."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.on_demand import scipy_signal
from tests.workers.streams import converted, noise
from workers.joining import JoiningResampler, cut, go_on
from workers.resample import Resampler

RATES = [
    *(8_000, 8_001, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000),
    *(37_800, 44_056, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000),
]
CHANGES = [
    (first_hz, RATES[(place + further) % len(RATES)])
    for place, first_hz in enumerate(RATES)
    for further in (1, 6, 11)
]
"""Each rate behind three others and before three, near and far, faster and slower."""
NOISE_FLOOR_DB = -120.0
SPEECH = Path(__file__).resolve().parents[1] / "data" / "amiable.wav"


def joined(parts, out_hz=24_000, *, cuts=1):
    """Convert (rate, samples) one behind the other; each part arrives in *cuts* pieces."""
    outputs, state, before = [], None, None
    for in_hz, samples in parts:
        resampler = JoiningResampler.joining(in_hz, out_hz)
        if before is None:
            state = resampler.start()
        else:
            tail, ahead_s = cut(before, state)
            outputs.append(tail)
            state = go_on(resampler, ahead_s)
        for piece in np.array_split(samples.astype(np.float32), cuts):
            output, state = resampler.run(state, piece)
            outputs.append(output)
        before = resampler
    output, state = before.flush(state)
    assert state.joint is None  # what follows is a stream like any other
    return np.concatenate([*outputs, output])


def sampled(signal, rates_and_lengths):
    """One signal, taken at one rate after the other."""
    parts, begin_s = [], Fraction(0)
    for rate_hz, length in rates_and_lengths:
        times = float(begin_s) + np.arange(length) / rate_hz
        parts.append((rate_hz, signal(times)))
        begin_s += Fraction(length, rate_hz)
    return parts, begin_s


def level_db(values):
    return 20 * np.log10(np.abs(values).max(initial=0) + 1e-12)


def tones(seed, tones_hz=(201, 713, 1_900, 3_100)):
    phases = np.random.default_rng(seed).uniform(0, 6, len(tones_hz))

    def signal(times):
        return sum(
            0.2 * np.sin(2 * np.pi * tone * times + phase)
            for tone, phase in zip(tones_hz, phases, strict=True)
        )

    return signal


@pytest.mark.parametrize(("first_hz", "second_hz"), CHANGES)
def test_a_sine_goes_on_in_phase_over_a_change_of_rate(first_hz, second_hz):
    """Nothing of the cut stands out of the noise floor, wherever it lies, and no sample is lost."""
    lengths = np.random.default_rng(first_hz + second_hz).integers(0, 700, 2)
    signal = tones(first_hz)
    parts, end_s = sampled(
        signal,
        [(first_hz, first_hz // 16 + lengths[0]), (second_hz, second_hz // 14 + lengths[1])],
    )
    output = joined(parts, cuts=9)

    assert math.ceil(end_s * 24_000) == len(output)
    times = np.arange(len(output)) / 24_000
    steady = (times > 0.02) & (times < times[-1] - 0.02)
    assert level_db((output - signal(times))[steady]) < NOISE_FLOOR_DB


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(RATES), st.integers(0, 3000)), min_size=1, max_size=6),
    st.sampled_from([8_000, 8_001, 24_000, 44_100, 48_000]),
    st.integers(1, 40),
)
def test_as_many_samples_come_out_as_play_as_long(parts, out_hz, cuts):
    """Of any number of parts, however short; and how each arrives does not matter to the bit."""
    streams = [(rate_hz, noise(length)) for rate_hz, length in parts]
    whole = joined(streams, out_hz)
    pieces = joined(streams, out_hz, cuts=cuts)

    total_s = sum(Fraction(length, rate_hz) for rate_hz, length in parts)
    assert math.ceil(total_s * out_hz) == len(whole)
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(whole, pieces)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(RATES), min_size=2, max_size=5), st.integers(0, 2**32))
def test_many_changes_are_as_quiet_as_one(rates, seed):
    """20 to 50 ms between them."""
    lengths = np.random.default_rng(seed).uniform(0.02, 0.05, len(rates))
    signal = tones(seed, (440, 1_250))
    plan = [(rate, int(rate * length)) for rate, length in zip(rates, lengths, strict=True)]
    parts, _ = sampled(signal, plan)
    output = joined(parts, cuts=3)

    times = np.arange(len(output)) / 24_000
    inside = (times > 0.01) & (times < times[-1] - 0.01)
    assert level_db((output - signal(times))[inside]) < -90


def test_speech_that_changes_its_rate_all_the_time_is_the_same_speech():
    """Every 10 to 30 ms, it is 50 dB above what the changes do to it; ended with silence, 36."""
    speech, rate_hz = soundfile.read(SPEECH, dtype="float32")
    # What the slowest of the rates can hold.
    low = (
        scipy_signal()
        .sosfiltfilt(scipy_signal().butter(10, 3_200, fs=rate_hz, output="sos"), speech)
        .astype(np.float32)
    )
    rates = [8_000, 16_000, 24_000, 32_000, 48_000, 96_000]
    at_rate = {rate: converted(low, rate_hz, rate) for rate in rates}
    chosen, begin_s, parts = np.random.default_rng(1), Fraction(0), []
    while begin_s < 3:
        rate = int(chosen.choice([each for each in rates if not parts or each != parts[-1][0]]))
        begin, length = int(begin_s * rate), rate // 100 * int(chosen.integers(1, 4))
        parts.append((rate, at_rate[rate][begin : begin + length]))
        begin_s += Fraction(length, rate)
    output = joined(parts)

    ideal = at_rate[24_000][: len(output)]
    error = (output - ideal)[480:-480]
    assert len(parts) > 100
    assert 10 * np.log10((ideal**2).sum() / (error**2).sum()) > 50


def test_equal_rates_on_the_grid_give_back_the_samples():
    """What lies between two samples of 24 kHz is converted, what lies on one is not touched."""
    samples = noise(2400) / 8
    on_grid = joined([(48_000, np.zeros(960)), (24_000, samples)])
    np.testing.assert_array_equal(samples, on_grid[480:])

    between = joined([(48_000, np.zeros(961)), (24_000, samples)])
    assert 481 + 2400 == len(between)
    assert not np.array_equal(samples, between[481:])


def test_a_stream_on_the_grid_is_one_of_the_ordinary_again():
    """From 10 ms on it costs what all others cost."""
    first, second = (
        JoiningResampler.joining(16_000, 24_000),
        JoiningResampler.joining(48_000, 24_000),
    )
    _, state = first.run(first.start(), noise(1600))
    _, ahead_s = cut(first, state)
    assert 0 == ahead_s
    _, state = second.run(go_on(second, ahead_s), noise(400))
    assert state.joint is not None
    _, state = second.run(state, noise(80))

    assert state.joint is None


def test_a_stream_that_nothing_came_before_begins_like_any_other():
    """Plain and joining resamplers give the same to the bit."""
    samples = noise(3000)
    plain = Resampler.between(44_100, 24_000)
    joining = JoiningResampler.joining(44_100, 24_000)

    np.testing.assert_array_equal(
        plain.run(plain.start(), samples)[0], joining.run(joining.start(), samples)[0]
    )


@pytest.mark.parametrize("short_hz", [8_000, 11_025, 16_000, 22_050])
@pytest.mark.parametrize("length", [1, 2])
def test_a_stretch_too_short_to_learn_from_tears_no_hole(short_hz, length):
    """Of a client that changes again behind a sample: nearly all that is said there was missing."""

    def signal(times):
        return 0.5 * np.sin(2 * np.pi * 440 * times)

    worst = 0.0
    for before in range(2_400, 2_460, 5):
        parts, _ = sampled(signal, [(24_000, before), (short_hz, length), (16_000, 1_600)])
        output = joined(parts)
        ideal = signal(np.arange(len(output)) / 24_000)
        worst = max(worst, np.abs(output - ideal)[400:-400].max())
    assert 0.12 > worst
