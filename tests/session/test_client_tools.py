"""Tools that the client performs, alone and beside tools of the server."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs
from openai.types.realtime import ResponseCreateEvent, SessionUpdateEvent

from tests.session.story import FORGETFUL, UNIX_MS, Story, delta, model_session
from tests.session.test_tools import (
    WEATHER,
    asks,
    begins,
    calls,
    cancelled,
    done,
    ends,
    item,
    logged,
    outputs,
    performed,
)
from tornado_app.policy.grants import ALL, Policy
from tornado_app.policy.settling import CallRules
from tornado_app.protocol import asked, told
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import OneFunction
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.session import commands, events
from tornado_app.session.config import ToolRules

COLOUR = Function(
    "set_colour",
    "Paint the page.",
    {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
    },
)
RULES = ToolRules((WEATHER,), 3, arguments_bytes=256, result_bytes=1000, client_timeout_s=20)
RED = '{"colour":"red"}'


def story(**changes):
    wanted = model_session(tools=(COLOUR,))
    return Story(**({"tools": RULES, "model_session": wanted} | changes)).connected()


def paints(stage, call_id="c1", response_id="resp_1", arguments=RED):
    return calls(stage, call_id, response_id, name="set_colour", arguments=arguments)


def answers(stage, call_id="c1", output="Painted.", at=None, **what):
    return stage.client(asked.ToolResult(call_id, output, **what), at)


def sent(stage, kind):
    return [
        command.message
        for command in stage.all
        if isinstance(command, commands.SendClient) and isinstance(command.message, kind)
    ]


def open_calls(stage):
    """Calls that the client was told of, with what ended them: {call_id: reason or None}."""
    ended = {message.call_id: message.reason for message in sent(stage, told.ToolCallCancelled)}
    return {message.call_id: ended.get(message.call_id) for message in sent(stage, told.ToolCall)}


def test_the_model_is_told_of_both_kinds():
    """The server's first; nothing says who performs which."""
    stage = story()
    update = next(c.order for c in stage.all if isinstance(c, commands.SendUpstream))

    assert ["get_weather", "set_colour"] == [tool["name"] for tool in update.session["tools"]]
    assert "auto" == update.session["tool_choice"]


def test_a_choice_of_none_is_told_as_well():
    """The model knows the tools and calls none of them."""
    stage = story(model_session=model_session(tools=(COLOUR,), tool_choice="none"))
    update = next(c.order for c in stage.all if isinstance(c, commands.SendUpstream))

    assert "none" == update.session["tool_choice"]


def test_a_call_is_told_and_its_result_answered():
    """The client has what it needs to know, and one answer follows."""
    stage = begins(story())
    called = structs.replace(item("c1", "set_colour", RED), id="f1")
    stage.said(realtime.OutputItemDone("resp_1", called), at=1.0)
    call = {
        "call_id": "c1",
        "name": "set_colour",
        "arguments": {"colour": "red"},
        "item_id": "f1",
        "response_id": "resp_1",
        "deadline": UNIX_MS + 21_000,
    }
    assert [("tool_call", call)] == stage.messages
    assert [] == performed(stage)

    ends(stage)
    assert stage.messages[-1][1]["continues"] is True
    answers(stage)
    assert {"c1": "Painted."} == outputs(stage)
    assert ["conversation.item.create", "response.create"] == stage.asked
    assert [] == stage.messages
    assert [("of_client", "done")] == logged(stage, "tool_done")


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_an_answer_to_results_has_the_choice_of_the_call(choice):
    """Nothing is said of what need not be changed."""
    stage = story(model_session=model_session(tools=(COLOUR,), tool_choice=choice))
    answers(ends(paints(begins(stage))))

    assert stage.orders[-1].response is None


@pytest.mark.parametrize(
    ("choice", "spelled"),
    [
        ("required", "required"),
        (OneFunction("set_colour"), {"type": "function", "name": "set_colour"}),
    ],
)
def test_a_call_that_is_required_is_required_of_answers_to_the_user(choice, spelled):
    """The one behind the result may be words; the next turn of the user's has a call again."""
    wanted = model_session(tools=(COLOUR,), tool_choice=choice)
    stage = story(model_session=wanted)
    update = next(c.order for c in stage.all if isinstance(c, commands.SendUpstream))
    assert spelled == update.session["tool_choice"]
    SessionUpdateEvent.model_validate(json.loads(encode_order(update)))
    stage.client(asked.Text("Red."))
    assert stage.orders[-1].response is None

    answers(ends(paints(begins(stage))))
    assert {"tool_choice": "auto"} == stage.orders[-1].response
    ResponseCreateEvent.model_validate(json.loads(encode_order(stage.orders[-1])))
    begins(stage, "resp_2")
    ends(stage, "resp_2")
    assert stage.client(asked.Text("Blue.")).orders[-1].response is None


