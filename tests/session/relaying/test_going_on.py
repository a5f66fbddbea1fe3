"""What the model is asked with when an answer goes on."""

import pytest

from tests.session.relaying.call import TOOL, Call
from tests.session.story import model_session
from tornado_app.protocol.realtime.model_session import OneFunction

OWN = {"type": "function", "name": "own", "parameters": {"type": "object"}}
ONE = {"type": "function", "name": "own"}


@pytest.fixture
def call():
    return Call(tools=(TOOL,)).begun()


def gone_on(call):
    """What the model is asked with behind a result."""
    call.begins("resp_1").calls("resp_1", "item_call", "call_1", TOOL.name).ends("resp_1")
    call.gets("call_1")
    (event,) = (each for each in call.sent if "response.create" == each["type"])
    return event["response"]


@pytest.mark.parametrize("choice", ["required", ONE])
def test_behind_a_result_no_tool_has_to_be_called_again(call, choice):
    """As the session has it by the client; a model that does as it is told would go on for ever."""
    session = {"type": "realtime", "tools": [OWN], "tool_choice": choice}
    call.asks("session.update", session=session).says("session.updated", session=session)
    call.asks("response.create")

    assert "auto" == gone_on(call)["tool_choice"]


@pytest.mark.parametrize("choice", ["required", OneFunction(TOOL.name)])
def test_behind_a_result_the_choice_of_the_token_is_free_as_well(choice):
    session = model_session(tool_choice=choice)
    call = Call(tools=(TOOL,), model_session=session).begun().asks("response.create")

    assert "auto" == gone_on(call)["tool_choice"]


@pytest.mark.parametrize(("choice", "asked"), [("required", "auto"), ("none", "none")])
def test_what_was_asked_for_one_answer_is_before_what_the_session_has(choice, asked):
    call = Call(tools=(TOOL,), model_session=model_session(tool_choice="required")).begun()
    call.asks("response.create", response={"tool_choice": choice})

    assert asked == gone_on(call)["tool_choice"]


def test_a_choice_that_forces_no_tool_is_left_to_the_session(call):
    call.asks("response.create")

    assert "tool_choice" not in gone_on(call)


def test_a_result_that_a_lost_model_had_heard_frees_the_choice_at_the_next():
    call = Call(tools=(TOOL,), model_session=model_session(tool_choice="required")).begun()
    call.asks("response.create")
    gone_on(call)
    call.loses_model().finds_model()

    (again,) = (each for each in call.sent if "response.create" == each["type"])
    assert "auto" == again["response"]["tool_choice"]
