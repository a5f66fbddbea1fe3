"""Frames in: every one is an event or an error, never an exception."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_realtime.protocol import EVENTS
from local_realtime.session import Session

ERRORS = {
    "binary": (b"{}", "invalid_event", None),
    "no json": ("{", "invalid_json", None),
    "too deep": ("[" * 100_000, "invalid_json", None),
    "not finite": ('{"type": NaN}', "invalid_json", None),
    "no object": ("[]", "invalid_event", None),
    "no type": ("{}", "missing_required_parameter", "type"),
    "unknown type": ('{"type":"output_audio_buffer.clear"}', "invalid_value", "type"),
    "type of another type": ('{"type":["x"]}', "invalid_value", "type"),
    "unknown field": (
        '{"type":"response.create","temperature":1}',
        "unknown_parameter",
        "temperature",
    ),
    "missing field": (
        '{"type":"input_audio_buffer.append"}',
        "missing_required_parameter",
        "audio",
    ),
    "odd bytes": ('{"type":"input_audio_buffer.append","audio":"AAAA"}', "invalid_value", "audio"),
    "no base64": ('{"type":"input_audio_buffer.append","audio":"!"}', "invalid_value", "audio"),
    "not ascii": ('{"type":"input_audio_buffer.append","audio":"ä"}', "invalid_value", "audio"),
    "too much audio": (
        json.dumps({"type": "input_audio_buffer.append", "audio": "A" * (15 * 1024 * 1024 + 4)}),
        "string_above_max_length",
        "audio",
    ),
    "event id": ('{"type":"response.create","event_id":7}', "invalid_value", "event_id"),
    "unknown item": (
        '{"type":"conversation.item.delete","item_id":"x"}',
        "invalid_value",
        "item_id",
    ),
    "truncate unknown": (
        '{"type":"conversation.item.truncate","item_id":"x","content_index":0,"audio_end_ms":0}',
        "item_truncate_invalid_item_id",
        "item_id",
    ),
    "unknown predecessor": (
        json.dumps(
            {
                "type": "conversation.item.create",
                "previous_item_id": "x",
                "item": {"type": "message", "role": "user", "content": []},
            }
        ),
        "invalid_value",
        "previous_item_id",
    ),
    "nothing to cancel": ('{"type":"response.cancel"}', "response_cancel_not_active", None),
    "nothing to commit": (
        '{"type":"input_audio_buffer.commit"}',
        "input_audio_buffer_commit_empty",
        None,
    ),
    "deep tool": (
        json.dumps(
            {
                "type": "session.update",
                "session": {
                    "type": "realtime",
                    "tools": [
                        {
                            "type": "function",
                            "name": "f",
                            "parameters": json.loads('{"a":' * 40 + "1" + "}" * 40),
                        }
                    ],
                },
            }
        ),
        "invalid_value",
        "session.tools[0].parameters",
    ),
}


@pytest.mark.parametrize(("frame", "code", "param"), ERRORS.values(), ids=ERRORS)
def test_a_bad_frame_is_an_error(call, frame, code, param):
    """Each mistake has its code and names its field, and the session goes on."""
    (event,) = call.frame(frame)

    assert event["type"] == "error"
    assert (event["error"]["code"], event["error"]["param"]) == (code, param)
    assert call.update()[0]["type"] == "session.updated"


def test_an_unknown_type_is_told_the_known_ones(call):
    """The message lists what could have been sent."""
    message = call.send("hello")[0]["error"]["message"]

    assert all(repr(kind) in message for kind in EVENTS)


def test_an_error_carries_the_client_event_id(call):
    """SDKs match a failed request by it."""
    (event,) = call.send("hello", event_id="agents_js_response_create_1")

    assert event["error"]["event_id"] == "agents_js_response_create_1"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(-10, 10) | st.text(max_size=8)
# fmt: off
WORDS = [
    "type", "session", "audio", "input", "output", "format", "turn_detection", "server_vad",
    "semantic_vad", "item", "content", "message", "role", "user", "assistant", "text",
    "input_text", "input_audio", "item_id", "previous_item_id", "root", "voice", "content_index",
    "audio_end_ms", "response", "conversation", "none", "input", "item_reference", "id", "tools",
    "function", "name", "parameters", "tool_choice", "tracing", "transcription", "truncation",
    "event_id", "AAAA", "realtime", "eagerness", "output_modalities", "instructions", "metadata",
    "max_output_tokens", "audio/pcm", "audio/pcmu", "alloy",
]
# fmt: on
KEYS = st.sampled_from(WORDS) | st.text(max_size=4)
JSON = st.recursive(
    SCALARS | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
FIELDS = {
    "session.update": ("session",),
    "input_audio_buffer.append": ("audio",),
    "conversation.item.create": ("item", "previous_item_id"),
    "conversation.item.retrieve": ("item_id",),
    "conversation.item.truncate": ("item_id", "content_index", "audio_end_ms"),
    "conversation.item.delete": ("item_id",),
    "response.create": ("response",),
    "response.cancel": ("response_id",),
}
EVENT = st.sampled_from(list(EVENTS)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {"type": st.just(kind)}, optional=dict.fromkeys(FIELDS.get(kind, ()), JSON)
    )
)
UPDATE = st.dictionaries(KEYS, JSON, max_size=4).map(
    lambda session: {"type": "session.update", "session": {"type": "realtime", **session}}
)


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENT | UPDATE | st.dictionaries(KEYS, JSON, max_size=4) | JSON, max_size=5))
def test_any_json_is_answered(frames):
    """Whatever the frames say, there are events that can be sent, and no exception."""
    session = Session("m", now=0.0, unix_now=0.0, pace=0)
    for frame in frames:
        for output in session.handle(json.dumps(frame), 0.0):
            if isinstance(output, dict):
                assert output["type"]
                msgspec.json.encode(output)
        for output in session.tick(0.0):
            msgspec.json.encode(output)


@settings(max_examples=100, deadline=None)
@given(st.text())
def test_any_text_is_answered(text):
    """Text that is no JSON is one error."""
    session = Session("m", now=0.0, unix_now=0.0, pace=0)

    assert len(session.handle(text, 0.0)) == 1
