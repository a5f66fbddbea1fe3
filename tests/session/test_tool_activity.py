"""What a client is told of the server's tools: nothing, unless the operator shows it."""

from dataclasses import replace

import pytest

from tests.session.story import FORGETFUL, Story, model_session
from tests.session.test_client_tools import COLOUR, RED, answers
from tests.session.test_tools import RULES, WEATHER, begins, calls, done, ends
from tornado_app.protocol import asked
from tornado_app.protocol.close import GOING_AWAY
from tornado_app.protocol.realtime.functions import Manners
from tornado_app.session import events

SHOWN = replace(RULES, functions=(replace(WEATHER, manners=Manners(shown=True)),))


def shown(told):
    """All that the client was told: (name, status)."""
    messages = [data for name, data in told.all_messages if name == "tool_activity"]
    assert all(set(data) == {"name", "status"} for data in messages)
    return [(data["name"], data["status"]) for data in messages]


def calling(rules=SHOWN, **changes):
    return ends(calls(begins(Story(**({"tools": rules} | changes)).connected())))


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        ("done", "done"),
        ("failed", "failed"),
        ("invalid_arguments", "failed"),
        ("busy", "failed"),
        ("too_large", "failed"),
    ],
)
def test_a_tool_that_is_shown_runs_and_has_run(outcome, status):
    """Its name, and never more than that."""
    told = calling()
    assert [("get_weather", "running")] == shown(told)
    done(told, outcome=outcome, detail="canary")

    assert [("get_weather", "running"), ("get_weather", status)] == shown(told)


@pytest.mark.parametrize(
    ("manners", "is_shown"),
    [
        (Manners(), False),
        (Manners(shown=False), False),
        (Manners(shown=frozenset({"speak", "other"})), True),
        (Manners(shown=frozenset({"other"})), False),
        (Manners(shown=frozenset()), False),
    ],
)
def test_who_is_shown_it(manners, is_shown):
    """The scopes of the token decide, where the operator lists some; the story's has `speak`."""
    told = done(calling(replace(RULES, functions=(replace(WEATHER, manners=manners),))))

    assert (2 if is_shown else 0) == len(shown(told))


def test_one_whose_time_is_over_has_failed():
    """Whatever it does after that."""
    told = calling().tick(5.0)
    done(told)

    assert [("get_weather", "running"), ("get_weather", "failed")] == shown(told)


def test_an_interruption_ends_none():
    """The result still reaches the conversation."""
    told = calling().client(asked.Interrupt())
    assert 1 == len(shown(told))
    done(told)

    assert ("get_weather", "done") == shown(told)[-1]


def test_a_model_that_is_lost_and_a_server_that_goes_take_them_along():
    """Nobody waits for them any more."""
    forgetful = calling(**FORGETFUL)
    for told in (forgetful.lost(), calling().feed(events.Stop(GOING_AWAY))):
        assert ("get_weather", "failed") == shown(told)[-1]
    assert 1 == len(shown(calling().feed(events.ClientGone(1000))))


def test_what_is_not_performed_is_not_shown():
    """It never ran: there is no such tool, or its arguments are too large."""
    told = begins(Story(tools=SHOWN).connected())
    calls(told, name="nothing")
    calls(told, "c2", arguments="x" * 1000)

    assert [] == shown(told)


def test_a_tool_of_the_clients_has_messages_of_its_own():
    """Its client performs it, and need not be told."""
    told = Story(tools=SHOWN, model_session=model_session(tools=(COLOUR,))).connected()
    answers(ends(calls(begins(told), name="set_colour", arguments=RED)))

    assert [] == shown(told)