@pytest.mark.parametrize("order", [("c1", "c2", "c3"), ("c3", "c1", "c2"), ("c2", "c3", "c1")])
def test_results_in_any_order_and_of_both_kinds_ask_once(order):
    """One of the three is a tool of the server."""
    stage = begins(story())
    paints(stage, "c1")
    calls(stage, "c2")
    paints(stage, "c3")
    ends(stage)
    for number, call_id in enumerate(order):
        assert 0 == asks(stage)
        done(stage, call_id) if call_id == "c2" else answers(stage, call_id, str(number))

    assert 1 == asks(stage)
    assert {"c1", "c2", "c3"} == set(outputs(stage))


@pytest.mark.parametrize(
    ("output", "is_error", "read"),
    [
        ("Painted.", False, "Painted."),
        ('{"a":1}', False, '{"a":1}'),
        ("No paint.", True, '{"error": "No paint."}'),
        ('{"a":1}', True, '{"error": {"a": 1}}'),
        ("", False, ""),
        ("NaN", True, '{"error": "NaN"}'),
        ("-Infinity", True, '{"error": "-Infinity"}'),
        ("1e999", True, '{"error": "1e999"}'),
        ('"\\ud83d"', True, '{"error": "\\"\\\\ud83d\\""}'),
    ],
)
def test_what_the_model_reads_of_a_result(output, is_error, read):
    """Text as it is, and an error as all errors of tools are."""
    stage = answers(paints(begins(story())), output=output, is_error=is_error)

    assert {"c1": read} == outputs(stage)
    for order in stage.orders:
        encode_order(order)
    event = "tool_failed" if is_error else "tool_done"
    assert [("of_client", "failed" if is_error else "done")] == logged(stage, event)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("{no", "JSON object"),
        ("[]", "JSON object"),
        ("{}", "colour is missing"),
        ('{"colour":"green"}', '"red", "blue"'),
        ("[" * 200, "JSON object"),
        ('{"colour":"\\ud800"}', "JSON object"),
    ],
)
def test_arguments_that_do_not_fit_go_back_to_the_model(arguments, words):
    """The client hears nothing of them."""
    stage = paints(begins(story()), arguments=arguments)

    assert words in json.loads(outputs(stage)["c1"])["error"]
    assert {} == open_calls(stage)
    assert [("of_client", "invalid_arguments")] == logged(stage)
    ends(stage)
    assert 1 == asks(stage)


def test_no_arguments_at_all_are_an_empty_object():
    """As models write them for functions without parameters."""
    nothing = Function("beep", "", {"type": "object"})
    stage = begins(story(model_session=model_session(tools=(nothing,))))
    calls(stage, name="beep", arguments="")

    assert [{}] == [call.arguments for call in sent(stage, told.ToolCall)]


def test_a_result_that_is_too_large_may_be_said_again():
    """The client is told how much is allowed, and the call stays open."""
    stage = ends(paints(begins(story())))
    stage.client(asked.ToolResult("c1", "x" * 1001, ref="r1"))
    ((_, error),) = stage.messages
    assert ("message_too_large", "output", "r1") == (error["code"], error["field"], error["ref"])
    assert "1000 bytes" in error["sentence"]
    assert {} == outputs(stage)

    answers(stage)
    assert 1 == asks(stage)


def test_a_client_that_is_late_is_told_so():
    """The model reads it, the call is cancelled, and what comes after is refused by name."""
    stage = ends(paints(begins(story())))
    stage.tick(19.9)
    assert {"c1": None} == open_calls(stage)

    stage.tick(20.0)
    assert {"c1": "timeout"} == open_calls(stage)
    assert "20 s" in json.loads(outputs(stage)["c1"])["error"]
    assert 1 == asks(stage)
    stage.client(asked.ToolResult("c1", "late", ref="r1"), at=21.0)
    ((_, error),) = stage.messages
    assert ("invalid_message", "call_id", "r1") == (error["code"], error["field"], error["ref"])
    assert 1 == asks(stage)


