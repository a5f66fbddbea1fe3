"""Tests of tornado_app/protocol/realtime/asked_session.py."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.realtime import RealtimeSessionCreateRequest
from openai.types.realtime.client_secret_create_response import ClientSecretCreateResponse

from tests.protocol.realtime.test_model_session import WANTED
from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS
from tornado_app.protocol.realtime.api_errors import ApiRefusal
from tornado_app.protocol.realtime.asked_session import (
    PATHS,
    TURN_DETECTION_TYPES,
    api_path,
    fields_asked,
    session_shown,
)
from tornado_app.protocol.realtime.model_session import session_body

TOOL = {"type": "function", "name": "look", "description": "Looks."}
UNTOLD = {"type": "function", "name": "look"}
BARE = {"type": "object"}


@pytest.mark.parametrize(
    ("session", "fields"),
    [
        ({}, {}),
        ({"model": "m", "instructions": "Be.", "tools": [TOOL], "tool_choice": "none"}, ...),
        ({"max_output_tokens": "inf"}, {}),
        ({"max_output_tokens": 9}, {"max_output_tokens": 9}),
        ({"output_modalities": ["text"]}, {"output": "text"}),
        ({"output_modalities": ["text", "audio"]}, {"output": ["text", "audio"]}),
        ({"audio": None}, {}),
        ({"audio": {"output": {"voice": "ash", "speed": 1.1}}}, {"voice": "ash", "speed": 1.1}),
        ({"audio": {"output": {"voice": None}}}, {}),
        ({"audio": {"input": {"turn_detection": None}}}, {"turn_detection": "none"}),
        (
            {"audio": {"input": {"transcription": {"model": "whisper-1", "language": "de"}}}},
            {"transcription_model": "whisper-1", "transcription_language": "de"},
        ),
        ({"audio": {"input": {"transcription": {}}}}, {}),
        ({"audio": {"input": {"transcription": {"model": ""}}}}, {}),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}}, {}),
        ({"audio": {"input": {"format": {"type": "audio/pcm", "rate": None}}}}, {}),
        ({"audio": {"output": {"format": {"type": "audio/pcm"}}}}, {}),
        ({"audio": {"output": {"format": {}}}}, {}),
        ({"tracing": None, "truncation": "auto", "prompt": None}, {}),
        ({"tracing": "", "truncation": [], "prompt": "", "include": ""}, {}),
        ({"output_modalities": None}, {}),
        (dict.fromkeys(("instructions", "tools", "tool_choice", "max_output_tokens"), ""), {}),
        ({"model": [], "tools": [], "output_modalities": [], "max_output_tokens": []}, {}),
        ({"audio": {"output": {"voice": "", "speed": [], "format": ""}}}, {}),
        ({"audio": {"input": {"turn_detection": "", "format": []}}}, {"turn_detection": "none"}),
        ({"audio": {"input": {"transcription": ""}}}, {}),
        ({"audio": {"input": {"transcription": {"language": ""}}}}, {}),
        ({"audio": {"input": {"transcription": {"prompt": None, "languages": []}}}}, {}),
        (
            {"audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": None}}}},
            {"turn_detection": {"type": "server_vad"}},
        ),
        ({"tools": [{**TOOL, "description": None, "parameters": None}]}, {"tools": [UNTOLD]}),
        ({"tools": [{**TOOL, "parameters": {}}]}, {"tools": [{**TOOL, "parameters": BARE}]}),
    ],
)
def test_what_a_session_sets(session, fields):
    """By the names of the policy, which alone judges the values."""
    wanted = session if fields is ... else fields

    assert wanted == fields_asked({"type": "realtime", **session})
    assert {"session": "transcription", **wanted} == fields_asked(
        {"type": "transcription", **session}
    )


@pytest.mark.parametrize(
    ("session", "path"),
    [
        ({}, "session.type"),
        ({"type": "realtime", "temperature": 0.8}, "session.temperature"),
        ({"type": "realtime", "tracing": "auto"}, "session.tracing"),
        ({"type": "realtime", "audio": []}, "session.audio"),
        ({"type": "realtime", "audio": {"both": {}}}, "session.audio.both"),
        ({"type": "realtime", "audio": {"input": 1}}, "session.audio.input"),
        (
            {"type": "realtime", "audio": {"output": {"format": {"type": "audio/pcmu"}}}},
            "session.audio.output.format",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"rate": 16000}}}},
            "session.audio.input.format",
        ),
        (
            {"type": "realtime", "audio": {"input": {"format": {"codec": "flac"}}}},
            "session.audio.input.format",
        ),
        ({"type": "realtime", "x" * 999: 1}, "session"),
        *(
            (
                {"type": "realtime", "audio": {"input": {"transcription": {part: value}}}},
                f"session.audio.input.transcription.{part}",
            )
            for part, value in {
                "prompt": "Names of stars.",
                "delay": "low",
                "keywords": ["Vega"],
                "languages": ["en", "de"],
                "langauge": "en",
            }.items()
        ),
    ],
)
def test_what_cannot_be_asked(session, path):
    """Named by where it stands in the API's own object."""
    with pytest.raises(Refused) as caught:
        fields_asked(session)

    assert path == caught.value.field


