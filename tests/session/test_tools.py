"""What the model calls, what it is answered, and when it is asked to go on."""

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime import (
    ConversationItemCreateEvent,
    ResponseCreateEvent,
    SessionUpdateEvent,
)

from tests.session.story import FORGETFUL, Story, delta, response
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import Function, OutputItem
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.orders import CreateItem, CreateResponse
from tornado_app.session import commands, events
from tornado_app.session.config import ToolRules
from tornado_app.session.following import ROUNDS_MAX
from tornado_app.session.kept import ORDERS_HELD

WEATHER = Function(
    "get_weather",
    "The weather in a city.",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    5.0,
)
CLOCK = Function("get_time", "What time it is.", {"type": "object", "properties": {}}, 2.0)
RULES = ToolRules((WEATHER, CLOCK), at_once=3, arguments_bytes=256, result_bytes=1000)


def story(**changes):
    return Story(**({"tools": RULES} | changes)).connected()


def item(call_id="c1", name="get_weather", arguments='{"city":"Oslo"}', status="completed"):
    return OutputItem("function_call", status, call_id, name, arguments)


def calls(told, call_id="c1", response_id="resp_1", **what):
    return told.said(realtime.OutputItemDone(response_id, item(call_id, **what)))


def begins(told, response_id="resp_1"):
    return told.said(realtime.ResponseCreated(response(response_id)))


def ends(told, response_id="resp_1", status="completed", **facts):
    return told.said(realtime.ResponseFinished(response(response_id, status, **facts)))


def done(told, call_id="c1", output="It is 4 degrees.", at=None, **what):
    return told.feed(events.ToolDone(call_id, output, **what), at)


def performed(told):
    return [command for command in told.all if isinstance(command, commands.CallTool)]


def cancelled(told):
    return [command.call_id for command in told.all if isinstance(command, commands.CancelTool)]


def outputs(told):
    """What reached the conversation: {call_id: output}."""
    orders = [c.order for c in told.all if isinstance(c, commands.SendUpstream)]
    items = [order.item for order in orders if isinstance(order, CreateItem)]
    return {i["call_id"]: i["output"] for i in items if i["type"] == "function_call_output"}


def asks(told):
    orders = [c.order for c in told.all if isinstance(c, commands.SendUpstream)]
    return sum(isinstance(order, CreateResponse) for order in orders)


def logged(told, event="tool_failed"):
    logs = [c for c in told.all if isinstance(c, commands.Log) and c.event == event]
    return [(c.fields["name"], c.fields["outcome"]) for c in logs]


def test_the_model_is_told_of_the_tools_of_this_call():
    """They stand in the first session.update, as the API's own types have them."""
    told = story()
    updates = [c.order for c in told.all if isinstance(c, commands.SendUpstream)]

    session = json.loads(encode_order(updates[0]))["session"]
    assert "auto" == session["tool_choice"]
    assert ["get_weather", "get_time"] == [tool["name"] for tool in session["tools"]]
    SessionUpdateEvent.model_validate(json.loads(encode_order(updates[0])))


def test_without_tools_the_model_is_told_of_none():
    """Nothing is sent that was not sent before."""
    told = Story().connected()
    update = next(c.order for c in told.all if isinstance(c, commands.SendUpstream))

    assert {"tools", "tool_choice"}.isdisjoint(update.session)


def test_a_call_is_performed_and_its_result_is_answered():
    """Output first, then the end of the answer, then one request; all valid for the API."""
    told = begins(story())
    calls(told)
    assert [commands.CallTool("c1", "get_weather", '{"city":"Oslo"}')] == performed(told)

    done(told)
    assert ["conversation.item.create"] == told.asked
    ConversationItemCreateEvent.model_validate(json.loads(encode_order(told.orders[0])))
    ends(told)
    assert ["response.create"] == told.asked
    ResponseCreateEvent.model_validate(json.loads(encode_order(told.orders[0])))
    assert {"c1": "It is 4 degrees."} == outputs(told)


def test_a_result_behind_the_end_of_the_answer_asks_at_once():
    """The usual order of a tool that takes a while."""
    told = ends(calls(begins(story())))
    assert [] == told.asked

    done(told)
    assert ["conversation.item.create", "response.create"] == told.asked


