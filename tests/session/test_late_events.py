"""Events that come in order and late: whoever spoke last is answered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.session.unreliable_model import Line
from tornado_app.protocol import asked
from tornado_app.protocol.told import ErrorReport
from tornado_app.session import events

HAPPENINGS = ["type", "type what is refused", "commit", "interrupt", "barge in", "speak", "deliver"]


def happen(line: Line, what: str) -> None:
    match what:
        case "type":
            line.happen(events.ClientSaid(asked.Text("hello")))
        case "type what is refused":
            line.model.refuses = True
            line.happen(events.ClientSaid(asked.Text("hello")))
        case "commit":
            line.happen(events.ClientAudio(bytes(9600)))
            line.happen(events.ClientSaid(asked.CommitAudio()))
        case "interrupt":
            line.happen(events.ClientSaid(asked.Interrupt()))
        case "barge in":
            line.model.barge_in()
        case "speak":
            line.model.speak()
        case "deliver":
            line.deliver(0, lambda event: [event])


@pytest.mark.parametrize("turn_detection", ["server_vad", "none"])
@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(HAPPENINGS), max_size=25), st.sampled_from(["type", "commit"]))
def test_the_last_turn_is_answered(turn_detection, before, last):
    """Whatever of what came before is still on its way, in either direction."""
    line = Line({"turn_detection": turn_detection})
    for what in before:
        happen(line, what)
    since = len(line.story.all)
    happen(line, last)
    item = line.model.last_item
    line.behave()

    heard = line.completed(0)
    assert any(line.model.answers(name, item) for name in heard)
    refusals = [error.code for error in line.told(ErrorReport, since)]
    assert before.count("type what is refused") >= len(refusals)
    assert not line.timers
