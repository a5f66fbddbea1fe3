"""A talk as a chat model is told it."""

from datetime import UTC, datetime

import pytest

from local_realtime.brain.chat.request import MAX_LETTERS, request_of
from local_realtime.brain.dialogue import Line, Talk

NOW = datetime(2026, 11, 24, tzinfo=UTC)
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": None,
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def request(*lines, model="m", **talk):
    return request_of(Talk(lines, NOW, **talk), model)


def call(call_id):
    return {
        "id": call_id,
        "type": "function",
        "function": {"name": "get_weather", "arguments": "{}"},
    }


def called(call_id):
    return Line("call", "{}", call_id, "get_weather")


def test_a_conversation_is_told_in_order():
    """The instructions first; what was said without words is left out."""
    told = request(
        Line("user", "Hi."),
        Line("assistant", "Hello."),
        Line("system", "Be brief."),
        Line("user", " "),
        instructions="You are a poet.",
        max_output_tokens=50,
    )

    assert {
        "messages": [
            {"role": "system", "content": "You are a poet."},
            {"role": "user", "content": "Hi."},
            {"role": "assistant", "content": "Hello."},
            {"role": "system", "content": "Be brief."},
        ],
        "stream": True,
        "model": "m",
        "max_tokens": 50,
    } == told


def test_calls_are_followed_by_their_outputs():
    """Whatever was said between them, and whether or not there is an output yet."""
    told = request(
        called("a"),
        called("b"),
        Line("user", "Well?"),
        Line("function", "21", "a"),
        called("c"),
        Line("function", "lost", "z"),
    )["messages"]

    assert [
        {"role": "assistant", "content": "", "tool_calls": [call("a"), call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "21"},
        {"role": "tool", "tool_call_id": "b", "content": "(no output)"},
        {"role": "user", "content": "Well?"},
        {"role": "assistant", "content": "", "tool_calls": [call("c")]},
        {"role": "tool", "tool_call_id": "c", "content": "(no output)"},
        {"role": "user", "content": "A function gave this output: lost"},
    ] == told


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", "auto"),
        ("required", "required"),
        (
            {"type": "function", "name": "get_weather"},
            {"type": "function", "function": {"name": "get_weather"}},
        ),
    ],
    ids=["auto", "required", "one"],
)
def test_functions_are_declared(choice, told):
    """In the shape of chat completions, with the choice among them."""
    asked = request(tools=(TOOL,), tool_choice=choice, parallel_tool_calls=False, model="")

    function = {"name": "get_weather", "parameters": TOOL["parameters"]}
    assert [{"type": "function", "function": function}] == asked["tools"]
    assert told == asked["tool_choice"]
    assert asked["parallel_tool_calls"] is False
    assert "model" not in asked


def test_functions_that_shall_not_be_called_are_not_told():
    """`tool_choice: none` needs no promise of the model's."""
    assert {"messages", "stream", "model"} == set(request(tools=(TOOL,), tool_choice="none"))


def test_what_is_too_long_ago_is_left_out():
    """But never the last that was said."""
    lines = [Line("user", "a"), Line("user", "b" * MAX_LETTERS), Line("user", "c")]

    assert ["c"] == [message["content"] for message in request(*lines)["messages"]]
    assert [MAX_LETTERS] == [len(message["content"]) for message in request(*lines[:2])["messages"]]
