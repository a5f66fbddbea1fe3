"""Spans on their way to a collector."""

import threading

import pytest

from tests.calls.house import until, whole_log
from tornado_app.tracing.context import TraceContext, new_id
from tornado_app.tracing.exporter import BATCH_SPANS, QUEUE_SPANS, Exporter
from tornado_app.tracing.span import Span


class Collector:
    """Takes what it is let."""

    def __init__(self, *, takes=True):
        self.takes = takes
        self.batches = []
        self.closed = threading.Event()
        self.let_go = threading.Event()
        self.let_go.set()

    def send(self, spans):
        self.batches.append(len(spans))
        self.let_go.wait(30)
        return self.takes

    def close(self):
        self.closed.set()
        self.let_go.set()


def span():
    return Span("call", TraceContext(new_id(16), new_id(8), True), None, "server", 1.0)


def exporter(collector):
    made = Exporter(lambda: collector)
    made.start()
    return made


@pytest.mark.gen_test
async def test_all_is_sent_before_the_end():
    """In requests of a bounded size."""
    collector = Collector()
    made = exporter(collector)
    for _ in range(3 * BATCH_SPANS + 7):
        made.put(span())

    assert await made.stop(10.0)
    assert 3 * BATCH_SPANS + 7 == sum(collector.batches) == made.exported
    assert max(collector.batches) <= BATCH_SPANS
    assert collector.closed.is_set()


@pytest.mark.gen_test
async def test_a_collector_that_hangs_fills_a_queue_that_has_an_end():
    """What does not fit is counted; whoever puts it does not wait, and the end does not either."""
    collector = Collector()
    collector.let_go.clear()
    made = exporter(collector)
    for _ in range(BATCH_SPANS):
        made.put(span())
    await until(lambda: collector.batches, "nothing is sent")
    sent = collector.batches[0]
    for _ in range(2 * QUEUE_SPANS):
        made.put(span())
    in_queue = QUEUE_SPANS + sent - BATCH_SPANS
    assert BATCH_SPANS - sent + 2 * QUEUE_SPANS - QUEUE_SPANS == made.dropped
    assert in_queue + made.dropped >= QUEUE_SPANS

    assert not await made.stop(0.05)
    assert collector.closed.is_set()
    assert BATCH_SPANS + 2 * QUEUE_SPANS == made.exported + made.dropped + made.failed


@pytest.mark.gen_test
async def test_what_is_refused_is_counted_and_told_once_a_minute():
    """Not once for each batch."""
    collector = Collector(takes=False)
    with whole_log() as log:
        made = exporter(collector)
        for _ in range(3 * BATCH_SPANS):
            made.put(span())
        assert not await made.stop(10.0)

    assert 3 * BATCH_SPANS == made.failed
    assert 1 == log.getvalue().count('"spans_lost"')


@pytest.mark.gen_test
async def test_a_library_that_cannot_begin_is_told_and_costs_nothing_else():
    """Its environment is the operator's, and may be anything."""

    def fail():
        raise ValueError("no such compression")

    with whole_log() as log:
        made = Exporter(fail)
        made.start()
        made.put(span())
        await made.stop(5.0)
    assert '"tracing_failed"' in log.getvalue()
    assert 1 == made.dropped + made.failed
