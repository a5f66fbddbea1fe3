"""The spans of a call, from what its session says."""

import inspect
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.story import UNIX_MS, Story, config, delta, response
from tests.test_documented import log_calls
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import Function, OutputItem
from tornado_app.session import events
from tornado_app.session.commands import CallTool, Log
from tornado_app.session.config import ToolRules
from tornado_app.tracing import call_trace
from tornado_app.tracing.call_trace import NOTED, CallTrace
from tornado_app.tracing.context import TraceContext
from tornado_app.tracing.span import EVENTS_MAX

PARENT = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", True)
TOOLS = ToolRules((Function("get_weather", "The weather.", {"type": "object"}, 5.0),))
LOST = Failure("open", "closed", close_code=1006)


class Traced:
    """A session on a stage, and its trace."""

    def __init__(self):
        self.story = Story(tools=TOOLS)
        self.spans = []
        self.trace = CallTrace(
            PARENT.child(), PARENT, self.story.config, self.spans.append, provider="openai", user={}
        )
        self._seen = 0

    def do(self, story):
        """*story* has gone on."""
        for command in story.all[self._seen :]:
            if isinstance(command, Log):
                self.trace.hear(command.event, command.fields, story.now)
        self._seen = len(story.all)
        return story

    def over(self):
        self.do(self.story.feed(events.ClientGone(1000)))
        self.trace.finish(self.story.now)
        return self.tree("call realtime")

    def named(self, name):
        return [span for span in self.spans if span.name == name]

    def tree(self, name):
        """What is below the only span of that name, as nested lists."""
        (span,) = self.named(name)
        return self._below(span)

    def _below(self, span):
        below = [each for each in self.spans if each.parent == span.context]
        below.sort(key=lambda each: each.begun_at)
        return [span.name, *map(self._below, below)]


@pytest.fixture(scope="module")
def facts():
    return log_calls()


@pytest.fixture
def traced():
    return Traced()


def begins(story, response_id="resp_1"):
    return story.said(realtime.ResponseCreated(response(response_id)))


def ends(story, response_id="resp_1", status="completed", **facts):
    return story.said(realtime.ResponseFinished(response(response_id, status, **facts)))


def calls(story, call_id="call_1", response_id="resp_1"):
    item = OutputItem("function_call", "completed", call_id, "get_weather", "{}")
    return story.said(realtime.OutputItemDone(response_id, item))


CHAT, TOOL = ["chat gpt-realtime-2.1"], ["execute_tool get_weather"]


def test_an_answer_is_below_its_turn(traced):
    """And the wait for it is told."""
    story = traced.do(traced.story.connected())
    story.client(asked.Text("What is the weather?"))
    story.now += 1.0
    traced.do(begins(story))
    story.now += 0.5
    traced.do(story.said(delta(20)))
    traced.do(ends(story))

    assert ["call realtime", ["dial"], ["turn", CHAT]] == traced.over()
    (chat,), (turn,) = traced.named(CHAT[0]), traced.named("turn")
    assert 0.5 == chat.ended_at - chat.begun_at
    assert 1.5 == turn.ended_at - turn.begun_at
    assert 1500.0 == turn.attributes["parley.wait.model_ms"]
    assert 1.5 == chat.attributes["gen_ai.response.time_to_first_chunk"]
    assert "resp_1" == chat.attributes["gen_ai.response.id"]
    (call,) = traced.named("call realtime")
    assert (PARENT, "server", UNIX_MS / 1000) == (call.parent, call.kind, call.begun_at)
    assert ("client_gone", "") == (call.attributes["parley.cause"], call.error)


def test_a_turn_with_tools_ends_with_the_answer_to_them(traced):
    """What a tool is told of its place is its own span."""
    story = traced.story.connected()
    traced.do(begins(story))
    traced.do(calls(story))
    (called,) = (each for each in story.all if isinstance(each, CallTool))
    told = traced.trace.traceparent(called.call_id)
    traced.do(ends(story))
    assert not traced.named("turn")
    traced.do(story.feed(events.ToolDone("call_1", "cold")))
    assert not traced.named("turn")
    traced.do(ends(begins(story, "resp_2"), "resp_2"))

    (tool,), (turn,) = traced.named(TOOL[0]), traced.named("turn")
    assert told == tool.context.traceparent
    assert ("done", "call_1") == (
        tool.attributes["parley.outcome"],
        tool.attributes["gen_ai.tool.call.id"],
    )
    assert ["turn", CHAT, TOOL, CHAT] == traced.tree("turn")
    assert turn.ended_at is not None


def test_a_tool_that_fails_is_an_error_and_no_other_span_is(traced):
    """Its outcome says why."""
    story = traced.story.connected()
    ends(calls(begins(story)))
    story.feed(events.ToolDone("call_1", "no", "timeout"))
    traced.do(story)
    traced.over()

    assert {TOOL[0]: "timeout"} == {each.name: each.error for each in traced.spans if each.error}


def test_another_turn_ends_the_one_that_waits_for_an_answer(traced):
    """When the last of it had happened, not when somebody noticed."""
    story = traced.story.connected()
    traced.do(ends(calls(begins(story))))
    story.now += 1.0
    traced.do(story.feed(events.ToolDone("call_1", "cold")))
    last_at = UNIX_MS / 1000 + story.now
    traced.trace.hear("audio_committed", {}, story.now + 5.0)

    (turn,) = traced.named("turn")
    assert last_at == turn.ended_at


def test_two_turns_before_an_answer_are_one(traced):
    """It is to both."""
    story = traced.story.connected()
    traced.do(story)
    traced.trace.hear("audio_committed", {}, story.now)
    traced.trace.hear("audio_committed", {}, story.now + 1.0)
    traced.do(ends(begins(story)))

    assert ["turn", CHAT] == traced.tree("turn")


