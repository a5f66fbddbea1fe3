"""How much the model is given with an order, at the most."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_realtime.session.usage import DETAILED_IMAGE_TOKENS, text_tokens
from tornado_app.protocol.realtime.given import NOTHING, PICTURE_TOKENS, Given, given_in
from tornado_app.protocol.realtime.orders import (
    Append,
    CancelResponse,
    CreateItem,
    CreateResponse,
    Relayed,
    Truncate,
    UpdateSession,
    given_by,
)

PICTURE = "data:image/png;base64," + "A" * 100_000


def said(*parts):
    return {"type": "message", "role": "user", "content": list(parts)}


@given(st.text(max_size=200))
def test_text_is_counted_by_its_bytes(text):
    """Which is more than any model makes of it, the one on this computer too."""
    found = given_by(CreateItem(said({"type": "input_text", "text": text})))

    assert text_tokens(text) <= len(text.encode("utf-8", "replace")) < found.text
    assert 0 == found.pictures


def test_a_picture_is_as_large_as_a_picture_can_be():
    """Not as its bytes; whatever its detail."""
    found = given_by(CreateItem(said({"type": "input_image", "image_url": PICTURE})))

    assert PICTURE_TOKENS == found.pictures > DETAILED_IMAGE_TOKENS
    assert found.text < 100


@pytest.mark.parametrize("name", ["audio", "image_url"])
def test_what_a_function_calls_sound_or_a_picture_is_text(name):
    """The model reads it as it stands there."""
    tool = {"type": "function", "name": "own", "parameters": {name: "x" * 50_000}}
    for order in (UpdateSession({"tools": [tool]}), CreateResponse(response={"tools": [tool]})):
        found = given_by(order)

        assert found.text > 50_000
        assert 0 == found.pictures


def test_sound_in_an_item_is_counted_elsewhere():
    """By its length, as speech that is streamed."""
    sound = base64.b64encode(bytes(100_000)).decode()
    found = given_by(CreateItem(said({"type": "input_audio", "audio": sound})))

    assert found.text < 100


@pytest.mark.parametrize(
    "order",
    [
        UpdateSession({"instructions": "x" * 500}),
        CreateResponse(response={"instructions": "x" * 500}),
        CreateItem({"type": "function_call_output", "call_id": "c", "output": "x" * 500}),
        Relayed(b"{}", given=Given(500)),
    ],
)
def test_whatever_gives_the_model_words_counts(order):
    assert 500 <= given_by(order).text < 600


@pytest.mark.parametrize(
    "order",
    [
        Append(b"AAAA"), CancelResponse(), CreateResponse(), Truncate("i", 1, 0),
        Relayed(b"{}"),
    ],
)  # fmt: skip
def test_what_gives_it_nothing_counts_nothing(order):
    assert NOTHING == given_by(order)


def test_what_is_deep_is_counted_as_well():
    """A client may nest as it likes."""
    value = "end"
    for _ in range(50_000):
        value = [value]

    assert Given(3, 0) == given_in(value)
    assert Given(len("a1Truenb0.5"), 0) == given_in({"a": [1, True], "n": None, "b": 0.5})
