"""Resampling against a slow oracle, against ideal sines, and against itself cut differently."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers import oracles
from tests.workers.streams import converted, noise, steady
from workers.resample import Resampler

PAIRS = [
    (48000, 24000),
    (44100, 24000),
    (16000, 24000),
    (8000, 24000),
    (24000, 48000),
    (24000, 44100),
    (24000, 16000),
    (24000, 8000),
    (22050, 24000),
    (11025, 24000),
    (96000, 24000),
    (192000, 8000),
    (8000, 192000),
    (8001, 24000),
    (24000, 8001),
    (11025, 8000),
    (44101, 16000),
    (24000, 24000),
]
pairs = pytest.mark.parametrize(("in_hz", "out_hz"), PAIRS)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PAIRS), st.integers(0, 9000), st.data())
def test_cutting_does_not_matter(rates, length, data):
    """Any cutting of any length gives the samples of one piece to the bit, as many as promised."""
    in_hz, out_hz = rates
    cuts = data.draw(st.lists(st.integers(0, length), max_size=12))
    samples = noise(length)

    whole = converted(samples, in_hz, out_hz)
    pieces = converted(samples, in_hz, out_hz, cuts)

    assert -(-length * out_hz // in_hz) == len(whole)
    assert np.float32 == whole.dtype
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(whole, pieces)


@settings(max_examples=25, deadline=None)
@given(st.integers(8000, 192000), st.integers(8000, 192000), st.integers(0, 2000), st.data())
def test_any_two_rates_can_be_converted(in_hz, out_hz, length, data):
    """Whatever the rates: exact length, finite, and cutting does not matter."""
    cuts = data.draw(st.lists(st.integers(0, length), max_size=3))

    whole = converted(noise(length), in_hz, out_hz)

    assert -(-length * out_hz // in_hz) == len(whole)
    assert np.isfinite(whole).all()
    np.testing.assert_array_equal(whole, converted(noise(length), in_hz, out_hz, cuts))


@pairs
def test_samples_may_come_one_by_one(in_hz, out_hz):
    """Pieces of one sample and of none give the samples of one piece to the bit."""
    samples = noise(700)
    cuts = [*range(700), *range(0, 700, 50)]

    np.testing.assert_array_equal(
        converted(samples, in_hz, out_hz), converted(samples, in_hz, out_hz, cuts)
    )


@pytest.mark.parametrize(
    ("in_hz", "out_hz"), [pair for pair in PAIRS if 192000 not in pair and pair[0] != pair[1]]
)
def test_it_is_the_filter_evaluated_at_every_output(in_hz, out_hz):
    """Noise differs by no more than 3e-6 from the windowed sinc in float64, ends included."""
    samples = noise(in_hz // 20)

    expected = oracles.resampled(samples, in_hz, out_hz)

    np.testing.assert_allclose(converted(samples, in_hz, out_hz), expected, atol=3e-6)


@pairs
@pytest.mark.parametrize("part", [0.02, 0.3, 0.85])
def test_a_sine_stays_a_sine(in_hz, out_hz, part):
    """In the passband the SNR is 130 dB or more, and the phase that of the input."""
    frequency_hz = part * min(in_hz, out_hz) / 2
    ideal = oracles.sine(frequency_hz, out_hz, out_hz // 2 - 3)

    actual = converted(oracles.sine(frequency_hz, in_hz, in_hz // 2), in_hz, out_hz)

    error = actual[: len(ideal)] - ideal
    assert -130 >= oracles.decibels(steady(error, out_hz), steady(ideal, out_hz))


@pytest.mark.parametrize(
    ("frequency_hz", "in_hz", "out_hz"),
    [
        (14000, 48000, 24000),
        (12010, 48000, 24000),
        (23900, 48000, 24000),
        (14000, 44100, 24000),
        (4100, 24000, 8000),
        (4100, 24000, 8001),
        (90000, 192000, 8000),
    ],
)
def test_what_is_above_the_lower_nyquist_frequency_is_gone(frequency_hz, in_hz, out_hz):
    """An alias is at least 120 dB below the tone it comes from."""
    tone = oracles.sine(frequency_hz, in_hz, in_hz // 2)

    alias = converted(tone, in_hz, out_hz)

    assert -120 >= oracles.decibels(steady(alias, out_hz), tone)


@pairs
@pytest.mark.parametrize("at_ms", [0, 10, 37])
def test_an_impulse_stays_where_it_is(in_hz, out_hz, at_ms):
    """The peak comes out at the time it went in, and the filter is symmetric about it."""
    impulse = np.zeros(in_hz // 10)
    position = in_hz * at_ms // 1000
    impulse[position] = 1.0

    actual = converted(impulse, in_hz, out_hz)

    assert round(position * out_hz / in_hz) == np.argmax(actual)


@pairs
def test_silence_stays_silent(in_hz, out_hz):
    """Zeros give zeros, without a trace of noise."""
    assert not converted(np.zeros(in_hz // 10), in_hz, out_hz).any()


@pairs
def test_full_scale_keeps_its_level(in_hz, out_hz):
    """A constant at full scale comes out within 1e-6 of it."""
    actual = converted(np.ones(in_hz // 5), in_hz, out_hz)

    np.testing.assert_allclose(steady(actual, out_hz), 1.0, atol=1e-6)


@pairs
def test_lengths_around_the_edges_of_blocks(in_hz, out_hz):
    """Nothing, one sample, and a block more or less: always as many as promised."""
    layout = Resampler.between(in_hz, out_hz).layout
    edges = [0, layout.reach, layout.hop, layout.hop + layout.reach, layout.size, 2 * layout.hop]
    lengths = [0, 1, *(max(0, edge + n) for edge in edges for n in (-1, 0, 1))]

    expected = [-(-length * out_hz // in_hz) for length in lengths]

    assert expected == [len(converted(noise(length), in_hz, out_hz)) for length in lengths]


@pairs
def test_no_more_is_held_back_than_promised(in_hz, out_hz):
    """Whenever one asks, all output is there but that of the last `delay_samples_in`."""
    resampler = Resampler.between(in_hz, out_hz)
    state, received, sent = resampler.start(), 0, 0
    for length in [1, resampler.layout.hop - 1, 1, 2, in_hz // 50, in_hz // 100, in_hz // 7] * 3:
        part, state = resampler.run(state, noise(length))
        received, sent = received + length, sent + len(part)

        assert received - resampler.delay_samples_in <= sent * in_hz / out_hz


def test_equal_rates_give_back_the_samples():
    """There is no delay and not a bit of change."""
    resampler = Resampler.between(24000, 24000)
    samples = noise(480)

    actual, state = resampler.run(resampler.start(), samples)
    rest, _ = resampler.flush(state)

    assert 0 == resampler.delay_samples_in
    np.testing.assert_array_equal(samples, actual)
    assert 0 == len(rest)


def test_a_flushed_state_is_fresh():
    """A second stream after a flush is as the first."""
    resampler = Resampler.between(48000, 24000)
    samples = noise(3000)
    _, state = resampler.run(resampler.start(), samples)
    _, state = resampler.flush(state)

    first, _ = resampler.run(resampler.start(), samples)
    second, _ = resampler.run(state, samples)

    np.testing.assert_array_equal(first, second)


def test_a_state_may_be_used_again():
    """A call leaves the state it was given, and the samples, as they were."""
    resampler = Resampler.between(44100, 24000)
    samples = noise(2000)
    _, state = resampler.run(resampler.start(), samples)

    first, _ = resampler.run(state, samples)
    resampler.flush(state)
    second, _ = resampler.run(state, samples)

    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(noise(2000), samples)


@pytest.mark.parametrize(("in_hz", "out_hz"), [(48000, 24000), (8001, 24000), (24000, 24000)])
def test_streams_converted_together_are_as_converted_alone(in_hz, out_hz):
    """Pieces of several streams, empty and ending ones among them, keep their bits and order."""
    resampler = Resampler.between(in_hz, out_hz)
    signals = [noise(length, seed=length) for length in (0, 5, 960, 3, 4000, 1)]
    clips = [signal.tobytes() for signal in signals]

    samples, cuts, states = resampler.run_all(
        [(resampler.start(), [clip, b"", None, clip[:8]]) for clip in clips]
    )

    assert 4 * len(signals) == len(cuts)
    for number, signal in enumerate(signals):
        first, nothing, end, again = (samples[cut] for cut in cuts[4 * number :][:4])
        whole = np.concatenate((first, end))
        np.testing.assert_array_equal(converted(signal, in_hz, out_hz), whole)
        assert 0 == len(nothing)
        rest, _ = resampler.flush(states[number])
        whole = np.concatenate((again, rest))
        np.testing.assert_array_equal(converted(signal[:2], in_hz, out_hz), whole)


def test_a_plan_is_designed_once():
    """The same rates give the very same resampler."""
    assert Resampler.between(48000, 24000) is Resampler.between(48000, 24000)