def test_a_model_that_is_lost_ends_what_it_was_saying(traced):
    """The next dial is another span; a dial in vain is an error, a loss is a moment of the call."""
    story = traced.do(begins(traced.story.connected()))
    traced.do(story.lost(LOST))
    traced.do(story.tick(at=story.session.timers.earliest))
    traced.do(story.feed(events.UpstreamLost(Failure("dial", "refused"))))

    assert ["call realtime", ["dial"], ["turn", CHAT], ["dial"]] == traced.over()
    first, second = traced.named("dial")
    assert ("", False) == (first.error, first.attributes["parley.is_again"])
    assert ("refused", True) == (second.error, second.attributes["parley.is_again"])
    (chat,), (call,) = traced.named(CHAT[0]), traced.named("call realtime")
    assert "failed" == chat.error
    assert "upstream_lost" in [event.name for event in call.events]


def test_a_roll_over_holds_the_dial_of_the_next(traced):
    """Which was ready before it was in use."""
    hear, now = traced.trace.hear, 10.0
    hear("next_dialled", {}, now)
    hear(
        "rolled_over",
        {
            "reason": "session_limit",
            "is_forced": False,
            "ready_ms": 250.0,
            "swap_ms": 100.0,
            "model_session": "sess_2",
            "upstream": None,
        },
        now + 3.0,
    )

    assert ["roll_over", ["dial"]] == traced.tree("roll_over")
    (rolled,), (dial,) = traced.named("roll_over"), traced.named("dial")
    assert (3.0, 0.25) == (rolled.ended_at - rolled.begun_at, dial.ended_at - dial.begun_at)
    assert "sess_2" == dial.attributes["parley.model_session"]


def test_a_call_that_our_side_ended_is_an_error(traced):
    """A client that went is none."""
    traced.do(traced.story.connected())
    fields = dict.fromkeys(call_trace.CLOSED) | {"cause": "quota", "close_code": 4502}
    traced.trace.hear("session_closed", fields, 9.0)
    traced.trace.finish(9.0)

    (call,) = traced.named("call realtime")
    assert ("quota", "quota") == (call.error, call.attributes["error.type"])


def test_a_call_of_hours_does_not_grow(traced):
    """Moments beyond so many are counted."""
    for second in range(3 * EVENTS_MAX):
        traced.trace.hear("client_away", {}, float(second))
    for number in range(100):
        traced.trace.hear("response_begun", {"response_id": f"r{number}"}, 200.0)
    traced.over()

    (call,) = traced.named("call realtime")
    assert EVENTS_MAX == len(call.events)
    assert 2 * EVENTS_MAX == call.attributes["parley.events_left_out"]
    assert 100 == len(traced.named(CHAT[0]))


KINDS = (
    *("audio_committed", "response_begun", "answer_heard", "response_failed", "response_done"),
    *("interrupted", "tool_called", "tool_done", "tool_failed", "upstream_dialled", "next_dialled"),
    *("upstream_open", "upstream_connected", "upstream_lost", "next_model_lost", "rolled_over"),
    *("session_opened", "session_closed", "client_away"),
)


class Any_(dict):  # noqa: N801
    """Fields of a fact, whatever is asked for."""

    def __init__(self, key, asked_for):
        super().__init__(stage="open", name="t", call_id=key, response_id=key, duration_ms=1.0)
        self |= {"tokens_by_type": {"audio_input": 3}, "model_ms": 1.0, "gateway_ms": 2.0}
        self |= {"tools_ms": None, "ready_ms": 5.0, "again": True}
        self.asked_for = asked_for

    def __getitem__(self, name):
        self.asked_for.add(name)
        return self.get(name, "word")


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.sampled_from(["a", "b", ""]))))
def test_whatever_comes_in_whatever_order_each_span_ends_once_below_another(said):
    """A model may say anything at any time; nothing of it is a fault, or without an end."""
    spans, facts = [], config()
    trace = CallTrace(PARENT.child(), PARENT, facts, spans.append, provider="openai", user={})
    for second, (event, key) in enumerate(said):
        trace.hear(event, Any_(key, set()), float(second))
        assert trace.traceparent(key)
    trace.finish(float(len(said)))
    trace.finish(float(len(said)) + 1.0)

    contexts = {span.context for span in spans}
    assert len(contexts) == len(spans)
    for span in spans:
        assert span.ended_at >= span.begun_at
        assert span.parent in contexts | {PARENT}
        assert span.context.trace_id == PARENT.trace_id
    begun = sum(event == "response_begun" for event, _ in said)
    assert begun == sum(span.name.startswith("chat ") for span in spans)


@pytest.mark.parametrize("event", sorted({*KINDS, *NOTED}))
def test_a_fact_that_is_told_of_has_the_fields_that_are_told(event, facts):
    """A field that was renamed would be a fault in a call."""
    asked_for, trace = (
        set(),
        CallTrace(PARENT.child(), None, config(), lambda _: None, provider="openai", user={}),
    )
    for told in ("upstream_dialled", "next_dialled", "response_begun", "tool_called", event):
        asked_for.clear()
        trace.hear(told, Any_("b", asked_for), 1.0)

    assert asked_for <= facts[event][0], event


def test_every_fact_that_a_trace_hears_is_said_by_somebody(facts):
    """An event that was renamed would be silence."""
    heard = re.findall(r'case "(\w+)"', inspect.getsource(call_trace))
    assert len(heard) > 12

    assert {*heard, *NOTED} <= facts.keys()
