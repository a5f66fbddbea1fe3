"""Tests of tornado_app/protocol/realtime/items.py."""

from functools import partial

import pytest
from openai.types.realtime import ConversationItemCreateEvent

from tornado_app.protocol.realtime.items import (
    ContentPart,
    Item,
    assistant_text,
    shows,
    system_text,
    text_of,
    user_image,
    user_speech,
    user_text,
)


@pytest.mark.parametrize(
    ("made", "role", "content"),
    [
        (partial(user_text, "Hi."), "user", [{"type": "input_text", "text": "Hi."}]),
        (partial(assistant_text, "Hi."), "assistant", [{"type": "output_text", "text": "Hi."}]),
        (partial(system_text, "Hi."), "system", [{"type": "input_text", "text": "Hi."}]),
        (partial(user_speech, "AAAA"), "user", [{"type": "input_audio", "audio": "AAAA"}]),
        (
            partial(user_image, "AAAA", "jpeg", "What?"),
            "user",
            [
                {"type": "input_text", "text": "What?"},
                {"type": "input_image", "image_url": "data:image/jpeg;base64,AAAA"},
            ],
        ),
    ],
    ids=["typed", "said by the model", "told by the operator", "spoken", "shown"],
)
def test_an_item_is_one_that_the_api_takes(made, role, content):
    """Each kind of content from the one who may have said it."""
    item = made()
    assert {"type": "message", "role": role, "content": content} == item
    sent = {"type": "conversation.item.create", "item": item}
    event = ConversationItemCreateEvent.model_validate(sent)
    assert sent == event.model_dump(exclude_unset=True)


@pytest.mark.parametrize(
    ("made", "has_picture", "text"),
    [
        (partial(user_text, "Hi."), False, "Hi."),
        (partial(user_image, "AAAA", "png", "What?"), True, "What?"),
        (partial(user_image, "AAAA", "png", None), True, ""),
        (partial(user_speech, "AAAA"), False, ""),
    ],
    ids=["typed", "shown with words", "shown", "spoken"],
)
def test_what_stands_in_an_item_of_ours(made, has_picture, text):
    """Its picture and its words."""
    item = made()

    assert (has_picture, text) == (shows(item), text_of(item))


def test_an_item_that_is_no_message_shows_nothing():
    """A call of a function has no content."""
    assert not shows({"type": "function_call", "name": "look"})


@pytest.mark.parametrize(
    ("parts", "has_picture", "text"),
    [
        ((), False, ""),
        ((ContentPart("Hi.", "input_text"), ContentPart("You.", "input_text")), False, "Hi. You."),
        ((ContentPart(None, "input_image"), ContentPart("What?", "input_text")), True, "What?"),
        ((ContentPart("", "input_text"), ContentPart("So?", "input_text")), False, "So?"),
    ],
)
def test_what_stands_in_an_item_of_the_model(parts, has_picture, text):
    """All of its words in one, and whether a picture is among them."""
    item = Item("i", "message", "user", parts)

    assert (has_picture, text) == (item.shows, item.text)
