"""Tests of tornado_app/session/totals.py: what happens again counts again."""

from itertools import pairwise

from msgspec import structs, to_builtins

from tests.session.story import UNIX_MS, converted, delta, response
from tests.session.test_log_lines import lines
from tornado_app.errors import InvalidMessage
from tornado_app.protocol import asked
from tornado_app.protocol.close import BYE
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.answer_audio import BrokenAudio
from tornado_app.protocol.realtime.functions import Function, OutputItem
from tornado_app.session import events
from tornado_app.session.config import ToolRules

USAGE = {"total_tokens": 9, "output_token_details": {"audio_tokens": 4}}
WEATHER = Function("get_weather", "", {"type": "object"}, timeout_s=60.0)


def happens(story, number):
    """All that is counted, once; with names of its own."""
    answer, item, call = f"resp_{number}", f"item_{number}", f"call_{number}"
    story.feed(events.ClientAudio(bytes(4800)))
    story.feed(events.UplinkReady(structs.replace(converted(100.0, 4800), clipped_samples=3)))
    story.said(realtime.Committed(f"turn_{number}"))
    story.said(realtime.ResponseCreated(response(answer)))
    story.said(delta(1000, item, answer))
    story.said(BrokenAudio(answer, 4))
    for name, tool in ((call, "get_weather"), (f"{call}_wrong", "no_such_tool")):
        called = OutputItem("function_call", "completed", name, tool, "{}")
        story.said(realtime.OutputItemDone(answer, called))
    story.feed(events.ToolDone(call, "It rains."), story.now + 0.5)
    story.client(asked.Interrupt())
    story.said(realtime.ResponseFinished(response(answer, "cancelled", usage=USAGE)))
    story.feed(events.ClientRefused(InvalidMessage("unknown_type", "no such type", "type")))
    story.client(asked.Text("And now?"))
    story.lost()
    story.tick(story.session.timers.earliest).model_ready()
    story.feed(events.ClientGone(None, is_lost=True))
    story.feed(events.ClientBack("next", UNIX_MS / 1000 + 3600, None))


def test_what_happens_again_counts_again(stage):
    """Twice as much in twice the time, in what runs and in the last line of the log."""
    story = stage(
        tools=ToolRules((WEATHER,)),
        resume_window_s=20.0,
        errors_per_minute=1e6,
        response_timeout_s=1e3,
        reconnect_attempts=9,
    )
    story.feed(events.Opened("token")).model_ready()
    counted = []
    for number in range(4):
        happens(story, number)
        counted.append(to_builtins(story.session.totals()))
    _, second, third = (
        {name: minus(later[name], before[name]) for name in before}
        for before, later in pairwise(counted)
    )

    assert second == third
    assert {"dropped_ms", "given_pictures"} == {name for name, each in second.items() if not each}
    story.feed(events.Stop(BYE))
    (line,) = lines(story, "session_closed")
    assert (12, 4, 4, 4, 8, 4, 4, 36) == tuple(
        line[name]
        for name in (
            "clipped_samples",
            "broken_pieces",
            "reconnects",
            "resumed",
            "tool_calls",
            "tool_failures",
            "interruptions",
            "tokens",
        )
    )


def minus(later, before):
    """How much has come, of each kind if there are kinds."""
    if isinstance(later, dict):
        return {kind: later[kind] - before.get(kind, 0) for kind in later}
    return later - before
