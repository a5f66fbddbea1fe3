"""The clock of a machine counts from its start: a call is the same at any hour of it."""

from dataclasses import fields, is_dataclass

import msgspec
import pytest

from tests.session.relaying.call import Call
from tests.session.relaying.test_noted import RecordedCall
from tests.session.story import UNIX_MS, Story, delta, response
from tests.session.test_recorded import RecordedStory
from tornado_app.protocol import asked
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.session import events
from tornado_app.session.commands import Log, Record, SendClient
from tornado_app.session.config import TimeRules

HAS_RUN_S = float(1 << 20)
"""Of a machine that has run for twelve days."""
RULES = {"times": TimeRules(first_audio_s=8.0), "session_limit_s": 600.0, "is_timed": True}
PATIENT = RULES | {"read_timeout_s": 1e7, "ping_interval_s": 1e3}
LIMITS = [
    {"read_timeout_s": 60.0},
    {"token_expires_at_unix_s": UNIX_MS / 1000 + 300},
    {"times": TimeRules(idle_timeout_s=500.0)},
    {"times": TimeRules(max_call_s=800.0, goodbye="It is over.")},
    {"times": TimeRules(microphone_silence_s=100.0, max_call_s=800.0)},
]
CALLED = realtime.OutputItemDone(
    "resp_1", OutputItem("function_call", "completed", "call_1", "own", "{}")
)
TALK = [
    (0.5, lambda story: story.connected()),
    (0.5, lambda story: story.speak(200).said(realtime.UserSpeechStarted("item_u", 0))),
    (1.0, lambda story: story.said(realtime.UserSpeechStopped("item_u", 900))),
    (0.25, lambda story: story.said(realtime.Committed("item_u"))),
    (0.5, lambda story: story.said(realtime.ResponseCreated(response()))),
    (0.5, lambda story: story.said(delta(1000))),
    (0.25, lambda story: story.client(asked.Playback("item_a", 200))),
    (0.25, lambda story: story.said(CALLED)),
    (0.25, lambda story: story.said(realtime.ResponseFinished(response(status="completed")))),
    (0.5, lambda story: story.client(asked.ToolResult("call_1", "42"))),
    (0.5, lambda story: story.feed(events.StatusAsked({}))),
    (9.0, lambda story: story.client(asked.Text("Hello?"))),
    (2.0, lambda story: story.lost()),
    (1.0, lambda story: story.model_ready()),
    (2.0, lambda story: story.feed(events.Drain(story.now + 30.0))),
]
RELAYED = [
    (0.5, lambda call: call.begun()),
    (0.5, lambda call: call.asks("input_audio_buffer.append", audio="AAAA" * 16_000)),
    (0.5, lambda call: call.says("input_audio_buffer.speech_started", item_id="item_u")),
    (0.5, lambda call: call.says("input_audio_buffer.speech_stopped", item_id="item_u")),
    (0.5, lambda call: call.asks("response.create")),
    (0.5, lambda call: call.answers("resp_1", "item_a")),
    (2.0, lambda call: call.lost()),
    (1.0, lambda call: call.model_comes()),
]
NOTHING = [(0.5, lambda story: story.opened()), (0.5, lambda story: story)]
WAITS = [(0.5, lambda story: story.connected())]


def lived(story, steps):
    """What a client and an operator learnt, when; and when the call wanted to be woken."""
    opened_at = story.now
    woken = []
    for after_s, step in [*steps, (1500.0, lambda story: story)]:
        until = story.now + after_s
        while not story.session.ended and (wake_at := story.session.timers.earliest) <= until:
            woken.append(wake_at - opened_at)
            story.tick(max(wake_at, story.now))
        story.now = until
        if not story.session.ended:
            step(story)
    assert story.session.ended
    return woken, [plain(each) for each in story.all]


def plain(command):
    """Without what is the machine's own."""
    match command:
        case SendClient(message, seq, timestamp_ms):
            return [type(message).__name__, msgspec.to_builtins(message), seq, timestamp_ms]
        case Log(event, about):
            return [event, about]
        case Record(entries):
            return [[type(entry).__name__, values(entry)] for entry in entries]
    return type(command).__name__


def values(entry):
    assert is_dataclass(entry) or isinstance(entry, msgspec.Struct)
    names = (
        [each.name for each in fields(entry)] if is_dataclass(entry) else entry.__struct_fields__
    )
    return {name: getattr(entry, name) for name in names}


def is_same(some, others):
    """But for the last millisecond, as sums of large numbers have it."""
    match some, others:
        case (list() | tuple(), list() | tuple()):
            return len(some) == len(others) and all(map(is_same, some, others))
        case dict(), dict():
            return some.keys() == others.keys() and all(is_same(some[k], others[k]) for k in some)
        case (int() | float(), int() | float()):
            return abs(some - others) <= 1.001
    return some == others


@pytest.mark.parametrize(
    ("kind", "steps", "changes"),
    [
        *((kind, TALK, RULES) for kind in (Story, RecordedStory)),
        *((kind, RELAYED, RULES) for kind in (Call, RecordedCall)),
        *((kind, NOTHING, RULES) for kind in (Story, Call)),
        *((Story, WAITS, PATIENT | limit) for limit in LIMITS),
    ],
)
def test_a_call_is_the_same_at_any_hour_of_the_machine(kind, steps, changes):
    """Stories begin at nought, where what is reckoned from the wrong moment looks right."""
    woken, said = lived(kind(**changes), steps)
    woken_later, said_later = lived(kind(**changes, opened_at=HAS_RUN_S), steps)

    for one, other in zip(said, said_later, strict=True):
        assert is_same(one, other), (one, other)
    assert is_same(woken, woken_later)
