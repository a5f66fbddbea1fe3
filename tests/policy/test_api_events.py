"""What an event of a client may be called, and may have in it."""

from typing import get_args

import pytest
from openai.types.realtime import RealtimeClientEvent

from tornado_app.policy.api_events import EVENTS, check_event
from tornado_app.protocol.realtime.api_errors import ApiRefusal

NEEDED = {
    "session.update": {"session": {}},
    "input_audio_buffer.append": {"audio": "QUJD"},
    "conversation.item.create": {"item": {}},
    "conversation.item.retrieve": {"item_id": "item_q"},
    "conversation.item.truncate": {"item_id": "item_q", "audio_end_ms": 1, "content_index": 0},
    "conversation.item.delete": {"item_id": "item_q"},
}


def refused(kind, **fields):
    with pytest.raises(ApiRefusal) as caught:
        check_event(kind, {"type": kind, "event_id": "mine", **fields})
    return caught.value.word, caught.value.field


def test_every_event_of_the_api_may_be_sent_with_every_field_that_it_has_there():
    union, *_ = get_args(RealtimeClientEvent)
    known = {
        event.model_fields["type"].annotation.__args__[0]: event.model_fields.keys()
        for event in get_args(union)
    }

    assert known == {kind: shape.keys() for kind, shape in EVENTS.items()}


@pytest.mark.parametrize("kind", EVENTS)
def test_with_what_it_needs_it_may_be_sent_and_with_what_it_has_not_it_may_not(kind):
    fields = NEEDED.get(kind, {})
    check_event(kind, {"type": kind, **fields})

    assert ("unknown_parameter", "TYPE") == refused(kind, **fields, TYPE="session.update")


@pytest.mark.parametrize("kind", NEEDED)
def test_it_may_not_be_sent_without_what_it_needs(kind):
    assert ("missing_required_parameter", next(iter(NEEDED[kind]))) == refused(kind)


@pytest.mark.parametrize("kind", ["something.new", "Session.Update", "session.close", ""])
def test_of_an_event_that_there_is_not_it_is_said_which_there_are(kind):
    with pytest.raises(ApiRefusal, match=r"must be one of session\.update, ") as caught:
        check_event(kind, {"type": kind})

    assert ("invalid_value", "type") == (caught.value.word, caught.value.field)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("input_audio_buffer.append", {"audio": ["QUJD"]}),
        ("conversation.item.retrieve", {"item_id": ["parley_tool_1"]}),
        ("conversation.item.delete", {"item_id": None}),
        ("conversation.item.create", {"previous_item_id": ["parley_tool_1"], "item": {}}),
        ("response.cancel", {"response_id": ["resp_1"]}),
    ],
)
def test_what_is_judged_by_its_text_is_a_text(kind, fields):
    assert ("invalid_type", next(iter(fields))) == refused(kind, **fields)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("conversation.item.create", {"item": {}, "previous_item_id": None}),
        ("response.cancel", {"response_id": None}),
        ("response.create", {"response": None}),
    ],
)
def test_null_says_nothing(kind, fields):
    check_event(kind, {"type": kind, **fields})
