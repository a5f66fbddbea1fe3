"""The time a server adds on the way to the model and back, the gateway beside thin relays.

README.md says what is counted, and how.
"""

import argparse
import statistics
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from operator import itemgetter

from bench.common import print_table, running
from bench.runs import Upstream, load_run
from bench.targets import RELAYS, Target, start_all

UPSTREAM_BYTES_PER_MS = 48
WARM_UP_SESSIONS = 5


@dataclass(frozen=True)
class Latencies:
    """Of one run, in ms; what was lost has none and is counted."""

    uplink_ms: list[float]
    downlink_ms: list[float]
    faults: int


@dataclass
class Summary:
    """Of all runs of one target."""

    name: str
    runs: list[Latencies] = field(default_factory=list)

    def percentile_ms(self, way: str, percent: int) -> float:
        """The median over the runs of this percentile."""
        return statistics.median(
            statistics.quantiles(getattr(run, way), n=100)[percent - 1] for run in self.runs
        )

    def worst_ms(self, way: str) -> float:
        return max(max(getattr(run, way)) for run in self.runs)

    def cell(self, way: str) -> str:
        p50, p99 = (self.percentile_ms(way, percent) for percent in (50, 99))
        return f"{p50:.1f} / {p99:.1f} / {self.worst_ms(way):.1f}"

    def row(self) -> list[str]:
        faults = str(sum(run.faults for run in self.runs))
        return [self.name, self.cell("uplink_ms"), self.cell("downlink_ms"), faults]


def measure(
    target: Target,
    upstream: Upstream,
    sessions: int,
    seconds: float,
    chunk_ms: int,
    *,
    while_measured: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Latencies:
    with load_run(target, upstream, sessions, seconds, chunk_ms, "--stamps") as run:
        begun_ns = run.begin()["monotonic_ns"]
        with while_measured():
            window_ns = (begun_ns, run.end()["monotonic_ns"])
        result, lost = run.finish()
    arrivals, departures = defaultdict(list), defaultdict(list)
    for connection, audio_bytes, at_ns in upstream.get(f"/arrivals?first={run.first}"):
        arrivals[connection - run.first].append((audio_bytes, at_ns))
    for connection, at_ns in upstream.get(f"/departures?first={run.first}"):
        departures[connection - run.first].append(at_ns)
    uplink_ms, downlink_ms = [], []
    for session in range(sessions):
        sent_ns, heard_ns = result["sent_ns"][session::sessions], result["heard_ns"][session]
        uplink_ms += uplink(sent_ns, arrivals[session], chunk_ms, window_ns)
        downlink_ms += downlink(departures[session], heard_ns, window_ns)
    return Latencies(uplink_ms, downlink_ms, result["errors"] + lost)


def uplink(
    sent_ns: list[int], stamps: list, chunk_ms: int, window_ns: tuple[int, int]
) -> list[float]:
    """Return the time from each chunk's departure to the arrival of its middle upstream.

    Its middle, not its end: a resampler may owe a few milliseconds of audio at any time, and
    pays with the next chunk.
    """
    found = []
    for number, departed_ns in enumerate(sent_ns):
        middle_bytes = (number + 0.5) * chunk_ms * UPSTREAM_BYTES_PER_MS
        at = bisect_left(stamps, middle_bytes, key=itemgetter(0))
        if at < len(stamps) and window_ns[0] <= departed_ns < window_ns[1]:
            found.append((stamps[at][1] - departed_ns) / 1e6)
    return found


def downlink(
    departed_ns: list[int], heard_ns: list[int], window_ns: tuple[int, int]
) -> list[float]:
    """Return the time from each piece of an answer leaving the upstream to its arrival."""
    # The last pieces may still be on their way when the sessions close.
    pairs = zip(departed_ns, heard_ns, strict=False)
    return [
        (heard - departed) / 1e6
        for departed, heard in pairs
        if window_ns[0] <= departed < window_ns[1]
    ]


def warm_up(target: Target, upstream: Upstream) -> None:
    with load_run(target, upstream, WARM_UP_SESSIONS, 0.2, 20) as run:
        run.begin()
        run.end()
        run.finish()


def compare(
    loads: list[int], seconds: float, rounds: int, chunk_ms: int, *, rate_hz: int, beside: list[str]
) -> dict[int, list[Summary]]:
    """Measure the gateway and relays by turns, with so many sessions and with so many."""
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream", "--stamps")))
        targets = start_all(stack, upstream.url, rate_hz, beside)
        for target in targets:
            warm_up(target, upstream)
        found = {sessions: [Summary(target.name) for target in targets] for sessions in loads}
        for _ in range(rounds):
            for sessions, summaries in found.items():
                for target, summary in zip(targets, summaries, strict=True):
                    summary.runs.append(measure(target, upstream, sessions, seconds, chunk_ms))
    return found


HEAD = ["", "uplink ms p50 / p99 / max", "downlink ms p50 / p99 / max", "lost, errors"]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[80])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--chunk-ms", type=int, default=20)
    parser.add_argument("--rate", type=int, default=48_000, help="input of the gateway, in Hz")
    parser.add_argument("--beside", nargs="*", choices=RELAYS, default=["aiohttp"])
    return parser.parse_args()


def main() -> None:
    o = parse_options()
    load = (o.sessions, o.seconds, o.rounds, o.chunk_ms)
    found = compare(*load, rate_hz=o.rate, beside=o.beside)
    rows = [[str(n), *one.row()] for n, summaries in found.items() for one in summaries]
    print_table(["sessions", *HEAD], rows)


if __name__ == "__main__":
    main()
