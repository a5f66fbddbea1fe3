"""Tests of tornado_app/session/log_lines.py and totals.py: lines as an operator reads them."""

import pytest

from tests.session.relaying.call import Call
from tests.session.story import Story, delta, response
from tornado_app.errors import InvalidMessage
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import (
    Committed,
    Malformed,
    ResponseCreated,
    ResponseFinished,
    UserTranscriptDone,
)
from tornado_app.session import events
from tornado_app.session.commands import Log
from tornado_app.session.hearing import MALFORMED_BURST

USAGE = {"total_tokens": 9, "output_token_details": {"audio_tokens": 4}}
TOKENS = {"audio_output": 4, "unnamed": 5}


def lines(story: Story, event: str) -> list[dict[str, object]]:
    return [each.fields for each in story.all if isinstance(each, Log) and each.event == event]


def test_a_call_begins_with_what_was_agreed(stage):
    """The formats, the rules, and what its token may."""
    story = stage(scopes=frozenset({"speak", "configure"}), turn_detection="none").opened()

    assert [
        {
            "input": "pcm16/24000/1",
            "output": "pcm16/24000",
            "session": "realtime",
            "turn_detection": "none",
            "recorded": "",
            "scopes": ["configure", "speak"],
        }
    ] == lines(story, "session_opened")


@pytest.fixture
def told(story):
    """A call with two chunks, a turn, an answer, a wrong message and a lost link."""
    story.connected().speak(40).speak(60)
    story.said(Committed("item_u", None))
    story.said(ResponseCreated(response()))
    story.said(delta(200))
    story.said(ResponseFinished(response(status="completed", usage=USAGE)))
    story.feed(events.ClientRefused(InvalidMessage("unknown_type", "no such type", "type")))
    return story.lost(Failure("open", "closed", close_code=1011, detail="gone"), at=4.0)


def test_an_answer_has_a_line_when_it_begins_and_one_when_it_is_over(told):
    """With the model's own name for it, and what it cost."""
    assert [{"response_id": "resp_1"}] == lines(told, "response_begun")
    assert [
        {
            "status": "completed",
            "tokens": 9,
            "tokens_by_type": TOKENS,
            "response_id": "resp_1",
            "reason": None,
        }
    ] == lines(told, "response_done")


def test_a_lost_link_has_a_line_that_says_how_and_what_follows(told):
    """It is dialled again, for the first time."""
    assert [
        {
            "cause": "closed",
            "stage": "open",
            "close_code": 1011,
            "http_status": None,
            "detail": "gone",
            "attempt": 1,
            "retry": True,
            "upstream": None,
        }
    ] == lines(told, "upstream_lost")


def test_the_last_line_has_all_figures(told):
    """Each by its name, those of nothing as well."""
    told.feed(events.ClientGone(1000), at=5.0)

    assert [
        {
            "cause": "client_gone",
            "duration_s": 5.0,
            "received_ms": 100.0,
            "clipped_samples": 0,
            "dropped_ms": 0.0,
            "unsent_ms": 0.0,
            "untaken_ms": 0.0,
            "broken_pieces": 0,
            "reconnects": 0,
            "close_code": 1000,
            "unlogged": 0,
            "sent_ms": 100.0,
            "answered_ms": 200.0,
            "chunks": 2,
            "messages": len(told.all_messages),
            "errors": 1,
            "turns": 1,
            "answers": 1,
            "interruptions": 0,
            "tool_calls": 0,
            "tool_failures": 0,
            "resumed": 0,
            "tokens": 9,
            "tokens_by_type": TOKENS,
        }
    ] == lines(told, "session_closed")


def test_the_sums_of_a_call_are_there_while_it_runs(told):
    """For whoever writes usage down, or looks at calls."""
    totals = told.session.totals()

    assert (100.0, 0.0, 200.0) == (totals.received_ms, totals.dropped_ms, totals.answered_ms)
    assert (2, 1, 0) == (totals.chunks, totals.pieces, totals.clipped_samples)
    assert (len(told.all_messages), {"unknown_type": 1}) == (totals.messages, totals.errors)
    assert (1, 1, 0) == (totals.turns, totals.answers, totals.interruptions)
    assert (0, 0, TOKENS) == (totals.tool_calls, totals.tool_failures, totals.tokens)


def test_a_turn_that_another_model_wrote_down_has_a_line_of_its_own(story):
    """It counts for itself: by tokens or by time."""
    story.connected()
    usage = {"type": "duration", "seconds": 1.5}
    story.said(UserTranscriptDone("item_u", "Hello.", usage=usage))

    assert [
        {"item_id": "item_u", "asked_model": "", "tokens_by_type": {}, "seconds": 1.5}
    ] == lines(story, "transcribed")


def talks_nonsense(story):
    for _ in range(int(MALFORMED_BURST) + 1):
        story.said(Malformed(7))


def does_not_confirm(story):
    story.client(asked.Configure({"speed": 1.25}))
    story.tick(story.config.answers.response_timeout_s)


@pytest.mark.parametrize(
    ("fails", "cause", "detail"),
    [(talks_nonsense, "protocol", "malformed"), (does_not_confirm, "timeout", "not configured")],
)
def test_a_link_that_the_gateway_gives_up_has_a_line_with_the_reason(story, fails, cause, detail):
    """An open one: what its model did, or left undone."""
    fails(story.connected())

    (line,) = lines(story, "upstream_lost")
    assert ("open", cause, detail) == (line["stage"], line["cause"], line["detail"])


@pytest.mark.parametrize("begins", [Story, Call])
def test_a_link_whose_model_is_never_ready_has_a_line_with_the_reason(begins):
    """Whoever conducts."""
    story = begins()
    story.opened().feed(events.UpstreamOpened(5.0))
    story.tick(story.config.dialling.ready_timeout_s)

    (line,) = lines(story, "upstream_lost")
    assert ("open", "timeout", "not ready") == (line["stage"], line["cause"], line["detail"])
