"""Tests of tornado_app/protocol/realtime/functions.py."""

import json

import pytest

from tornado_app.protocol.realtime.functions import (
    Function,
    HandedServer,
    Manners,
    OutputItem,
    error_output,
    function_call,
    function_output,
    gone_on_with,
    spoken_while_waiting,
    tool_entry,
)


def test_the_model_is_told_of_a_function_as_the_api_spells_it():
    """Its name, what it is for, and the schema of what it takes; not how long it may take."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}

    assert {
        "type": "function",
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": schema,
    } == tool_entry(Function("weather", "The weather of a city.", schema, 5.0))


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer secret"}])
def test_the_model_is_told_where_a_server_of_tools_is(headers):
    """With the tools that it may call unasked, and headers only where there are some."""
    server = HandedServer("shop", "https://shop.example/mcp", headers, ("find", "order"))

    assert {
        "type": "mcp",
        "server_label": "shop",
        "server_url": "https://shop.example/mcp",
        "allowed_tools": ["find", "order"],
        "require_approval": "never",
        **({"headers": headers} if headers else {}),
    } == tool_entry(server)


def test_a_call_of_before_is_told_as_if_the_model_had_made_it():
    """To another model that is to go on from there."""
    assert {
        "type": "function_call",
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city":"Ulm"}',
    } == function_call("call_1", "weather", '{"city":"Ulm"}')


def test_a_call_is_answered_by_its_id():
    """With a text, whatever the tool has said; of an error, its sentence as it is written."""
    assert {
        "type": "function_call_output",
        "call_id": "call_1",
        "output": '{"error": "Größe fehlt."}',
    } == function_output("call_1", error_output("Größe fehlt."))
    assert {"error": 'no "city"'} == json.loads(error_output('no "city"'))


@pytest.mark.parametrize(
    ("item", "is_call"),
    [
        (OutputItem("function_call", "completed", "call_1", "weather", "{}"), True),
        (OutputItem("function_call", None, "call_1", "weather"), True),
        (OutputItem("function_call", "incomplete", "call_1", "weather"), False),
        (OutputItem("function_call", "completed", "", "weather"), False),
        (OutputItem("message", "completed", "call_1"), False),
        (OutputItem(), False),
    ],
)
def test_only_a_whole_call_can_be_answered(item, is_call):
    """One that was cut has arguments that nobody meant."""
    assert is_call == item.is_call


@pytest.mark.parametrize(("kind", "is_own"), [("mcp_call", True), ("function_call", False)])
def test_what_the_model_has_called_by_itself_needs_no_answer(kind, is_own):
    """It knows the result."""
    assert is_own == OutputItem(kind, "completed", "call_1").is_models_own


@pytest.mark.parametrize(
    ("shown", "scopes", "is_shown"),
    [
        (False, {"staff"}, False),
        (True, set(), True),
        (frozenset({"staff", "beta"}), {"beta", "chat"}, True),
        (frozenset({"staff", "beta"}), {"chat"}, False),
        (frozenset(), {"chat"}, False),
    ],
)
def test_a_running_tool_is_shown_to_whom_the_operator_wants(shown, scopes, is_shown):
    """To all, to none, or to those whose token has one of some scopes."""
    assert is_shown == Manners(shown=shown).is_shown_to(frozenset(scopes))


def test_nobody_is_shown_a_tool_unless_that_is_wanted():
    assert not Manners().is_shown_to(frozenset({"staff"}))


def test_words_for_the_wait_are_said_as_they_are_and_no_tool_is_called():
    """The tool runs already."""
    assert {
        "instructions": "Say exactly this: One moment.\nSay nothing else.",
        "tool_choice": "none",
    } == spoken_while_waiting("One moment.")


@pytest.mark.parametrize(("instructions", "before"), [("Be brief.", "Be brief.\n"), ("", "")])
def test_an_answer_that_broke_off_goes_on_under_the_same_instructions(instructions, before):
    """What an answer is given stands in place of the session's own, so those are said again."""
    said = gone_on_with(instructions)

    assert ["instructions"] == list(said)
    assert said["instructions"].startswith(f"{before}Your last answer broke off")
    assert said["instructions"].endswith("Go on from its last word, and say nothing of it again.")
