"""Frames in: every one is an event or an error, never an exception."""

import json

import pytest

from local_realtime.session.protocol import EVENTS

ERRORS = {
    "binary": (b"{}", "invalid_event", None),
    "no json": ("{", "invalid_json", None),
    "too deep": ("[" * 100_000, "invalid_json", None),
    "not finite": ('{"type": NaN}', "invalid_json", None),
    "half a surrogate pair": ('{"type":"\\ud800"}', "invalid_json", None),
    "surrogate": ("\ud800", "invalid_json", None),
    "huge number": ('{"type":1e999}', "invalid_json", None),
    "no object": ("[]", "invalid_event", None),
    "no type": ("{}", "missing_required_parameter", "type"),
    "unknown type": ('{"type":"output_audio_buffer.clear"}', "invalid_value", "type"),
    "type of another type": ('{"type":["x"]}', "invalid_type", "type"),
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
    "event id": ('{"type":"response.create","event_id":7}', "invalid_type", "event_id"),
    "unknown item": (
        '{"type":"conversation.item.delete","item_id":"x"}',
        "item_delete_invalid_item_id",
        None,
    ),
    "retrieve unknown": (
        '{"type":"conversation.item.retrieve","item_id":"x"}',
        "item_retrieve_invalid_item_id",
        None,
    ),
    "missing before unknown": (
        '{"type":"session.update","session":{"temperature":1,"model":3}}',
        "missing_required_parameter",
        "session.type",
    ),
    "type before the rest": (
        '{"type":"session.update","session":{"temperature":1,"type":"transcription"}}',
        "invalid_parameter",
        "session.type",
    ),
    "missing before unknown within": (
        json.dumps(
            {
                "type": "session.update",
                "session": {"type": "realtime", "tools": [{"type": "function", "strict": True}]},
            }
        ),
        "missing_required_parameter",
        "session.tools[0].name",
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