def test_late_results_end_no_call():
    """They cross with the cancellation, and are no mistake to be counted."""
    stage = story()
    for number in range(100):
        answers(stage, f"c{number}")

    assert not stage.session.ended


def test_a_call_of_the_servers_is_nothing_a_client_can_answer():
    """Even if it guesses the name of the call."""
    stage = answers(calls(begins(story())))

    assert ["invalid_message"] == stage.errors
    assert {} == outputs(stage)
    done(stage)
    assert {"c1"} == set(outputs(stage))


def test_a_second_result_is_refused():
    """The first one counts."""
    stage = answers(answers(paints(begins(story())), output="one"), output="two")

    assert ["invalid_message"] == stage.errors
    assert {"c1": "one"} == outputs(stage)


def test_barge_in_cancels_what_the_client_does():
    """It is told before it is told to be silent; the conversation is whole, and nothing is asked.
    The server's own goes on, as it did.
    """
    stage = begins(story())
    stage.said(delta(4000))
    paints(stage)
    calls(stage, "c2")
    ends(stage)
    stage.said(realtime.UserSpeechStarted("u2"))
    assert ["tool_call_cancelled", "interrupted"] == [
        name for name in stage.told if name in {"tool_call_cancelled", "interrupted"}
    ]
    assert {"c1": "interrupted"} == open_calls(stage)
    assert "interrupted" in json.loads(outputs(stage)["c1"])["error"]
    assert [] == cancelled(stage)

    done(stage, "c2")
    assert {"c1", "c2"} == set(outputs(stage))
    assert 0 == asks(stage)


def test_speech_into_silence_cancels_nothing():
    """The caller may go on talking while the client is busy."""
    stage = ends(paints(begins(story())))
    stage.said(realtime.UserSpeechStarted("u2"))

    assert {"c1": None} == open_calls(stage)


def test_the_end_of_a_call_cancels_what_is_open():
    """Whoever is still there is told; who has hung up is not."""
    stage = paints(paints(begins(story())), "c2")
    stage.feed(events.Stop(events.Close(1001, "going_away")))
    assert {"c1": "ended", "c2": "ended"} == open_calls(stage)
    stage.check()

    gone = paints(begins(story()))
    gone.feed(events.ClientGone(1001))
    assert {"c1": None} == open_calls(gone)
    gone.check()


def test_a_model_that_is_lost_cancels_what_is_open():
    """The next one knows nothing of it; a result is refused."""
    stage = ends(paints(begins(story(**FORGETFUL))))
    stage.lost()
    assert {"c1": "ended"} == open_calls(stage)
    assert ["upstream_unavailable"] == stage.errors

    stage.tick(stage.now + 10)
    stage.model_ready()
    answers(stage)
    assert ["invalid_message"] == stage.errors
    assert {} == outputs(stage)


def test_the_bounds_are_those_of_all_tools():
    """So many at once, and arguments of such a size."""
    stage = begins(story())
    for number in range(5):
        paints(stage, f"c{number}")
    paints(stage, "large", arguments='{"colour":"' + "x" * 300 + '"}')

    assert 3 == len(open_calls(stage))
    assert {"c3", "c4", "large"} == set(outputs(stage))


def test_status_counts_them_as_well():
    """Also before there was one."""
    stage = story(tools=ToolRules())
    stage.feed(events.StatusAsked({}))

    assert 0 == stage.messages[-1][1]["tools"]["calls"]


OPEN = CallRules(Policy({("tools", "configure"): ALL}, {}), frozenset(), taken=frozenset({"taken"}))


def test_tools_may_change_while_the_call_runs():
    """Beside the server's; what is open stays open, under the name that it had in the log."""
    stage = ends(paints(begins(story(call_rules=OPEN))))
    stage.client(asked.Configure({"tools": [{"name": "beep"}]}))
    assert ["get_weather", "beep"] == [tool["name"] for tool in stage.orders[0].session["tools"]]
    stage.said(realtime.SessionUpdated())
    assert ["configured"] == stage.told

    answers(stage)
    assert {"c1": "Painted."} == outputs(stage)
    assert [("of_client", "done")] == logged(stage, "tool_done")
    begins(stage, "resp_2")
    paints(stage, "c2", "resp_2")
    assert "get_weather, beep" in json.loads(outputs(stage)["c2"])["error"]
    stage.said(realtime.OutputItemDone("resp_2", item("c3", "beep", "")))
    assert {"c1": None, "c3": None} == open_calls(stage)


