"""The tools of bench/ work together.  What they measure is no test's business."""

import json

from bench.common import get_json, http_url, running

SESSIONS = 3


def test_load_through_the_relay_reaches_the_upstream_and_comes_back():
    """Every chunk that was sent arrives, and is answered with as much audio."""
    with running("-m", "bench.fake_upstream", "--stamps") as upstream:
        upstream_url = upstream.read_url()
        with running("-m", "bench.aiohttp_relay", upstream_url) as relay:
            result = run_load(relay.read_url())
        stats = get_json(http_url(upstream_url, "/stats"))
        arrivals = get_json(http_url(upstream_url, "/arrivals"))

    assert result["errors"] == 0
    assert result["sessions"] == SESSIONS
    assert result["sent"] == stats["appends"] == len(arrivals)
    assert stats["audio_ms"] == result["sent"] * 20
    assert result["audio"] == sum(last_bytes // 4800 for last_bytes in bytes_of(arrivals).values())


def run_load(url):
    options = ["--raw", "--rate", "24000", "--sessions", str(SESSIONS), "--seconds", "1"]
    with running("-m", "bench.load", url, *options) as load:
        begin, end, result = (json.loads(load.read_line(10)) for _ in range(3))
    assert (begin["mark"], end["mark"]) == ("begin", "end")
    assert end["sent"] > begin["sent"]
    return result


def bytes_of(arrivals):
    """Return how many bytes of audio each connection brought."""
    return {connection: audio_bytes for connection, audio_bytes, _ in arrivals}