def test_an_answer_that_called_tools_is_not_the_end_of_the_turn():
    """The client is told that another follows, and that one bears the name of the turn, too."""
    told = story()
    told.client(asked.Text("How is the weather?", ref="t1"))
    ends(calls(begins(told)))
    (_, data), *_ = [m for m in told.messages if m[0] == "response_done"]
    assert data["continues"] is True
    assert "t1" == data["ref"]

    done(told)
    begins(told, "resp_2")
    assert [("response_started", {"response_id": "resp_2", "ref": "t1"})] == told.messages
    ends(told, "resp_2")
    assert "continues" not in told.messages[-1][1]


def test_several_calls_of_one_answer_ask_once():
    """Results may come in any order; the last one asks."""
    told = begins(story())
    calls(told, "c1")
    calls(told, "c2", name="get_time", arguments="{}")
    ends(told)
    done(told, "c2")
    assert 0 == asks(told)

    done(told, "c1")
    assert 1 == asks(told)
    assert {"c1", "c2"} == set(outputs(told))


def test_words_and_a_call_in_one_answer():
    """What is said before the call is heard, and is not cut off by what follows."""
    told = begins(story())
    told.said(delta(400))
    calls(told)
    ends(told)
    done(told)

    assert "interrupted" not in [name for name, _ in told.messages]
    assert 1 == asks(told)


def test_a_call_that_is_heard_twice_is_performed_once():
    """Once as the end of its item, once more in the end of the answer."""
    told = begins(story())
    calls(told)
    calls(told)
    ends(told, output=(item(),))

    assert 1 == len(performed(told))


def test_a_call_whose_own_event_was_lost_is_found_in_the_end_of_the_answer():
    """So no model waits for ever for a result."""
    told = ends(begins(story()), output=(item(),))

    assert 1 == len(performed(told))
    assert told.messages[-1][1]["continues"] is True


def test_the_arguments_event_alone_calls_nothing():
    """Only one of the two events that hold a whole call is acted on."""
    text = '{"type":"response.function_call_arguments.done","call_id":"c1","arguments":"{}"}'
    told = begins(story()).said(realtime.parse_realtime(text))

    assert [] == performed(told)


@pytest.mark.parametrize("status", ["incomplete", "in_progress"])
def test_half_a_call_is_not_performed(status):
    """An answer was cancelled while it wrote the arguments."""
    told = calls(begins(story()), status=status)

    assert [] == performed(told)


@pytest.mark.parametrize(
    ("what", "outcome", "words"),
    [
        ({"name": "rm_rf"}, "unknown", "get_weather, get_time"),
        ({"arguments": '"' + "x" * 300 + '"'}, "too_large", "256 bytes"),
    ],
)
def test_what_cannot_be_called_is_said_to_the_model(what, outcome, words):
    """It reads why, and may do better; nobody else hears of it."""
    told = calls(begins(story()), **what)
    assert words in json.loads(outputs(told)["c1"])["error"]
    assert [outcome] == [one for _, one in logged(told)]
    assert [] == performed(told)

    ends(told)
    assert 1 == asks(told)
    assert [] == told.errors


def test_too_many_calls_at_once():
    """Three of twenty run; the others are refused to the model at once, and one answer follows."""
    told = begins(story())
    for number in range(20):
        calls(told, f"c{number}")
    ends(told)
    assert 3 == len(performed(told))
    assert 17 == len(outputs(told))

    for number in range(3):
        done(told, f"c{number}")
    assert 20 == len(outputs(told))
    assert 1 == asks(told)


def test_a_tool_that_is_late_is_given_up():
    """The model is told so, the call is cancelled, and a result after that is not used."""
    told = ends(calls(begins(story())))
    told.tick(4.9)
    assert {} == outputs(told)

    told.tick(5.0)
    assert ["c1"] == cancelled(told)
    assert "5 s" in json.loads(outputs(told)["c1"])["error"]
    assert 1 == asks(told)
    done(told, output="too late", at=6.0)
    assert "too late" not in outputs(told)["c1"]
    assert 1 == asks(told)


