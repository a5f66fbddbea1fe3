"""The tools of bench/ work together.  What they measure is no test's business."""

import json
from contextlib import ExitStack

import pytest

from bench.chunk_cost import Comparison
from bench.common import get_json, http_url, running
from bench.runs import Upstream
from bench.targets import start_gateway

SESSIONS = 3


@pytest.mark.parametrize("relay", ["bench.aiohttp_relay", "bench.websockets_relay"])
def test_load_through_a_relay_reaches_the_upstream_and_comes_back(relay):
    """Every chunk that was sent arrives, and is answered with as much audio."""
    with running("-m", "bench.fake_upstream", "--stamps") as upstream:
        upstream_url = upstream.read_url()
        with running("-m", relay, upstream_url) as child:
            result = run_load(child.read_url())
        stats = get_json(http_url(upstream_url, "/stats"))
        arrivals = get_json(http_url(upstream_url, "/arrivals"))

    assert result["errors"] == 0
    assert result["sessions"] == SESSIONS
    assert result["sent"] == stats["appends"] == len(arrivals)
    assert stats["audio_ms"] == result["sent"] * 20
    assert result["audio"] == sum(last_bytes // 4800 for last_bytes in bytes_of(arrivals).values())


def test_all_that_was_sent_through_the_gateway_is_counted():
    """A run ends when the last sample has come upstream, and finds that none is missing."""
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        gateway = start_gateway(stack, upstream.url, 48_000)
        comparison = Comparison(SESSIONS, 20, [gateway])

        comparison.round(upstream, seconds=0.5)

    [run] = comparison.runs["gateway"]
    assert (0, 0) == (run.lost, run.errors)
    assert 0 < run.cost_us


def run_load(url):
    options = ["--raw", "--rate", "24000", "--sessions", str(SESSIONS), "--seconds", "1"]
    with running("-m", "bench.load", url, *options) as load:
        begin, end, sent, result = (json.loads(load.read_line(10)) for _ in range(4))
    assert ["begin", "end", "sent"] == [mark["mark"] for mark in (begin, end, sent)]
    assert begin["sent"] < end["sent"] <= sent["sent"] == result["sent"]
    return result


def bytes_of(arrivals):
    """Return how many bytes of audio each connection brought."""
    return {connection: audio_bytes for connection, audio_bytes, _ in arrivals}
