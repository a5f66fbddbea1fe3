"""The buffer: audio time, padding, and bounds."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_realtime.session.input_audio import InputAudio, SpeechStarted, SpeechStopped
from local_realtime.session.session_config import SERVER_VAD

LOUD = b"\x00\x20\x00\xe0"
ONE_MS = 48


def loud(duration_ms):
    return LOUD * (duration_ms * ONE_MS // 4)


def quiet(duration_ms):
    return bytes(duration_ms * ONE_MS)


def hear(audio, pcm):
    """The speech found in *pcm*."""
    audio.append(pcm)
    return list(audio.listen())


def listening(**detection):
    audio = InputAudio(24_000)
    audio.detect({**SERVER_VAD, **detection})
    return audio


def test_a_turn_has_its_padding_and_its_silence():
    """It begins `prefix_padding_ms` before the first loud frame and ends with the silence."""
    said = quiet(1000) + loud(400) + quiet(700)

    started, stopped = hear(listening(), said)

    assert started == SpeechStarted(700)
    assert stopped.audio_end_ms == 1900
    assert stopped.sound.pcm == said[700 * ONE_MS : 1900 * ONE_MS]


def test_padding_ends_where_the_last_turn_ended():
    """No sample belongs to two turns."""
    audio = listening(silence_duration_ms=100, prefix_padding_ms=300)
    said = loud(400) + quiet(140) + loud(400) + quiet(200)

    marks = hear(audio, said)

    assert [m.audio_start_ms for m in marks[::2]] == [0, 500]
    assert [m.audio_end_ms for m in marks[1::2]] == [500, 1040]


SAID = quiet(150) + loud(220) + quiet(330) + loud(200) + quiet(290)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, len(SAID) // 2), max_size=12))
def test_cutting_does_not_matter(cuts):
    """Any way of sending the same samples gives the same turns."""
    borders = [0, *sorted(2 * cut for cut in cuts), len(SAID)]
    audio = listening(silence_duration_ms=200)
    marks = [mark for start, stop in pairwise(borders) for mark in hear(audio, SAID[start:stop])]

    assert marks == hear(listening(silence_duration_ms=200), SAID)
    assert [type(mark) for mark in marks] == [SpeechStarted, SpeechStopped] * 2


def test_silence_is_not_kept():
    """While nobody speaks only the padding is held."""
    audio = listening()
    for _ in range(100):
        assert hear(audio, quiet(1000)) == []

    assert audio.end_ms == 100_000
    assert audio.end_ms - audio.start_ms == 360


def test_settings_may_change_during_speech():
    """The turn goes on with the new silence."""
    audio = listening()
    hear(audio, loud(400))
    audio.detect({**SERVER_VAD, "silence_duration_ms": 100})

    (stopped,) = hear(audio, quiet(100))

    assert stopped.audio_end_ms == 500


def test_detection_that_begins_hears_only_what_comes():
    """Audio appended in manual mode is padding at most."""
    audio = InputAudio(24_000)
    hear(audio, loud(1000))
    audio.detect(SERVER_VAD)

    assert hear(audio, quiet(1000)) == []


@pytest.mark.parametrize("rate_hz", [8_000, 24_000])
def test_positions_are_milliseconds_at_any_rate(rate_hz):
    """The clock starts where the buffer before it stopped."""
    audio = InputAudio(rate_hz, origin_ms=1000)
    hear(audio, bytes(rate_hz))

    assert (audio.start_ms, audio.end_ms) == (1000, 1500)
    assert audio.commit().duration_ms == 500
    assert audio.start_ms == 1500
