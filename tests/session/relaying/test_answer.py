"""One answer as its client knows it."""

import json

import pytest

from tornado_app.session.relaying.answer import Answer, summed


def answer(*ended, **changes):
    made = Answer("resp_1", {"id": "resp_1", "conversation_id": "conv_1"}, **changes)
    for item in ended:
        made.end_item(item)
    return made


def call(status="completed"):
    return {"id": "c", "type": "function_call", "status": status}


WORDS = {"id": "w", "type": "message", "status": "completed"}


@pytest.mark.parametrize(
    ("ended", "is_so"),
    [
        ((), False),
        ((WORDS,), False),
        ((call("incomplete"),), False),
        ((WORDS, call("incomplete")), False),
        ((call(),), True),
        ((WORDS, call()), True),
    ],
)
def test_a_call_is_whole_if_it_is_one_and_complete(ended, is_so):
    assert is_so == answer(*ended).has_whole_call


def test_items_are_numbered_as_they_are_shown():
    """Whatever number the model has for them."""
    made = answer()

    made.begin_item(3, {"id": "a"})
    made.begin_item(5, {"id": "b"})
    assert ({3: 0, 5: 1}, 2) == (made.indexes, made.count)
    assert {"a": 0, "b": 1} == {name: shown.index for name, shown in made.items.items()}
    made.end_item({"id": "a", "status": "completed"})
    assert ["b"] == list(made.items)
    assert [{"id": "a", "status": "completed"}] == made.ended_items


@pytest.mark.parametrize(
    ("changes", "is_plain"), [({}, True), ({"has_hidden": True}, False), ({"rounds": 1}, False)]
)
def test_one_of_which_all_is_shown_is_plain(changes, is_plain):
    assert is_plain == answer(**changes).is_plain


@pytest.mark.parametrize(
    ("conversation_id", "asked", "is_beside"),
    [
        (None, {"conversation": "none"}, True),
        ("conv_1", {"conversation": "none"}, False),
        (None, {"conversation": "auto"}, False),
        (None, {}, False),
        (None, None, False),
    ],
)
def test_one_beside_the_conversation_is_asked_for_so_and_in_none(conversation_id, asked, is_beside):
    made = Answer("resp_1", {"conversation_id": conversation_id}, asked)

    assert is_beside == made.is_beside


def test_what_it_cost_is_the_sum_of_all_that_the_model_made_of_it():
    made = answer(WORDS)
    made.add_usage({"total_tokens": 3, "input_token_details": {"text_tokens": 1}, "of": "x"})
    made.add_usage(None)
    made.add_usage({"total_tokens": 4, "input_token_details": {"text_tokens": 2}, "of": "y"})
    event = json.loads(made.done("failed", {"type": "failed"}))

    assert ("response.done", "event_resp_1") == (event["type"], event["event_id"])
    assert {
        "id": "resp_1",
        "conversation_id": "conv_1",
        "status": "failed",
        "status_details": {"type": "failed"},
        "output": [WORDS],
        "usage": {"total_tokens": 7, "input_token_details": {"text_tokens": 3}, "of": "y"},
    } == event["response"]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ({"a": 1}, {"b": 2.5}, {"a": 1, "b": 2.5}),
        ({"a": {"b": 1}}, {"a": {"b": 2, "c": 3}}, {"a": {"b": 3, "c": 3}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": "x"}, {"a": 2}, {"a": 2}),
        ({"a": 2}, {"a": "x"}, {"a": "x"}),
    ],
)
def test_counts_are_added_up_name_by_name(one, other, both):
    assert both == summed(one, other)
