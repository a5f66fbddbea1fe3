"""Tests of tornado_app/policy/api_items.py: whose words an item is."""

from dataclasses import replace

import pytest

from tests.policy.test_api_session import NOTHING, standing
from tornado_app.policy.api_items import check_input, check_item, check_known
from tornado_app.policy.grants import Grant
from tornado_app.protocol.realtime.api_errors import ApiRefusal

ANYBODY = replace(NOTHING, is_hidden=lambda name: name == "hidden")
PNG = "data:image/png;base64,QUJD"


def message(role, *parts):
    return {"type": "message", "role": role, "content": list(parts)}


def words(text):
    return {"type": "input_text", "text": text}


@pytest.mark.parametrize(
    "item",
    [
        message("user", words("Hello.")),
        {**message("user", words("Hello.")), "id": "mine"},
        {"type": "message", "role": "user"},
        {"type": "message", "role": "user", "content": "Hello."},
        message("user", {**words("Hello."), "image_url": None, "audio": None}),
        {"type": "function_call_output", "call_id": "c", "output": "42"},
    ],
)
def test_what_anybody_may_say(item):
    """In one's own name."""
    check_item("item", item, ANYBODY)


@pytest.mark.parametrize(
    ("item", "word", "param"),
    [
        (7, "invalid_type", "item"),
        ({}, "missing_required_parameter", "item.type"),
        ({"type": "song"}, "invalid_value", "item.type"),
        ({"type": "message"}, "missing_required_parameter", "item.role"),
        (message("tool"), "invalid_value", "item.role"),
        (message("system", words("Sing.")), "permission_denied", "item.role"),
        (message("assistant", words("I sang.")), "permission_denied", "item.role"),
        ({"type": "function_call", "name": "own"}, "permission_denied", "item.type"),
        ({**message("user"), "id": "parley_7"}, "invalid_value", "item.id"),
        ({**message("user"), "id": "hidden"}, "invalid_value", "item.id"),
        (message("user", words("?"), {"type": "input_image"}), "permission_denied", None),
        (message("user", {"image_url": PNG}), "permission_denied", "item.content[0].type"),
    ],
)
def test_what_not_everybody_may(item, word, param):
    """What the model is told, what it has said, pictures, and names of ours."""
    with pytest.raises(ApiRefusal) as caught:
        check_item("item", item, ANYBODY)

    assert word == caught.value.word
    assert param in {None, caught.value.field}


def test_who_may_set_instructions_and_history_may_bring_such_items():
    """Within what these may be."""
    allowed = standing("instructions", "history")
    for item in (message("system", words("Sing.")), message("assistant", words("I sang."))):
        check_item("item", item, allowed)
    check_item("item", {"type": "function_call", "name": "own"}, allowed)
    check_item("item", message("assistant"), allowed)


@pytest.mark.parametrize(("role", "name"), [("system", "instructions"), ("assistant", "history")])
def test_all_the_words_of_an_item_count(role, name):
    """However many parts they are in."""
    narrow = standing(values={name: Grant(characters=10)})
    check_item("item", message(role, words("Five."), words("Six")), narrow)
    with pytest.raises(ApiRefusal) as caught:
        check_item("item", message(role, words("Five."), words("Sixes")), narrow)

    assert "item.content" == caught.value.field


@pytest.mark.parametrize(
    ("url", "word"),
    [
        (None, "invalid_type"),
        (7, "invalid_type"),
        ("https://x.example/y.png", "invalid_value"),
        ("data:text/html,x", "invalid_value"),
    ],
)
def test_a_picture_is_brought_along_and_not_fetched(url, word):
    """Else the model would ask somebody on the client's behalf."""
    shows = standing(shows=True)
    check_item("item", message("user", {"type": "input_image", "image_url": PNG}), shows)
    with pytest.raises(ApiRefusal) as caught:
        check_item("item", message("user", {"type": "input_image", "image_url": url}), shows)

    assert (word, "item.content[0].image_url") == (caught.value.word, caught.value.field)


@pytest.mark.parametrize("name", ["parley_7", "hidden"])
def test_a_hidden_item_is_none(name):
    """Neither by its name, nor as what an answer is given."""
    check_known("item_id", "mine", ANYBODY)
    check_known("item_id", None, ANYBODY)
    with pytest.raises(ApiRefusal) as caught:
        check_known("item_id", name, ANYBODY)
    assert "item_id" == caught.value.field

    reference = {"type": "item_reference", "id": name}
    with pytest.raises(ApiRefusal) as caught:
        check_input("response.input", [message("user"), reference], ANYBODY)
    assert "response.input[1].id" == caught.value.field


@pytest.mark.parametrize("value", [None, [], [{"type": "item_reference", "id": "mine"}]])
def test_what_an_answer_may_be_given_goes_on_as_it_came(value):
    """What is no list is refused."""
    assert value == check_input("response.input", value, ANYBODY)
    with pytest.raises(ApiRefusal) as caught:
        check_input("response.input", {}, ANYBODY)
    assert ("invalid_type", "response.input") == (caught.value.word, caught.value.field)
