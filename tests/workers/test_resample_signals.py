"""Every rate to the model's and back: signals that find what noise and sines do not."""

import itertools

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workers import oracles
from tests.workers.streams import converted, noise, steady
from workers.blocks import Flush
from workers.chain import Chain
from workers.formats import AudioFormat
from workers.resample import Resampler

MODEL_HZ = 24_000
RATES_HZ = [8_000, 8_001, 11_025, 12_000, 16_000, 22_050, 24_001, 32_000, 37_800, 44_100, 47_999,
            48_000, 88_200, 96_000, 176_400, 192_000]  # fmt: skip
PAIRS = [(hz, MODEL_HZ) for hz in RATES_HZ] + [(MODEL_HZ, hz) for hz in RATES_HZ]
both_ways = pytest.mark.parametrize(("in_hz", "out_hz"), PAIRS)
HOUR_S = 3600
KEYS = [(48_000, 24_000), (44_100, 24_000), (8_001, 24_000), (24_000, 8_000), (24_000, 44_100)]


@both_ways
@settings(max_examples=6, deadline=None)
@given(data=st.data())
def test_cutting_does_not_matter_at_any_rate(in_hz, out_hz, data):
    """Chunks of any lengths give the samples of one piece, bit for bit."""
    samples = noise(in_hz // 12)
    cuts = data.draw(st.lists(st.integers(0, len(samples)), max_size=20))

    np.testing.assert_array_equal(
        converted(samples, in_hz, out_hz), converted(samples, in_hz, out_hz, cuts)
    )


@both_ways
def test_every_rate_is_the_convolution_in_float64(in_hz, out_hz):
    """25 ms of noise differ by no more than 3e-6 from every output summed up by itself."""
    samples = noise(in_hz // 40)

    expected = oracles.resampled(samples, in_hz, out_hz)

    np.testing.assert_allclose(converted(samples, in_hz, out_hz), expected, atol=3e-6)


def sweep(rate_hz, from_hz, to_hz, length_s):
    """Return a sine whose frequency rises evenly, in float64."""
    t = np.arange(round(rate_hz * length_s)) / rate_hz
    return np.sin(2 * np.pi * (from_hz * t + (to_hz - from_hz) / (2 * length_s) * t**2))


@both_ways
def test_a_sweep_through_the_passband_keeps_level_and_phase(in_hz, out_hz):
    """What comes out is the sweep at the other rate, to -110 dB all the way."""
    top_hz = 0.88 * min(in_hz, out_hz) / 2
    ideal = sweep(out_hz, 20, top_hz, 1)

    actual = converted(sweep(in_hz, 20, top_hz, 1), in_hz, out_hz)

    assert -110 >= oracles.decibels(steady(actual - ideal, out_hz), steady(ideal, out_hz))


@pytest.mark.parametrize("in_hz", [hz for hz in RATES_HZ if hz >= 32_000])
def test_a_sweep_beyond_the_passband_is_gone(in_hz):
    """From the model's Nyquist frequency up to the client's there is nothing but silence."""
    tones = sweep(in_hz, 12_000, in_hz / 2, 0.5)

    left = converted(tones, in_hz, MODEL_HZ)

    assert -120 >= oracles.decibels(steady(left, MODEL_HZ), steady(tones, in_hz))


@both_ways
def test_a_lone_sample_keeps_its_place_and_its_weight(in_hz, out_hz):
    """An impulse's energy lies about its time, symmetric, and its sum is the change of rate."""
    at = in_hz // 10
    impulse = np.zeros(in_hz // 5)
    impulse[at] = 1.0

    actual = converted(impulse, in_hz, out_hz).astype(np.float64)

    times = np.arange(len(actual)) / out_hz
    centre_s = np.sum(times * actual) / np.sum(actual)
    assert centre_s == pytest.approx(at / in_hz, abs=1e-6)
    assert np.sum(actual) == pytest.approx(out_hz / in_hz, rel=1e-4)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("encoding", ["pcm16", "pcmu", "pcma"])
def test_full_scale_is_clipped_and_never_wraps(rate_hz, encoding):
    """A square wave overshoots where it is filtered; every plateau keeps its sign."""
    source, target = AudioFormat("pcm16", MODEL_HZ), AudioFormat(encoding, rate_hz)
    half = MODEL_HZ // 100
    square = np.tile(np.repeat(np.array([32767, -32768], "<i2"), half), 5)
    chain = Chain.between(source, target, as_base64=False)

    [([block, end], _)] = chain.run_all([(chain.start(), [square.tobytes(), Flush()])])

    decode = {"pcmu": oracles.mulaw_decode, "pcma": oracles.alaw_decode}.get(encoding)
    data = block.audio + end.audio
    values = [decode(code) for code in data] if decode else np.frombuffer(data, "<i2")
    times_s = np.arange(len(values)) / rate_hz
    phase = times_s * 100 % 1
    plateau = (phase > 0.2) & (phase < 0.8)
    signs = np.where(times_s * 100 // 1 % 2 == 0, 1, -1)
    assert (np.asarray(values)[plateau] * signs[plateau] > 25_000).all()


@both_ways
def test_silence_after_speech_is_silence(in_hz, out_hz):
    """What the filter rings dies out: nothing but zeros, or the rounding of float32, remains."""
    samples = np.concatenate([noise(in_hz // 10), np.zeros(in_hz // 5, np.float32)])

    tail = converted(samples, in_hz, out_hz)[-out_hz // 10 :]

    assert 1e-6 > np.abs(tail).max()


@pytest.mark.parametrize(("in_hz", "out_hz"), KEYS)
def test_an_hour_later_everything_is_as_at_first(in_hz, out_hz):
    """Counters are whole numbers: after an hour, and after a year, not a bit has moved."""
    resampler = Resampler.between(in_hz, out_hz)
    samples = noise(in_hz // 3)
    _, state = resampler.run(resampler.start(), samples)
    expected, _ = resampler.run(state, samples)

    for seconds in (HOUR_S, 365 * 24 * HOUR_S):
        later = msgspec.structs.replace(state, received=state.received + seconds * in_hz)
        actual, _ = resampler.run(later, samples)

        np.testing.assert_array_equal(expected, actual)


def test_an_hour_has_all_its_samples():
    """An hour that repeats every second comes out repeating every second, and exactly as long."""
    resampler = Resampler.between(8_000, MODEL_HZ)
    ten_seconds = np.tile(noise(8_000), 10)
    part, state = resampler.run(resampler.start(), ten_seconds)
    count = len(part)
    early, state = resampler.run(state, ten_seconds)
    count += len(early)
    for _ in range(2, HOUR_S // 10):
        late, state = resampler.run(state, ten_seconds)
        count += len(late)
    tail, _ = resampler.flush(state)

    assert HOUR_S * MODEL_HZ == count + len(tail)
    np.testing.assert_array_equal(early, late)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_the_offset_of_a_block_is_its_time(rate_hz):
    """A click is found when the time before its block says, whatever the resampler held back.

    `offset_ms` is the sum of these times, so the delay does not show in it.
    """
    chain = Chain.between(
        AudioFormat("pcm16", MODEL_HZ), AudioFormat("float32", rate_hz), as_base64=False
    )
    click = np.zeros(MODEL_HZ // 2, "<i2")
    click[MODEL_HZ // 4] = 30_000
    pieces = [click[at : at + 480].tobytes() for at in range(0, len(click), 480)]

    [(blocks, _)] = chain.run_all([(chain.start(), [*pieces, Flush()])])

    offsets = itertools.accumulate((block.converted_ms for block in blocks), initial=0)
    clips = [np.frombuffer(block.audio, "<f4") for block in blocks]
    _, found = max(
        (clip.max(), offset_ms / 1000 + np.argmax(clip) / rate_hz)
        for offset_ms, clip in zip(offsets, clips, strict=False)
        if len(clip)
    )
    assert found == pytest.approx(0.25, abs=0.51 / rate_hz)
