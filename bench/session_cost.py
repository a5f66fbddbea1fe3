"""What one session costs: latency, memory and time to connect, the gateway beside a thin relay.

README.md says what is counted, and how.
"""

import argparse
import json
import statistics
from bisect import bisect_left
from collections import defaultdict
from contextlib import ExitStack
from operator import itemgetter

from bench.chunk_cost import read_mark
from bench.common import get_json, http_url, print_table, running
from bench.targets import Target, start_aiohttp, start_gateway

CONNECT_ALL_TIMEOUT_S = 60
WARM_UP = ["--sessions", "5", "--seconds", "0.1"]
UPSTREAM_BYTES_PER_MS = 48


def run_load(target: Target, arguments: list[str], timeout_s: float) -> tuple[dict, float]:
    """Return the load generator's result, and how much bigger the target was at its end."""
    before_kb = target.child.rss_kb()
    with running("-m", "bench.load", *target.load_arguments, *arguments) as load:
        read_mark(load, "begin", timeout_s)
        read_mark(load, "end", timeout_s)
        read_mark(load, "sent", timeout_s)
        growth_kb = target.child.rss_kb() - before_kb
        return json.loads(load.read_line(timeout_s)), growth_kb


def latencies_ms(
    sent_ns: list[int], sessions: int, arrivals: dict[int, list], chunk_ms: int
) -> list[float]:
    """Return the time from each chunk's departure to the arrival of its middle upstream.

    Its middle, not its end: a resampler may owe a few milliseconds of audio at any time, and
    pays with the next chunk.  A chunk that never arrived has no latency and is left out.
    """
    found = []
    for session in range(sessions):
        stamps = arrivals[session]
        for number, departed_ns in enumerate(sent_ns[session::sessions]):
            middle_bytes = (number + 0.5) * chunk_ms * UPSTREAM_BYTES_PER_MS
            at = bisect_left(stamps, middle_bytes, key=itemgetter(0))
            if at < len(stamps):
                found.append((stamps[at][1] - departed_ns) / 1e6)
    return found


def measure(target: Target, upstream_url: str, options: argparse.Namespace) -> list[str]:
    timeout_s = CONNECT_ALL_TIMEOUT_S + options.seconds
    run_load(target, WARM_UP, timeout_s)
    first = get_json(http_url(upstream_url, "/stats"))["opened"]
    arguments = ["--sessions", str(options.sessions), "--seconds", str(options.seconds)]
    stamped = [*arguments, "--chunk-ms", str(options.chunk_ms), "--stamps"]
    result, growth_kb = run_load(target, stamped, timeout_s)
    arrivals = defaultdict(list)
    for connection, audio_bytes, at_ns in get_json(http_url(upstream_url, "/arrivals")):
        arrivals[connection - first].append((audio_bytes, at_ns))
    found = latencies_ms(result["sent_ns"], options.sessions, arrivals, options.chunk_ms)
    lost = len(result["sent_ns"]) - len(found)
    percentiles = statistics.quantiles(found, n=100)
    return [
        target.name,
        f"{percentiles[49]:.1f} / {percentiles[98]:.1f}",
        f"{result['connect_ms_median']:.1f} / {result['connect_ms_worst']:.1f}",
        f"{growth_kb / options.sessions:.0f}",
        str(result["errors"] + lost),
    ]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--chunk-ms", type=int, default=20)
    parser.add_argument("--rate", type=int, default=48_000, help="input of the gateway, in Hz")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    with ExitStack() as stack:
        upstream = stack.enter_context(running("-m", "bench.fake_upstream", "--stamps"))
        upstream_url = upstream.read_url()
        targets = [
            start_gateway(stack, upstream_url, options.rate),
            start_aiohttp(stack, upstream_url),
        ]
        rows = [measure(target, upstream_url, options) for target in targets]
    head = ["", "latency ms p50 / p99", "connect ms median / worst", "KB/session", "errors"]
    print_table(head, rows)


if __name__ == "__main__":
    main()
