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
        (
            message("user", {**words("?"), "image_url": PNG}),
            "permission_denied",
            "item.content[0].type",
        ),
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


CALL = {"type": "function_call", "call_id": "c", "name": "own", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "42"}


@pytest.mark.parametrize(
    ("item", "word", "param"),
    [
        ({**message("user"), "Role": "system"}, "unknown_parameter", "item.Role"),
        ({**message("user"), "role": ["system"]}, "invalid_type", "item.role"),
        ({**message("user"), "id": ["hidden"]}, "invalid_type", "item.id"),
        ({**message("system"), "content": "Sing."}, "invalid_type", "item.content"),
        (message("assistant", "I sang."), "invalid_type", "item.content[0]"),
        (message("user", {"text": "?"}), "missing_required_parameter", "item.content[0].type"),
        (message("system", words(["Sing."])), "invalid_type", "item.content[0].text"),
        (
            message("user", {"type": "input_audio", "audio": {"data": "QUJD"}}),
            "invalid_type",
            "item.content[0].audio",
        ),
        (
            message("user", {"type": "input_file", "file_url": "https://x.example"}),
            "unknown_parameter",
            "item.content[0].file_url",
        ),
        (message("user", {"type": "input_file"}), "invalid_value", "item.content[0].type"),
        (
            message("user", {"type": "input_image", "image_url": PNG, "file_id": "file_1"}),
            "unknown_parameter",
            "item.content[0].file_id",
        ),
        (
            {**OUTPUT, "output": [{"type": "input_image", "image_url": "https://x.example"}]},
            "invalid_type",
            "item.output",
        ),
        ({**OUTPUT, "call_id": ["c"]}, "invalid_type", "item.call_id"),
        ({**CALL, "arguments": {"x": 1}}, "invalid_type", "item.arguments"),
        ({**CALL, "function": {"name": "lookup"}}, "unknown_parameter", "item.function"),
    ],
)
def test_an_item_has_what_the_api_has_for_it_and_texts_are_texts(item, word, param):
    """What is judged by one is written as one; what else a server may obey nobody has judged."""
    with pytest.raises(ApiRefusal) as caught:
        check_item("item", item, standing(shows=True))

    assert (word, param) == (caught.value.word, caught.value.field)


def test_a_reference_names_one_item():
    reference = {"type": "item_reference", "id": "mine", "item_id": "hidden"}
    with pytest.raises(ApiRefusal) as caught:
        check_input("response.input", [reference], ANYBODY)

    assert "response.input[0].item_id" == caught.value.field


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({**CALL, "name": "lookup"}, "item.name"),
        ({**CALL, "call_id": "servers"}, "item.call_id"),
        ({**OUTPUT, "call_id": "servers"}, "item.call_id"),
    ],
)
def test_what_tools_of_the_server_do_no_client_tells(item, param):
    """Whatever it may set: neither that one was called, nor what came of it."""
    allowed = standing(is_hidden_call=lambda call_id: call_id == "servers")
    check_item("item", CALL, allowed)
    check_item("item", OUTPUT, allowed)
    with pytest.raises(ApiRefusal) as caught:
        check_item("item", item, allowed)

    assert ("invalid_value", param) == (caught.value.word, caught.value.field)


def test_what_an_answer_has_spoken_and_called_is_history_as_what_it_has_written():
    narrow = standing(values={"history": Grant(characters=10)})
    spoken = {"type": "output_audio", "transcript": "Five. Sixes"}
    for item in (message("assistant", spoken), {**CALL, "arguments": '{"x":"Sixes"}'}):
        with pytest.raises(ApiRefusal) as caught:
            check_item("item", item, narrow)
        assert "invalid_value" == caught.value.word


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
