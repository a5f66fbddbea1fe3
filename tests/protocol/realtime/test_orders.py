"""Tests of tornado_app/protocol/realtime/orders.py."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.protocol.realtime.items import shows, user_image, user_text
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.orders import (
    Append,
    CancelResponse,
    Clear,
    Commit,
    CreateItem,
    CreateResponse,
    Relayed,
    Truncate,
    UpdateSession,
)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (
            UpdateSession(session={"type": "realtime"}, event_id="e"),
            {"type": "session.update", "session": {"type": "realtime"}, "event_id": "e"},
        ),
        (
            Append(b"AAAA", 20.0),
            {"type": "input_audio_buffer.append", "audio": "AAAA"},
        ),
        (Append(b""), {"type": "input_audio_buffer.append", "audio": ""}),
        (
            Append(b"AAAA", 20.0, "mine"),
            {"type": "input_audio_buffer.append", "event_id": "mine", "audio": "AAAA"},
        ),
        (Commit(), {"type": "input_audio_buffer.commit"}),
        (Clear(event_id="e"), {"type": "input_audio_buffer.clear", "event_id": "e"}),
        (
            CreateItem(item={"type": "message", "role": "user"}),
            {"type": "conversation.item.create", "item": {"type": "message", "role": "user"}},
        ),
        (CreateResponse(event_id="e"), {"type": "response.create", "event_id": "e"}),
        (CancelResponse(response_id="r"), {"type": "response.cancel", "response_id": "r"}),
        (
            Truncate("a", 0, 0),
            {
                "type": "conversation.item.truncate",
                "item_id": "a",
                "audio_end_ms": 0,
                "content_index": 0,
            },
        ),
    ],
    ids=lambda value: value.get("type") if isinstance(value, dict) else None,
)
def test_an_order_is_written_as_the_api_spells_it(order, expected):
    """Zeros are written; what is not set is not."""
    assert expected == json.loads(encode_order(order))


def test_an_order_of_a_client_is_sent_as_it_has_written_it():
    """To the letter."""
    text = b'{ "type":"response.create", "later":1 }'

    assert text == encode_order(Relayed(text))


def test_what_is_typed_is_said_by_the_user():
    """One message of text, as it was typed."""
    expected = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": 'say "é"'}],
    }
    assert expected == user_text('say "é"')
    assert expected == json.loads(encode_order(CreateItem(item=user_text('say "é"'))))["item"]


@pytest.mark.parametrize("text", [None, "What is this?"])
def test_a_picture_is_a_data_url_behind_the_words(text):
    """And is told from a typed turn."""
    item = user_image("AAAA", "png", text)
    words = [] if text is None else [{"type": "input_text", "text": text}]
    url = "data:image/png;base64,AAAA"

    assert [*words, {"type": "input_image", "image_url": url}] == item["content"]
    assert [True, False] == [shows(item), shows(user_text("AAAA"))]


@given(st.binary(max_size=100))
def test_appended_audio_is_what_a_json_writer_would_write(data):
    """The hot path joins bytes; a real encoder agrees."""
    audio = msgspec.json.encode(data)[1:-1]

    assert audio.decode() == json.loads(encode_order(Append(audio)))["audio"]
