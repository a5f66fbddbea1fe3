"""Tests of tornado_app/session/refused_calls.py, and of the calls that are open."""

import pytest

from tests.session.story import Story, model_session
from tests.session.test_client_tools import COLOUR
from tests.session.test_tools import item
from tornado_app.admission.budget import ENTRY_BYTES, Budget, ProcessBudget
from tornado_app.session.config import ToolRules
from tornado_app.session.open_calls import OpenCall, OpenCalls
from tornado_app.session.refused_calls import RefusedCalls, call_bytes
from tornado_app.session.rounds import Round

FREE = {"running": 0, "is_heard": True, "has_enough": False}
RED = '{"colour":"red"}'


def refused(room_bytes=100_000, tools=(COLOUR,)):
    """Calls of `get_weather` of the server, and of what the client performs."""
    budget = Budget(room_bytes, ProcessBudget(1 << 20, 4))
    client = Story(
        model_session=model_session(tools=tools)
    ).session._conductor.answers.tools._client
    rules = ToolRules((), at_once=2, arguments_bytes=64)
    return RefusedCalls(rules, client, budget)


def why(call, of=None, functions=("get_weather",), **state):
    return (of or refused()).why(call, functions, **(FREE | state))


@pytest.mark.parametrize(
    ("call", "state", "outcome", "sentence"),
    [
        (
            item(),
            {"is_heard": False},
            "interrupted",
            "The user interrupted before the tool was called.",
        ),
        (
            item(name="nothing"),
            {},
            "unknown",
            "There is no tool of this name. There are: get_weather, set_colour.",
        ),
        (
            item(),
            {"has_enough": True},
            "too_many",
            "Too many calls in a row. Answer with what is known.",
        ),
        (
            item(arguments="x" * 65),
            {},
            "too_large",
            "The arguments are too large; 64 bytes are allowed.",
        ),
        (
            item(),
            {"running": 2},
            "too_many",
            "Too many calls at once; 2 are allowed. Call it again later.",
        ),
        (
            item(name="set_colour", arguments="[]"),
            {},
            "invalid_arguments",
            "The arguments must be a JSON object.",
        ),
    ],
)
def test_what_the_model_reads_instead_of_a_result(call, state, outcome, sentence):
    """Of several reasons the first."""
    assert (outcome, sentence) == why(call, **state)


@pytest.mark.parametrize(
    ("call", "state"),
    [
        (item(), {"running": 1}),
        (item(arguments="x" * 64), {}),
        (item(name="set_colour", arguments=RED), {}),
    ],
)
def test_what_is_performed(call, state):
    """As much as may be; what a tool of the server is given that tool checks itself."""
    assert why(call, **state) is None


def test_without_tools_none_is_named():
    """The model has called one all the same."""
    assert ("unknown", "There is no tool of this name. There are: none.") == why(
        item(), refused(tools=()), ()
    )


def test_a_name_of_both_is_the_servers():
    """So what the client would take for wrong is not looked at."""
    call = item(name="set_colour", arguments="[]")

    assert why(call, functions=("set_colour",)) is None


def test_a_call_takes_room_with_its_arguments():
    """And a little of its own; one byte less is too little."""
    call = item(arguments="x" * 40)
    assert ENTRY_BYTES + 40 == call_bytes(call)
    assert why(call, refused(call_bytes(call))) is None

    assert ("busy", "There is no room for this call now. Call it again later.") == why(
        call, refused(call_bytes(call) - 1)
    )


def test_open_calls_are_counted_and_end():
    """Against the budget of the call, and in the answer that called."""
    budget = Budget(1000, ProcessBudget(1 << 20, 4))
    calls, of = OpenCalls(budget), Round("r", None, is_wanted=True)
    assert (0, [], None) == (len(calls), calls.all, calls.earliest)
    for name, due_at in (("c1", 7.0), ("c2", 5.0)):
        calls.open(name, OpenCall(name, of, 1.0, due_at, 100, False, "", "", 0.0))
    assert (2, 5.0, 200, {"c1", "c2"}) == (
        len(calls),
        calls.earliest,
        budget.held_bytes,
        of.running,
    )
    assert ("c1", 6.0) == (calls.find("c1").name, calls.find("c1").timeout_s)
    calls.close("c2")

    assert (["c1"], 7.0, 100, {"c1"}, None) == (
        [name for name, _ in calls.all],
        calls.earliest,
        budget.held_bytes,
        of.running,
        calls.find("c2"),
    )