def test_a_result_that_is_too_large():
    """It costs itself; the model reads why."""
    told = done(calls(begins(story())), output="x" * 1001)

    assert "too large" in json.loads(outputs(told)["c1"])["error"]
    assert [("get_weather", "too_large")] == logged(told)


@pytest.mark.parametrize("is_heard", [True, False])
def test_barge_in_while_a_tool_runs(is_heard):
    """Words that were cut off want no answer of the tool's own; speech into silence does."""
    told = begins(story())
    if is_heard:
        told.said(delta(4000))
    ends(calls(told))
    told.said(realtime.UserSpeechStarted("u2"))
    told.said(realtime.Committed("u2"))
    begins(told, "resp_2")
    ends(told, "resp_2")

    done(told)
    assert {"c1": "It is 4 degrees."} == outputs(told)
    assert (0 if is_heard else 1) == asks(told)


def test_an_interruption_wants_no_answer():
    """The client's own, while nothing plays."""
    told = ends(calls(begins(story())))
    told.client(asked.Interrupt(None, None))
    done(told)

    assert {"c1"} == set(outputs(told))
    assert 0 == asks(told)


def test_a_call_after_an_interruption_is_not_performed():
    """The user has said stop before the model had heard of it; it reads that."""
    told = begins(story())
    told.client(asked.Interrupt(None, None))
    calls(told)
    ends(told, status="cancelled")

    assert [] == performed(told)
    assert "interrupted" in json.loads(outputs(told)["c1"])["error"]
    assert 0 == asks(told)


def test_the_caller_goes_on_talking_while_a_tool_runs():
    """The result waits for the answer that runs, and is then asked for."""
    told = ends(calls(begins(story())))
    told.said(realtime.UserSpeechStarted("u2"))
    begins(told, "resp_2")
    done(told)
    assert 0 == asks(told)

    ends(told, "resp_2")
    assert 1 == asks(told)


def test_a_result_does_not_talk_over_the_user():
    """It waits for the end of what is being said; the answer to that knows it already."""
    told = ends(calls(begins(story())))
    told.said(realtime.UserSpeechStarted("u2"))
    done(told)
    assert 0 == asks(told)

    told.said(realtime.UserSpeechStopped("u2"))
    told.said(realtime.Committed("u2"))
    ends(begins(told, "resp_2"), "resp_2")
    told.tick(told.now + 50)
    assert 0 == asks(told)
    assert not told.session._conductor.answers.tools.is_waiting


def test_a_result_behind_what_the_user_said_is_answered_after_that():
    """The answer that the model has begun may not know of it."""
    told = ends(calls(begins(story())))
    told.said(realtime.UserSpeechStarted("u2"))
    told.said(realtime.UserSpeechStopped("u2"))
    done(told)
    begins(told, "resp_2")
    assert 0 == asks(told)

    ends(told, "resp_2")
    assert 1 == asks(told)


def test_a_user_who_said_nothing_to_be_answered():
    """The model says nothing of its own: the result is asked for."""
    told = ends(calls(begins(story())))
    told.said(realtime.UserSpeechStarted("u2"))
    done(told, at=1.0)
    told.said(realtime.UserSpeechStopped("u2"))
    told.tick(2.9)
    assert 0 == asks(told)

    told.tick(3.0)
    assert 1 == asks(told)


def test_speech_that_is_not_looked_for_any_more_holds_nothing():
    """A client that ends its turns by itself from now on has its answer as soon as ever."""
    told = ends(calls(begins(story())))
    told.said(realtime.UserSpeechStarted("u2"))
    told.client(asked.Configure({"turn_detection": "none"})).said(realtime.SessionUpdated(), 1.0)
    done(told, at=1.5)
    assert 0 == asks(told)
    told.tick(3.0)
    assert 1 == asks(told)
    assert told.session._conductor.speech_since is None


@pytest.mark.parametrize("word", [realtime.Cleared(), realtime.Committed("u2")])
def test_speech_that_is_not_in_the_models_buffer_any_more_holds_nothing(word):
    """The client has cleared it, or made a turn of it: no model says then that it is over."""
    told = ends(calls(begins(story())))
    told.said(realtime.UserSpeechStarted("u2"))
    told.said(word, 1.0)
    done(told, at=1.5)
    told.tick(3.0)

    assert 1 == asks(told)
    assert told.session._conductor.speech_since is None


