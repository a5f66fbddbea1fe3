"""Tests of tornado_app/protocol/openai_v1/opening.py."""

import pytest

from tornado_app.errors import InvalidRequest
from tornado_app.protocol.openai_v1.opening import parse_opening
from tornado_app.protocol.opening import Opening, OpeningRules
from workers.formats import AudioFormat


def opening(**query: str) -> Opening:
    return parse_opening({name: [value] for name, value in query.items()}, OpeningRules())


@pytest.mark.parametrize(
    ("query", "choices"),
    [
        ({}, {}),
        ({"model": "gpt-realtime"}, {"model": "gpt-realtime"}),
        ({"deployment": "mine"}, {"model": "mine"}),
        ({"model": "gpt-realtime", "deployment": "mine"}, {"model": "gpt-realtime"}),
        ({"model": ""}, {}),
        ({"intent": "realtime", "model": "gpt-realtime"}, {"model": "gpt-realtime"}),
        ({"intent": "transcription"}, {"session": "transcription"}),
        ({"intent": "transcription", "model": "whisper-1"}, {"session": "transcription"}),
        ({"model": "gpt-realtime", "api-version": "2026-01-01"}, {"model": "gpt-realtime"}),
    ],
)
def test_what_a_call_is_asked_to_be(query, choices):
    """What is not known is left alone, and nobody is told of it."""
    asked = opening(**query)

    assert choices == asked.choices
    assert () == asked.ignored
    assert not asked.wants_resume


def test_a_parameter_that_stands_twice_is_its_last():
    """As in voice.v1."""
    query = {"intent": ["nonsense", "realtime"], "model": ["a", "b"]}

    assert {"model": "b"} == parse_opening(query, OpeningRules()).choices


def test_formats_are_chosen_as_in_voice_v1():
    """But the audio is always base64, as the API has it."""
    asked = opening(input_format="pcmu", output_rate="16000", output_encoding="binary")

    assert AudioFormat("pcmu", 8000) == asked.source
    assert AudioFormat("pcm16", 16_000) == asked.target
    assert "base64" == asked.output_encoding


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"intent": "dictation"}, "intent"),
        ({"call_id": "rtc_1"}, "call_id"),
        ({"input_rate": "fast"}, "input_rate"),
    ],
)
def test_what_is_not_served_is_refused_by_its_name(query, field):
    """Before a call begins."""
    with pytest.raises(InvalidRequest) as refused:
        opening(**query)

    assert field == refused.value.field
    if field != "input_rate":
        assert "invalid_message" == refused.value.code
