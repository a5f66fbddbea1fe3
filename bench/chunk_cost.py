"""CPU time for each chunk of speech: the gateway beside thin relays, in the same minutes.

README.md says what is counted, and how.
"""

import argparse
import json
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass

from bench.common import (
    BenchError,
    Child,
    get_json,
    http_url,
    print_table,
    running,
    spread,
)
from bench.targets import RELAYS, NotInstalled, Target, start_gateway

CONNECT_ALL_TIMEOUT_S = 60
STALL_S = 3.0
"""Nothing has come upstream for so long: what is missing is lost, not late."""
CARRIED_ENOUGH = 0.98


@dataclass(frozen=True)
class Run:
    """What one target did under one load."""

    cost_us: float
    """Of a chunk that reached the upstream while it was measured."""
    carried: float
    """Which part of what was sent in that time reached it; below 1.0 a backlog grew."""
    load_share: float
    upstream_share: float
    """Of one core."""
    lost: int
    """Chunks that had not reached the upstream when nothing came any more."""
    errors: int
    late: int
    error_texts: list[str]


class Upstream:
    """The fake upstream, and what reaches it."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.url = child.read_url()

    def audio_ms(self) -> float:
        return get_json(http_url(self.url, "/stats"))["audio_ms"]

    def wait_for(self, audio_ms: float) -> float:
        """Wait until so much has come in all, or nothing comes any more; return what has come."""
        came_ms, since_s = self.audio_ms(), time.monotonic()
        while came_ms < audio_ms and time.monotonic() - since_s < STALL_S:
            time.sleep(0.1)
            before_ms, came_ms = came_ms, self.audio_ms()
            if came_ms > before_ms:
                since_s = time.monotonic()
        return came_ms


def run_once(
    target: Target, upstream: Upstream, sessions: int, seconds: float, chunk_ms: int
) -> Run:
    arguments = [
        *("-m", "bench.load", *target.load_arguments, "--sessions", str(sessions), "--hold"),
        *("--seconds", str(seconds), "--chunk-ms", str(chunk_ms)),
    ]
    before_ms = upstream.audio_ms()
    with running(*arguments) as load:
        measured = (target.child, load, upstream.child)
        begin = read_mark(load, "begin", CONNECT_ALL_TIMEOUT_S)
        begin_s, begin_ms = [child.cpu_s() for child in measured], upstream.audio_ms()
        end = read_mark(load, "end", seconds + CONNECT_ALL_TIMEOUT_S)
        end_s, end_ms = [child.cpu_s() for child in measured], upstream.audio_ms()
        sent = read_mark(load, "sent", CONNECT_ALL_TIMEOUT_S)["sent"]
        missing_ms = before_ms + sent * chunk_ms - upstream.wait_for(before_ms + sent * chunk_ms)
        load.write_line("close")
        result = json.loads(load.read_line(CONNECT_ALL_TIMEOUT_S))
    arrived = (end_ms - begin_ms) / chunk_ms
    spent_s = [after - before for before, after in zip(begin_s, end_s, strict=True)]
    elapsed_s = (end["monotonic_ns"] - begin["monotonic_ns"]) / 1e9
    return Run(
        cost_us=spent_s[0] / arrived * 1e6,
        carried=arrived / (end["sent"] - begin["sent"]),
        load_share=spent_s[1] / elapsed_s,
        upstream_share=spent_s[2] / elapsed_s,
        lost=-(-max(0, round(missing_ms)) // chunk_ms),
        errors=result["errors"],
        late=result["late"],
        error_texts=result["error_texts"],
    )


def read_mark(load: Child, name: str, timeout_s: float) -> dict:
    mark = json.loads(load.read_line(timeout_s))
    if mark.get("mark") != name:
        raise BenchError(f"expected the mark {name}, got {mark}")
    return mark


class Comparison:
    """One load on several targets in turn, and again: the gateway first, then the relays."""

    def __init__(self, sessions: int, chunk_ms: int, targets: list[Target]) -> None:
        self.sessions = sessions
        self.chunk_ms = chunk_ms
        self.targets = targets
        self.runs: dict[str, list[Run]] = {target.name: [] for target in targets}

    def round(self, upstream: Upstream, seconds: float) -> None:
        for target in self.targets:
            run = run_once(target, upstream, self.sessions, seconds, self.chunk_ms)
            self.runs[target.name].append(run)
            for text in run.error_texts:
                print(f"  {target.name}, {self.sessions} sessions: {text}")

    def cost_us(self, name: str = "gateway") -> float:
        return statistics.median(run.cost_us for run in self.runs[name])

    def carried(self, name: str = "gateway") -> float:
        return statistics.median(run.carried for run in self.runs[name])

    def ratio(self, name: str) -> float:
        """The gateway's cost over the relay's.

        Neighbours of this machine come and go: each run is divided by the one next to it.
        """
        pairs = zip(self.runs["gateway"], self.runs[name], strict=True)
        return statistics.median(ours.cost_us / theirs.cost_us for ours, theirs in pairs)

    def rows(self) -> list[list[str]]:
        return [self.row(name, runs) for name, runs in self.runs.items()]

    def row(self, name: str, runs: list[Run]) -> list[str]:
        return [
            str(self.sessions),
            str(self.chunk_ms),
            name,
            spread([run.cost_us for run in runs]),
            "" if name == "gateway" else f"{self.ratio(name):.2f}",
            f"{self.carried(name):.0%}",
            f"{sum(run.lost for run in runs)} / {sum(run.errors for run in runs)}",
            f"{max(run.load_share for run in runs):.0%} {max(r.upstream_share for r in runs):.0%}",
            str(sum(run.late for run in runs)),
        ]


HEAD = [
    *("sessions", "chunk ms", "", "us/chunk", "gateway is", "carried", "lost / errors"),
    *("load, upstream CPU", "late"),
]


def start_all(stack: ExitStack, upstream_url: str, rate_hz: int, beside: list[str]) -> list[Target]:
    """Start the gateway and the relays; one that is not installed is left out with a line."""
    targets = [start_gateway(stack, upstream_url, rate_hz)]
    for name in beside:
        try:
            targets.append(RELAYS[name](stack, upstream_url))
        except NotInstalled as exc:
            print(f"  {name} is left out: {exc}")
    return targets


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[20, 80])
    parser.add_argument("--seconds", type=float, default=8, help="the measured time of one run")
    parser.add_argument("--rounds", "--runs", type=int, default=3)
    parser.add_argument("--chunk-ms", type=int, default=20)
    parser.add_argument("--rate", type=int, default=48_000, help="input of the gateway, in Hz")
    parser.add_argument("--beside", nargs="*", choices=RELAYS, default=["aiohttp"])
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        targets = start_all(stack, upstream.url, options.rate, options.beside)
        comparisons = [Comparison(count, options.chunk_ms, targets) for count in options.sessions]
        for _ in range(options.rounds):
            for comparison in comparisons:
                comparison.round(upstream, options.seconds)
        print_table(HEAD, [row for comparison in comparisons for row in comparison.rows()])


if __name__ == "__main__":
    main()