def test_speech_without_an_end_holds_nothing_for_ever():
    """Its event was lost."""
    told = ends(calls(begins(story())))
    told.said(realtime.UserSpeechStarted("u2"))
    done(told, at=1.0)
    told.tick(30.0)

    assert 1 == asks(told)


def test_a_typed_turn_and_a_result_share_one_answer():
    """Both wait for the answer that runs."""
    told = begins(story())
    calls(told)
    done(told)
    ends(told)
    assert 1 == asks(told)


def test_hanging_up_cancels_what_runs():
    """Nothing is waited for, and nothing is kept."""
    told = calls(calls(begins(story())), "c2")
    told.feed(events.ClientGone(1001))

    assert {"c1", "c2"} == set(cancelled(told))
    assert [] == told.feed(events.ToolDone("c1", "x")).fresh
    told.check()


def test_a_model_that_is_lost_leaves_nothing_waiting():
    """The client is told that its turn has no answer; the next model hears of no old call."""
    told = ends(calls(begins(story(**FORGETFUL))))
    told.lost()
    assert ["c1"] == cancelled(told)
    assert ["upstream_unavailable"] == told.errors

    told.tick(told.now + 10)
    told.model_ready()
    done(told)
    assert {} == outputs(told)
    assert 0 == asks(told)


def test_a_model_that_is_lost_in_the_answer_that_calls():
    """The answer has failed, which is said once."""
    told = calls(begins(story(**FORGETFUL)))
    told.lost()

    assert ["c1"] == cancelled(told)
    assert "continues" not in next(d for n, d in told.messages if n == "response_done")


def test_an_answer_that_fails_asks_for_nothing():
    """Its calls are answered, so that the conversation is whole."""
    told = ends(calls(begins(story())), status="failed")
    done(told)

    assert {"c1"} == set(outputs(told))
    assert 0 == asks(told)


def test_a_model_that_only_calls_comes_to_an_end():
    """It is asked again so often, and then no more until the user speaks."""
    told = story()
    for number in range(ROUNDS_MAX + 1):
        begins(told, f"r{number}")
        calls(told, f"c{number}", f"r{number}")
        done(told, f"c{number}")
        ends(told, f"r{number}")
    assert ROUNDS_MAX == asks(told)
    assert ROUNDS_MAX == len(performed(told))
    assert ["rate_limited"] == told.errors
    assert "The model came to no answer in so many steps. Ask again." in [
        data["sentence"] for name, data in told.messages if name == "error"
    ]

    told.client(asked.Text("go on"))
    begins(told, "again")
    calls(told, "again", "again")
    assert ROUNDS_MAX + 1 == len(performed(told))


def test_an_answer_in_words_ends_the_row():
    """Also if the user has said nothing between."""
    told = story()
    for number in range(2 * ROUNDS_MAX):
        begins(told, f"r{number}")
        calls(told, f"c{number}", f"r{number}")
        done(told, f"c{number}")
        ends(told, f"r{number}")
        ends(begins(told, f"w{number}"), f"w{number}")

    assert 2 * ROUNDS_MAX == len(performed(told)) == asks(told)


def test_status_has_counts_and_no_words():
    """How many, how long, how many of them without a result."""
    told = calls(begins(story()))
    done(told, at=1.5)
    calls(told, "c2", name="nonsense")
    calls(told, "c3")
    told.feed(events.StatusAsked({}))

    figures = {"calls": 3, "running": 1, "failed": 1, "total_ms": 1500.0}
    assert figures == told.messages[-1][1]["tools"]
    assert [("get_weather", "done")] == logged(told, "tool_done")
    assert [("unknown", "unknown")] == logged(told)


def test_a_refused_result_is_not_the_clients_concern():
    """The model may know nothing of a call any more."""
    told = done(calls(begins(story())))
    told.said(
        realtime.UpstreamError(
            realtime.ErrorFacts("invalid_request_error", "invalid_value", event_id="parley_tool_1")
        )
    )

    assert [] == told.messages


def test_items_that_are_no_calls():
    """They were no concern of ours, and are none."""
    told = begins(story())
    told.said(realtime.OutputItemDone("resp_1", OutputItem("message", "completed")))

    assert [] == told.fresh


