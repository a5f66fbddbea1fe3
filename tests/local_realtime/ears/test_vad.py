"""Speech against silence, by level."""

import numpy as np
import pytest

from local_realtime.ears.vad import (
    MAX_SPEECH_MS,
    Change,
    EnergyEar,
    Vad,
    VadSettings,
    levels_dbfs,
    threshold_dbfs,
)
from local_realtime.session.session_config import SERVER_VAD

LOUD, QUIET = -20.0, -70.0


def changes(levels, **settings):
    """Frame number and change, of every change."""
    vad = Vad(VadSettings.of({**SERVER_VAD, **settings}), EnergyEar(24_000))
    return [(n, change) for n, level in enumerate(levels) if (change := vad.hear(level))]


def test_speech_starts_at_the_third_loud_frame_and_stops_after_the_silence():
    """60 ms begin it, `silence_duration_ms` end it."""
    levels = [QUIET] * 10 + [LOUD] * 20 + [QUIET] * 40

    assert changes(levels) == [(12, Change.STARTED), (54, Change.STOPPED)]
    assert changes(levels, silence_duration_ms=200) == [(12, Change.STARTED), (39, Change.STOPPED)]


def test_a_click_is_no_speech():
    """Forty milliseconds are too short, however often."""
    assert changes([LOUD, LOUD, QUIET] * 50) == []


def test_a_short_pause_does_not_end_speech():
    """The silence must be in one piece."""
    assert changes([LOUD] * 5 + ([QUIET] * 24 + [LOUD]) * 5) == [(2, Change.STARTED)]


def test_speech_that_has_begun_may_be_a_little_quieter():
    """Six decibels of hysteresis."""
    assert changes([-39.0] * 3 + [-45.0] * 100) == [(2, Change.STARTED)]
    assert changes([-41.0] * 100) == []


def test_endless_noise_ends_its_turn():
    """After ten minutes, and the next one begins."""
    found = changes([LOUD] * (MAX_SPEECH_MS // 20 + 10))

    assert [change for _, change in found] == [Change.STARTED, Change.STOPPED, Change.STARTED]


@pytest.mark.parametrize(
    ("threshold", "expected"), [(0, -60), (0.5, -40), (1, -20)], ids=["low", "middle", "high"]
)
def test_the_threshold_is_a_level(threshold, expected):
    """Linear in decibels."""
    assert threshold_dbfs(threshold) == expected


def test_levels_ignore_direct_current():
    """A microphone with an offset is not loud; a full-scale square wave is 0 dB."""
    offset = np.full(480, 9000, "<i2")
    square = np.tile(np.array([-32768, 32767], "<i2"), 240)

    levels = levels_dbfs(offset.tobytes() + square.tobytes(), 480)

    assert levels == pytest.approx([-120, 0], abs=0.01)


@pytest.mark.parametrize("name", ["amiable", "leisure", "selfish"])
@pytest.mark.parametrize("gain", [1.0, 0.3], ids=["as recorded", "10 dB down"])
def test_recorded_speech_is_one_turn_or_more(call, speech, silence, name, gain):
    """Every recording starts a turn in its first second and ends its last one in the silence."""
    call.turn_detection({"type": "server_vad", "create_response": False})
    recording = speech(name, gain)
    events = call.append(recording + silence(600))

    starts = [e["audio_start_ms"] for e in events if e["type"].endswith("speech_started")]
    stops = [e["audio_end_ms"] for e in events if e["type"].endswith("speech_stopped")]
    assert starts[0] < 1000
    assert len(starts) == len(stops)
    assert stops[-1] > len(recording) // 48


@pytest.mark.parametrize("level_dbfs", [-120, -60, -48])
def test_low_noise_starts_nothing(call, level_dbfs):
    """A minute of white noise as in a quiet room."""
    noise = np.random.default_rng(1).normal(0, 32768 * 10 ** (level_dbfs / 20), 60 * 24_000)

    assert call.append(noise.astype("<i2").tobytes()) == []