@pytest.mark.parametrize(
    ("session", "path"),
    [
        ({"type": None}, "session.type"),
        ({"model": 1}, "session.model"),
        ({"instructions": ["x"]}, "session.instructions"),
        ({"output_modalities": "text"}, "session.output_modalities"),
        ({"max_output_tokens": True}, "session.max_output_tokens"),
        ({"max_output_tokens": 1.5}, "session.max_output_tokens"),
        ({"tools": {}}, "session.tools"),
        ({"tool_choice": 1}, "session.tool_choice"),
        ({"audio": {"input": {"turn_detection": "auto"}}}, "session.audio.input.turn_detection"),
        (
            {"audio": {"input": {"transcription": {"model": 1}}}},
            "session.audio.input.transcription.model",
        ),
        (
            {"audio": {"input": {"transcription": {"language": 1}}}},
            "session.audio.input.transcription.language",
        ),
        ({"audio": {"output": {"voice": 1}}}, "session.audio.output.voice"),
        ({"audio": {"output": {"speed": "1"}}}, "session.audio.output.speed"),
    ],
)
def test_a_value_of_another_type_is_named(session, path):
    with pytest.raises(ApiRefusal) as caught:
        fields_asked({"type": "realtime", **session})

    assert ("invalid_type", path) == (caught.value.word, caught.value.field)


@pytest.mark.parametrize("value", ["x", 1, 1.5, True, [1], {"a": 1}])
@pytest.mark.parametrize("part", TURN_DETECTION_TYPES)
def test_a_part_of_turn_detection_of_another_type(part, value):
    """As in an update; which values may be is the policy's to say."""
    asked = {"audio": {"input": {"turn_detection": {part: value}}}, "type": "realtime"}
    path = f"session.audio.input.turn_detection.{part}"

    if type(value) in TURN_DETECTION_TYPES[part]:
        assert {part: value} == fields_asked(asked)["turn_detection"]
        return
    with pytest.raises(ApiRefusal) as caught:
        fields_asked(asked)
    assert ("invalid_type", path) == (caught.value.word, caught.value.field)


@pytest.mark.parametrize(
    ("tool", "path"),
    [
        ("look_up", "session.tools[1]"),
        (TOOL | {"type": 1}, "session.tools[1].type"),
        (TOOL | {"name": ["a"]}, "session.tools[1].name"),
        (TOOL | {"description": {}}, "session.tools[1].description"),
        (TOOL | {"parameters": "{}"}, "session.tools[1].parameters"),
    ],
)
def test_a_part_of_a_tool_of_another_type(tool, path):
    """Which of them it is is told as well."""
    with pytest.raises(ApiRefusal) as caught:
        fields_asked({"type": "realtime", "tools": [TOOL, tool]})

    assert ("invalid_type", path) == (caught.value.word, caught.value.field)


@pytest.mark.parametrize(
    ("field", "path"),
    [
        ("voice", "session.audio.output.voice"),
        ("turn_detection.threshold", "session.audio.input.turn_detection.threshold"),
        ("tools[0].name", "session.tools[0].name"),
        ("expires_after", "expires_after"),
        (None, None),
    ],
)
def test_a_refusal_names_the_place_in_the_api(field, path):
    """Whatever the policy calls it."""
    assert path == api_path(field)


def test_places_are_of_fields_that_there_are():
    """Each of them is one of the policy's."""
    assert set(PATHS) <= set(FIELDS)


@pytest.mark.parametrize("kind", ["realtime", "transcription"])
def test_what_is_shown_is_a_session_of_the_api(kind):
    """Its own library reads it, and the operator's words are not in it."""
    begun = replace(WANTED, session=kind, instructions="canary")
    shown = {"id": "sess_1", **session_shown(begun, {}, has_transcripts=True)}
    answer = {"value": "ek_1", "expires_at": 1, "session": shown}

    read = ClientSecretCreateResponse.model_validate(answer).session
    assert kind == read.type
    assert "canary" not in str(shown)
    if kind == "realtime":
        assert "" == shown["instructions"]
        said = session_shown(begun, {"instructions": "Mine."}, has_transcripts=True)
        assert ("Mine.", WANTED.voice) == (said["instructions"], read.audio.output.voice)
        RealtimeSessionCreateRequest.model_validate(shown)


def test_what_is_shown_has_every_field_of_the_api():
    """With null, nothing or its default where there is nothing to say; clients ask for them."""
    shown = session_shown(WANTED, {}, has_transcripts=True)
    body = session_body(WANTED)
    body["audio"]["output"]["speed"] = 1.0
    assert {
        "object": "realtime.session",
        "expires_at": 0,
        "model": "gpt-realtime-2.1",
        "tool_choice": "auto",
        "tools": [],
        "truncation": "auto",
        "tracing": None,
        "prompt": None,
        "include": None,
        **body,
        "instructions": "",
    } == shown

    writing = replace(WANTED, session="transcription")
    assert {
        "object": "realtime.transcription_session",
        "include": None,
        **session_body(writing),
        "expires_at": 0,
    } == session_shown(writing, {}, has_transcripts=True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "audio", "input", "output", "voice", "model", "language"])
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["type", "audio", "model", "tools", "x"]), JSON))
def test_whatever_is_asked_is_read_or_refused(session):
    """Nobody's session object is a fault of ours."""
    try:
        fields = fields_asked(session)
    except Refused:
        return
    assert set(fields) <= set(FIELDS)