@pytest.mark.parametrize(
    "text",
    [
        '{"type":"response.output_item.done","item":{"type":"message","content":[{"type":"x"}]}}',
        '{"type":"response.output_item.done","response_id":"r","item":null}',
        '{"type":"response.output_item.done","item":{"type":"function_call","arguments":{}}}',
        '{"type":"response.done","response":{"id":"r","status":"completed","output":null}}',
        '{"type":"response.done","response":{"id":"r","output":[{"type":"message"},null]}}',
    ],
)
def test_odd_items_are_understood(text):
    """A field of another type costs that field, not the event."""
    event = realtime.parse_realtime(text)

    assert isinstance(event, realtime.OutputItemDone | realtime.ResponseFinished)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["call", "done"]), st.integers(0, 5)),
        st.tuples(
            st.sampled_from(["begin", "end", "speech", "stop", "text", "wait", "lost"]), st.just(0)
        ),
    ),
    max_size=40,
)


@given(STEPS)
@settings(max_examples=150)
def test_whatever_happens_every_call_has_an_end(steps):
    """In any order: what was performed is answered or cancelled, and nothing is kept."""
    told, number = story(message_burst=1e6), 0
    for step, which in steps:
        match step:
            case "call":
                calls(told, f"c{which}", f"r{number}")
            case "done":
                done(told, f"c{which}")
            case "begin":
                number += 1
                begins(told, f"r{number}")
            case "end":
                ends(told, f"r{number}")
            case "speech":
                told.said(realtime.UserSpeechStarted("u"))
            case "stop":
                told.client(asked.Interrupt(None, None))
            case "text":
                told.client(asked.Text("x"))
            case "wait":
                told.tick(told.now + 1)
            case "lost":
                told.lost()
                told.tick(told.now + 9)
                told.model_ready()
    told.tick(told.now + 6)
    tools = told.session._conductor.answers.tools
    assert 0 == len(tools._open)
    told.feed(events.ClientGone(None))
    told.check()
    sent = [
        c.order.item["call_id"]
        for c in told.all
        if isinstance(c, commands.SendUpstream)
        and isinstance(c.order, CreateItem)
        and c.order.item["type"] == "function_call_output"
    ]
    for command in performed(told):
        assert command.call_id in {*sent, *cancelled(told)}
    assert all(msgspec.json.encode(command.call_id) for command in performed(told))


def test_what_runs_at_the_end_of_a_call_is_logged_as_cancelled():
    """Nobody failed."""
    told = calls(begins(story())).feed(events.ClientGone(1000))

    assert [("get_weather", "cancelled")] == logged(told, "tool_done")


def test_who_has_asked_is_told_that_it_comes_to_no_answer():
    """By the name of the turn, however many answers later."""
    told = story().client(asked.Text("Look it up.", ref="mine"))
    for number in range(ROUNDS_MAX + 1):
        begins(told, f"r{number}")
        calls(told, f"c{number}", f"r{number}")
        done(told, f"c{number}")
        ends(told, f"r{number}")

    (error,) = (data for name, data in told.messages if name == "error")
    assert ("rate_limited", "mine") == (error["code"], error["ref"])


def test_who_has_asked_is_told_that_the_model_was_lost():
    told = story(**FORGETFUL).client(asked.Text("Look it up.", ref="mine"))
    ends(calls(begins(told))).client(asked.Ping(ref="other")).lost()

    (error,) = (data for name, data in told.messages if name == "error")
    assert ("upstream_unavailable", "mine") == (error["code"], error["ref"])


def test_who_has_asked_is_told_once_that_results_find_no_room():
    """The model is away, and has as much waiting for it as may wait."""
    told = story(message_burst=1e6).client(asked.Text("Look it up.", ref="mine"))
    ends(calls(calls(begins(told)), "c2")).lost()
    for _ in range(ORDERS_HELD):
        told.client(asked.Text("And now?"))

    (error,) = (data for name, data in done(told).messages if name == "error")
    assert ("server_busy", 1000, "mine") == (
        error["code"],
        error["retry_after_ms"],
        error["ref"],
    )
    assert [] == done(told, "c2").errors