def test_tools_that_wait_for_the_model_count():
    """In the bytes of the call, until it has them."""
    stage = Story(tools=RULES, call_rules=OPEN).opened()
    tools = [{"name": f"t{number}", "description": "x" * 4000} for number in range(10)]
    stage.client(asked.Configure({"tools": tools}))
    assert stage.budget.held_bytes > 80_000

    stage.model_ready().said(realtime.SessionUpdated())
    stage.feed(events.ClientGone(None))
    stage.check()


@pytest.mark.parametrize(
    ("tools", "field"),
    [
        ([{"name": "taken"}], "tools[0].name"),
        ([{"name": "a b"}], "tools[0].name"),
        (7, "tools"),
    ],
)
def test_tools_that_may_not_be_change_nothing(tools, field):
    """Refused whole, by name."""
    stage = story(call_rules=OPEN)
    stage.client(asked.Configure({"tools": tools}))

    assert [] == stage.orders
    ((_, error),) = stage.messages
    assert ("invalid_message", field) == (error["code"], error["field"])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["paint", "call", "done", "result", "error"]), st.integers(0, 5)),
        st.tuples(
            st.sampled_from(["begin", "end", "speech", "stop", "text", "wait", "lost", "delta"]),
            st.just(0),
        ),
    ),
    max_size=40,
)


def take_step(stage, step, call_id, number):
    """Let one thing happen in the answer of this number."""
    match step:
        case "paint":
            paints(stage, call_id, f"r{number}")
        case "call":
            calls(stage, f"server_{call_id}", f"r{number}")
        case "done":
            done(stage, f"server_{call_id}")
        case "result" | "error":
            answers(stage, call_id, is_error=step == "error")
        case "begin":
            begins(stage, f"r{number}")
        case "end":
            ends(stage, f"r{number}")
        case "delta":
            stage.said(delta(100, response_id=f"r{number}"))
        case "speech":
            stage.said(realtime.UserSpeechStarted("u"))
        case "stop":
            stage.client(asked.Interrupt(None, None))
        case "text":
            stage.client(asked.Text("x"))
        case "wait":
            stage.tick(stage.now + 3)
        case "lost":
            stage.lost()
            stage.tick(stage.now + 9)
            stage.model_ready()


@given(STEPS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_call_ends_in_exactly_one_way(steps, hangs_up):
    """Answered by the client, or cancelled with one word; nothing is open at the end."""
    stage, number, losses, answered = story(message_burst=1e6), 0, 0, set[str]()
    called_in: dict[str, int] = {}  # what comes again, and be it later, is of the same answer
    for step, which in steps:
        number, losses = number + (step == "begin"), losses + (step == "lost")
        call_id, before = f"c{losses}_{which}", set(outputs(stage))
        is_call = step in {"paint", "call"}
        of = called_in.setdefault(f"{step}_{call_id}", number) if is_call else number
        take_step(stage, step, call_id, of)
        if step in {"result", "error"}:
            answered |= set(outputs(stage)) - before
    if not hangs_up:
        stage.tick(stage.now + 21)
        assert 0 == len(stage.session._conductor.answers.tools._open)
    stage.feed(events.ClientGone(None) if hangs_up else events.Stop(events.Close(1001, "bye")))
    stage.check()

    cancels = [message.call_id for message in sent(stage, told.ToolCallCancelled)]
    calls_told = [message.call_id for message in sent(stage, told.ToolCall)]
    assert len(calls_told) == len(set(calls_told))
    ended = [*cancels, *answered]
    assert len(ended) == len(set(ended))
    assert set(ended) <= set(calls_told)
    assert hangs_up or set(ended) == set(calls_told)


def test_results_that_are_not_taken_are_refused_in_words():
    """The field is named, and what is allowed."""
    stage = ends(paints(begins(story())))
    for message, code, field, sentence in (
        (
            asked.ToolResult("c9", "x"),
            "invalid_message",
            "call_id",
            "No call of this call_id waits for a result: it has one, or was cancelled.",
        ),
        (
            asked.ToolResult("c1", "x" * 1001),
            "message_too_large",
            "output",
            "The output is too large; 1000 bytes are allowed.",
        ),
    ):
        stage.client(message)
        [(_, data)] = stage.messages
        assert (code, field, sentence) == (data["code"], data["field"], data["sentence"])
    assert {} == outputs(stage)
    assert {"c1": "x" * 1000} == outputs(answers(stage, output="x" * 1000))
