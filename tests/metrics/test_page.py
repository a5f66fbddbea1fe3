"""What a scraper is told."""

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from tests.calls.house import Scrape
from tornado_app.metrics import definitions as d
from tornado_app.metrics.definitions import METRICS
from tornado_app.metrics.distribution import Distribution
from tornado_app.metrics.page import Page
from tornado_app.metrics.tally import Tally

OPEN = "application/openmetrics-text; version=1.0.0"


def test_what_was_added_and_what_is_read_make_one_series():
    """Calls that have ended are in the tally, those that run are read."""
    tally = Tally()
    tally.add(d.AUDIO, "from_client", by=2.5)

    text, kind = Page(tally, {d.AUDIO: {("from_client",): 1.25}}, {}).render("")

    scrape = Scrape(text.decode())
    assert 3.75 == scrape("audio_seconds_total", direction="from_client")
    assert kind.startswith("text/plain")


def test_counters_are_there_before_anything_is_counted():
    """Else the first fault would be no rise, and no alert would see it."""
    scrape = Scrape(Page(Tally(), {}, {}).render("")[0].decode())

    assert ("parley_calls_ended_total", ("cause", "fault")) in scrape.samples
    assert ("parley_recordings_failed_total",) in scrape.samples
    assert ("parley_added_latency_seconds_count", ("direction", "to_model")) in scrape.samples


def test_buckets_grow_to_the_count():
    """As a scraper expects it."""
    spread = Distribution(d.POOL_WAIT.bounds)
    for value in (0.0005, 0.3, 77.0):
        spread.observe(value)

    scrape = Scrape(Page(Tally(), {}, {d.POOL_WAIT: spread}).render("")[0].decode())

    assert 1 == scrape("pool_wait_seconds_bucket", le="0.001")
    assert 2 == scrape("pool_wait_seconds_bucket", le="0.5")
    assert 3 == scrape("pool_wait_seconds_bucket", le="+Inf") == scrape("pool_wait_seconds_count")
    assert 77.3005 == scrape("pool_wait_seconds_sum")


@pytest.mark.parametrize(
    ("accept", "read"),
    [("", text_string_to_metric_families), (OPEN, openmetrics.text_string_to_metric_families)],
    ids=["prometheus", "openmetrics"],
)
def test_both_formats_can_be_read_and_have_every_metric(accept, read):
    """Names, types and help are those of the definitions."""
    text, _ = Page(Tally(), {}, {}).render(accept)

    families = {family.name: family for family in read(text.decode())}
    for metric in METRICS:
        assert metric.kind == families[metric.name].type, metric.name
        assert metric.meaning == families[metric.name].documentation
    assert "process_open_fds" in families
