"""Tests of workers/changing.py: a stream that changes its format, as a lane has it done."""

import base64

import numpy as np
import pytest

from tests.workers.streams import noise
from workers import codecs
from workers.blocks import Flush
from workers.changing import Changing
from workers.conditioned_chain import Conditioning
from workers.conversions import to_client, to_model
from workers.formats import AudioFormat, OpusFormat
from workers.opus import library
from workers.pool import LaneWork, run_batch

MODEL = AudioFormat("pcm16", 24_000)
NO_REPAIRS = Conditioning()
SOURCES = [
    AudioFormat("pcm16", 24_000),
    AudioFormat("float32", 24_000),
    AudioFormat("pcm16", 48_000, 2),
    AudioFormat("float32", 44_100),
    AudioFormat("pcm16", 8_000),
    AudioFormat("float32", 16_000, 3),
]
TONE_HZ = 440


class Lane:
    """What a lane does, without a loop."""

    def __init__(self, chain):
        self.chain, self.state = chain, chain.start()
        self.outcomes = []

    def put(self, *payloads):
        [result] = run_batch([LaneWork(self.chain, self.state, payloads)])
        self.state = result.state
        self.outcomes += result.results

    def change(self, chain, *, has_begun=True):
        self.chain = Changing(self.chain, chain, has_begun)
        self.put(Flush())
        self.chain = chain

    @property
    def audio(self):
        return b"".join(base64.b64decode(outcome.audio) for outcome in self.outcomes)


def tone(source, begin_s, duration_s):
    """Some of a sine in a client's format, as base64."""
    frames = round(duration_s * source.rate_hz)
    times = begin_s + np.arange(frames) / source.rate_hz
    samples = (0.5 * np.sin(2 * np.pi * TONE_HZ * times)).astype(np.float32)
    data = codecs.encode(np.repeat(samples, source.channels), source.encoding)
    return base64.b64encode(data).decode()


def residue(audio):
    """How far it is from one sine, in steps of 16 bits."""
    samples = np.frombuffer(audio, "<i2").astype(np.float64)
    times = np.arange(len(samples)) / 24_000
    ideal = 16384 * np.sin(2 * np.pi * TONE_HZ * times)
    return np.abs(samples - ideal)[480:-480].max()


@pytest.mark.parametrize("second", SOURCES, ids=str)
@pytest.mark.parametrize("first", SOURCES, ids=str)
def test_a_tone_goes_on_over_a_change_of_the_client(first, second):
    """As one: no gap, no click, and as many samples as were sent."""
    lane = Lane(to_model(first, MODEL, NO_REPAIRS, joins=True))
    for begin in range(0, 200, 20):
        lane.put(tone(first, begin / 1000, 0.02))
    lane.change(to_model(second, MODEL, NO_REPAIRS, joins=True))
    for begin in range(200, 400, 20):
        lane.put(tone(second, begin / 1000, 0.02))
    lane.put(Flush())

    assert 9600 == len(lane.audio) // 2
    assert residue(lane.audio) <= 2
    assert 400 == sum(outcome.duration_ms for outcome in lane.outcomes)


