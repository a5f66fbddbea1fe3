"""Tests of tornado_app/protocol/realtime/functions.py."""

import json

import pytest

from tornado_app.protocol.realtime.functions import (
    Function,
    OutputItem,
    error_output,
    function_output,
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
