"""Where the facts of a call go: tornado_app/call_facts.py."""

import pytest
import structlog
from structlog.testing import capture_logs

from tornado_app.call_facts import CallFacts
from tornado_app.metrics import definitions as d
from tornado_app.metrics.tally import Tally
from tornado_app.session.commands import Log, Timed

OPENED = {"session": "voice"}


class Ear:
    def __init__(self):
        self.heard = []

    def hear(self, event, fields, now):
        self.heard.append((event, fields, now))


@pytest.mark.parametrize("is_written", [True, False])
def test_a_fact_counts_and_is_heard_whether_or_not_it_is_written(is_written):
    """The log of a call has its bound, and nobody else goes by that."""
    tally, one, other = Tally(), Ear(), Ear()
    facts = CallFacts(structlog.get_logger(), tally, lambda: 7.0, (one, None, other))
    with capture_logs() as lines:
        facts.note(Log("session_opened", OPENED, is_written))

    assert [("session_opened", OPENED, 7.0)] == one.heard == other.heard
    assert 1 == sum(tally.counts(d.CALLS_OPENED).values())
    assert ["session_opened"] * is_written == [line["event"] for line in lines]


def test_a_time_is_measured_and_told_to_nobody():
    tally, ear = Tally(), Ear()
    facts = CallFacts(None, tally, lambda: 7.0, (ear,))
    facts.note(Timed("to_model", 0.003))

    assert 1 == len(tally.spreads(d.ADDED_LATENCY))
    assert [] == ear.heard