@pytest.mark.parametrize("target", [*SOURCES[:2], AudioFormat("pcm16", 8_000)], ids=str)
@pytest.mark.parametrize("before", [AudioFormat("pcm16", 44_100), AudioFormat("pcm16", 8_000)])
def test_an_answer_goes_on_in_another_format(before, target):
    """Where it changed, in the middle of a piece of any length, nothing is heard."""
    answer = base64.b64decode(tone(MODEL, 0, 0.5))
    for cut in (4801 * 2, 5000 * 2, 6399 * 2):
        lane = Lane(to_client(MODEL, before, as_base64=True))
        lane.put(answer[:cut])
        lane.change(to_client(MODEL, target, as_base64=True, joins=True))
        first_ms = sum(outcome.converted_ms for outcome in lane.outcomes)
        count = len(lane.outcomes)
        lane.put(answer[cut:], Flush())
        audio = b"".join(base64.b64decode(outcome.audio) for outcome in lane.outcomes[count:])

        samples = codecs.decode(audio, target.encoding).astype(np.float64)
        times = first_ms / 1000 + np.arange(len(samples)) / target.rate_hz
        error = np.abs(samples - 0.5 * np.sin(2 * np.pi * TONE_HZ * times))
        assert error[: -target.rate_hz // 50].max() < 1e-4
        end_ms = first_ms + len(samples) * 1000 / target.rate_hz
        assert 0 <= end_ms - 500 < 1000 / target.rate_hz + 1e-6


@pytest.mark.parametrize("repairs", [NO_REPAIRS, Conditioning(remove_dc=True, limit_peaks=True)])
def test_formats_of_one_rate_are_one_stream_to_the_bit(repairs):
    """Whatever the change is of: what is held back stays where it is."""
    stereo = AudioFormat("float32", 44_100, 2)
    samples = noise(8820) / 4
    mono, double = samples.tobytes(), np.repeat(samples, 2).tobytes()
    whole = Lane(to_model(AudioFormat("float32", 44_100), MODEL, repairs))
    whole.put(mono, Flush())

    lane = Lane(to_model(AudioFormat("float32", 44_100), MODEL, repairs))
    lane.put(mono[:4004])
    lane.change(to_model(stereo, MODEL, repairs, joins=True))
    lane.put(double[8008:], Flush())

    assert whole.audio == lane.audio


def test_repairs_go_on_where_they_stood():
    """An offset that is known is not heard as a jump, nor is a peak let through."""
    repairs = Conditioning(remove_dc=True, limit_peaks=True)
    first, second = AudioFormat("float32", 48_000), AudioFormat("float32", 16_000)
    lane = Lane(to_model(first, MODEL, repairs))
    lane.put(np.full(9600, 0.5, np.float32).tobytes())
    lane.change(to_model(second, MODEL, repairs, joins=True))
    lane.put(np.full(3200, 0.5, np.float32).tobytes(), Flush())

    samples = np.frombuffer(lane.audio, "<i2")
    assert 9600 == len(samples)
    assert np.abs(samples).max() <= 1


def test_what_has_not_begun_begins_in_the_new_format():
    """To the bit as if it had never been another."""
    source = AudioFormat("float32", 16_000)
    fresh = Lane(to_model(source, MODEL, NO_REPAIRS))
    lane = Lane(to_model(MODEL, MODEL, NO_REPAIRS))
    lane.change(to_model(source, MODEL, NO_REPAIRS, joins=True), has_begun=False)
    for each in (fresh, lane):
        each.put(noise(1600).tobytes(), Flush())

    assert fresh.audio == lane.audio


@pytest.mark.skipif(library.find() is None, reason="this system has no Opus")
def test_packets_and_samples_follow_each_other():
    """Out: the stream of packets ends as it does behind an item, and samples go on behind it."""
    answer = base64.b64decode(tone(MODEL, 0, 0.4))
    samples, packets = AudioFormat("pcm16", 16_000), OpusFormat(24_000)
    lane = Lane(to_client(MODEL, samples, as_base64=True))
    lane.put(answer[:4802])
    lane.change(to_client(MODEL, packets, as_base64=True, joins=True))
    lane.put(answer[4802:9604])
    lane.change(to_client(MODEL, samples, as_base64=True, joins=True))
    lane.put(answer[9604:], Flush())

    played_ms = sum(piece.duration_ms for outcome in lane.outcomes for piece in outcome.pieces)
    assert 0 <= played_ms - 400 < 1000 / 16_000 + 1e-6
    end = np.frombuffer(b"".join(base64.b64decode(o.audio) for o in lane.outcomes[-2:]), "<i2")
    times = played_ms / 1000 - np.arange(len(end), 0, -1) / 16_000
    assert np.abs(end - 16384 * np.sin(2 * np.pi * TONE_HZ * times))[:-320].max() <= 3


@pytest.mark.skipif(library.find() is None, reason="this system has no Opus")
def test_a_decoder_goes_on_where_only_the_encoder_is_said_to_be_another():
    """What an opening says of Opus changes nothing, and so does a change of it."""
    first = to_model(OpusFormat(48_000, 2), MODEL, NO_REPAIRS)
    second = to_model(OpusFormat(16_000), MODEL, NO_REPAIRS, joins=True)

    assert first.stream == second.stream
    assert first.stream != to_model(MODEL, MODEL, NO_REPAIRS).stream
