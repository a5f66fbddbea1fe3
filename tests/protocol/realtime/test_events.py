"""Tests of tornado_app/protocol/realtime/events.py."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.answer_audio import AnswerAudio, BrokenAudio
from tornado_app.protocol.realtime.events import (
    Malformed,
    PlainEvent,
    ResponseFacts,
    SessionFacts,
    StatusDetails,
    Unknown,
    UpstreamEvent,
    parse_realtime,
)
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.protocol.realtime.items import ContentPart, Item

# As on the wire, with fields that we do not use.
KNOWN = [
    (
        {"type": "session.created", "event_id": "e", "session": {"id": "s", "expires_at": 1.5}},
        realtime.SessionCreated(SessionFacts("s", "", 1.5)),
    ),
    (
        {"type": "session.updated", "session": {"id": "s", "model": "m", "tools": []}},
        realtime.SessionUpdated(SessionFacts("s", "m")),
    ),
    (
        {"type": "error", "error": {"type": "t", "code": None, "message": "m", "param": None}},
        realtime.UpstreamError(realtime.ErrorFacts("t", None, "m")),
    ),
    (
        {"type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 3},
        realtime.UserSpeechStarted("u", 3),
    ),
    (
        {"type": "input_audio_buffer.speech_stopped", "item_id": "u", "audio_end_ms": 4},
        realtime.UserSpeechStopped("u", 4),
    ),
    (
        {"type": "input_audio_buffer.committed", "item_id": "u", "previous_item_id": None},
        realtime.Committed("u"),
    ),
    ({"type": "input_audio_buffer.cleared", "event_id": "e"}, realtime.Cleared()),
    (
        {
            "type": "conversation.item.added",
            "previous_item_id": "a",
            "item": {
                "id": "u",
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Hi"}, {"type": "input_audio"}],
            },
        },
        realtime.ItemAdded(
            Item(
                "u",
                "message",
                "user",
                (ContentPart("Hi", type="input_text"), ContentPart(type="input_audio")),
            ),
            "a",
        ),
    ),
    (
        {
            "type": "conversation.item.input_audio_transcription.delta",
            "item_id": "u",
            "content_index": 0,
            "delta": " a",
        },
        realtime.UserTranscriptDelta("u", " a"),
    ),
    (
        {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": "u",
            "transcript": "a b",
            "usage": {"type": "duration", "seconds": 1},
        },
        realtime.UserTranscriptDone("u", "a b", {"type": "duration", "seconds": 1}),
    ),
    (
        {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": "u",
            "error": {"type": "x", "code": "audio_unintelligible", "message": "m", "param": None},
        },
        realtime.UserTranscriptFailed(
            "u", realtime.ErrorFacts("x", "audio_unintelligible", "m", None)
        ),
    ),
    (
        {"type": "response.created", "response": {"id": "r", "status": "in_progress"}},
        realtime.ResponseCreated(ResponseFacts("r", "in_progress")),
    ),
    (
        {
            "type": "response.done",
            "response": {
                "id": "r",
                "status": "cancelled",
                "status_details": {"type": "cancelled", "reason": "turn_detected"},
                "usage": {"total_tokens": 3},
                "output": [
                    {"id": "a", "type": "message", "status": "incomplete", "content": []},
                    {"id": "f", "type": "function_call", "call_id": "c", "name": "n"},
                ],
            },
        },
        realtime.ResponseFinished(
            ResponseFacts(
                "r",
                "cancelled",
                StatusDetails(reason="turn_detected"),
                {"total_tokens": 3},
                (
                    OutputItem("message", "incomplete", id="a"),
                    OutputItem("function_call", None, "c", "n", id="f"),
                ),
            )
        ),
    ),
    (
        {
            "type": "response.output_audio.delta",
            "response_id": "r",
            "item_id": "a",
            "delta": "AAA=",
        },
        AnswerAudio("r", "a", b"\0\0", "AAA="),
    ),
    (
        {
            "type": "response.output_item.done",
            "response_id": "r",
            "output_index": 0,
            "item": {
                "id": "f",
                "type": "function_call",
                "status": "completed",
                "call_id": "c",
                "name": "n",
                "arguments": "{}",
            },
        },
        realtime.OutputItemDone("r", OutputItem("function_call", "completed", "c", "n", "{}", "f")),
    ),
    (
        {"type": "response.output_audio.done", "response_id": "r", "item_id": "a"},
        realtime.AudioDone("r", "a"),
    ),
    (
        {
            "type": "response.output_audio_transcript.delta",
            "response_id": "r",
            "item_id": "a",
            "delta": "Hel",
            "obfuscation": "xyz",
        },
        realtime.AnswerTranscriptDelta("r", "a", "Hel"),
    ),
    (
        {
            "type": "response.output_audio_transcript.done",
            "response_id": "r",
            "item_id": "a",
            "transcript": "Hello",
        },
        realtime.AnswerTranscriptDone("r", "a", "Hello"),
    ),
    (
        {"type": "response.output_text.delta", "response_id": "r", "item_id": "a", "delta": "Hel"},
        realtime.AnswerTextDelta("r", "a", "Hel"),
    ),
    (
        {"type": "response.output_text.done", "response_id": "r", "item_id": "a", "text": "Hello"},
        realtime.AnswerTextDone("r", "a", "Hello"),
    ),
]


@pytest.mark.parametrize(("said", "event"), KNOWN, ids=[said["type"] for said, _ in KNOWN])
@pytest.mark.parametrize("as_bytes", [False, True], ids=["text", "bytes"])
def test_a_known_event_is_read(said, event, as_bytes):
    """Each event that we act on, with fields we do not know."""
    text = json.dumps(said)

    assert event == parse_realtime(text.encode() if as_bytes else text)


def test_the_table_has_every_known_event():
    """A new event needs a row."""
    assert {*PlainEvent.__args__, AnswerAudio} == {type(event) for _, event in KNOWN}


@pytest.mark.parametrize(
    "kind",
    [
        "rate_limits.updated",
        "conversation.item.done",
        "response.function_call_arguments.done",
        "an.event.of.next.year",
    ],
)
def test_other_events_are_unknown_and_no_fault(kind):
    """New events appear often."""
    assert Unknown(kind) == parse_realtime(json.dumps({"type": kind, "anything": [1, {}]}))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"type":1}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type":' * 100_000,
    ],
    ids=lambda text: repr(text[:40]),
)
def test_what_is_no_event_is_malformed(text):
    """Counted by its size, and not looked at."""
    assert Malformed(len(text)) == parse_realtime(text)


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (
            '{"type":"input_audio_buffer.speech_started","item_id":"u","audio_start_ms":123.0}',
            realtime.UserSpeechStarted("u", 123),
        ),
        (
            '{"type":"input_audio_buffer.speech_stopped","item_id":"u","audio_end_ms":"123"}',
            realtime.UserSpeechStopped("u", 123),
        ),
        (
            '{"type":"input_audio_buffer.speech_started","item_id":"u","audio_start_ms":1%s}'
            % ("0" * 400),
            realtime.UserSpeechStarted("u"),
        ),
        ('{"type":"input_audio_buffer.committed","item_id":null}', realtime.Committed()),
        ('{"type":"response.created"}', realtime.ResponseCreated()),
        ('{"type":"response.created","response":[]}', realtime.ResponseCreated()),
        (
            '{"type":"response.done","response":{"id":"r","status_details":{"error":"boom"}}}',
            realtime.ResponseFinished(ResponseFacts("r", status_details=StatusDetails())),
        ),
        (
            '{"type":"response.done","response":{"id":"r","status_details":"boom"}}',
            realtime.ResponseFinished(ResponseFacts("r")),
        ),
        (
            '{"type":"response.done","response":{"id":5,"status":"failed","usage":7.5}}',
            realtime.ResponseFinished(ResponseFacts(status="failed")),
        ),
        (
            '{"type":"response.done","response":{"id":"r","usage":{"total_tokens":7.5}}}',
            realtime.ResponseFinished(ResponseFacts("r", usage={"total_tokens": 7.5})),
        ),
        (
            '{"type":"session.created","session":{"id":"s","expires_at":1e400}}',
            realtime.SessionCreated(SessionFacts("s")),
        ),
        ('{"type":"session.updated","session":null}', realtime.SessionUpdated()),
        (
            '{"type":"error","error":{"code":400,"event_id":"e"}}',
            realtime.UpstreamError(realtime.ErrorFacts(code="400", event_id="e")),
        ),
        ('{"type":"error","error":"boom"}', realtime.UpstreamError()),
        (
            '{"type":"conversation.item.input_audio_transcription.failed","item_id":"u","error":0}',
            realtime.UserTranscriptFailed("u"),
        ),
    ],
)
def test_a_field_of_another_kind_costs_the_field_and_not_the_event(text, event):
    """Somebody may wait for it; numbers are integers or not as the server likes."""
    assert event == parse_realtime(text)


@pytest.mark.parametrize(("said", "event"), KNOWN, ids=[said["type"] for said, _ in KNOWN])
@settings(max_examples=20)
@given(data=st.data())
def test_a_known_event_stays_known_whatever_its_fields_are(said, event, data):
    """Absent, null, of another type: the event is still the one that its type says."""
    values = (
        st.none()
        | st.booleans()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=3)
    )
    values |= st.sampled_from([{}, [], {"id": []}])
    fields = {name: value for name, value in said.items() if data.draw(st.booleans(), name)}
    for name in said:
        if data.draw(st.booleans(), name):
            fields[name] = data.draw(values)
    text = json.dumps(fields | {"type": said["type"]})

    kinds = {type(event), BrokenAudio} if isinstance(event, AnswerAudio) else {type(event)}
    assert type(parse_realtime(text)) in kinds


_events = st.sampled_from([said for said, _ in KNOWN])
_values = st.none() | st.integers() | st.floats() | st.text(max_size=3) | st.just({}) | st.just([])


@given(
    st.binary()
    | st.text()
    | st.builds(
        lambda said, name, value: json.dumps({**said, name: value}).encode(),
        _events,
        st.sampled_from(["type", "session", "error", "item_id", "delta", "response", "x"]),
        _values,
    )
    | st.builds(lambda said, end: json.dumps(said)[:end].encode(), _events, st.integers(0, 80))
)
def test_reading_is_total(text):
    """Any bytes are an event of some kind; nothing is raised."""
    event = parse_realtime(text)

    assert isinstance(event, UpstreamEvent)


@pytest.mark.parametrize(
    ("details", "error"),
    [
        ({"error": {"type": "t", "code": "c"}}, realtime.ErrorFacts("t", "c")),
        ({"type": "cancelled"}, realtime.ErrorFacts()),
        (None, realtime.ErrorFacts()),
    ],
)
def test_why_an_answer_failed(details, error):
    """If it says so."""
    said = {"type": "response.done", "response": {"id": "r", "status_details": details}}

    assert error == parse_realtime(json.dumps(said)).response.error


def test_of_a_usage_its_numbers_are_told():
    """Words in it might be of what the model was told."""
    details = {"text_tokens": 3, "note": "words", "cached_tokens_details": {"audio_tokens": 1}}
    usage = {"total_tokens": 7.5, "input_token_details": details, "odd name": 1, "is": True}
    counted = {"text_tokens": 3, "cached_tokens_details": {"audio_tokens": 1}}

    assert ResponseFacts(usage=usage).counts == {
        "total_tokens": 7.5,
        "input_token_details": counted,
    }
    assert ResponseFacts().counts is None
    assert ResponseFacts(usage={"a": {"b": {"c": {"d": {"e": 1}}}}}).counts == {
        "a": {"b": {"c": {}}}
    }
