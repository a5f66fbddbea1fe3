"""CPU time for each chunk of speech: the gateway beside thin relays, in the same minutes.

README.md says what is counted, and how.
"""

import argparse
import statistics
from contextlib import ExitStack
from dataclasses import dataclass

from bench.common import print_table, running, spread
from bench.runs import Upstream, load_run
from bench.targets import RELAYS, Target, start_all


@dataclass(frozen=True)
class Cost:
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


def run_once(
    target: Target, upstream: Upstream, sessions: int, seconds: float, chunk_ms: int
) -> Cost:
    with load_run(target, upstream, sessions, seconds, chunk_ms) as run:
        measured = (target.child, run.load, upstream.child)
        begin = run.begin()
        begin_s, begin_ms = [child.cpu_s() for child in measured], run.audio_ms()
        end = run.end()
        end_s, end_ms = [child.cpu_s() for child in measured], run.audio_ms()
        result, lost = run.finish()
    arrived = (end_ms - begin_ms) / chunk_ms
    spent_s = [after - before for before, after in zip(begin_s, end_s, strict=True)]
    elapsed_s = (end["monotonic_ns"] - begin["monotonic_ns"]) / 1e9
    return Cost(
        cost_us=spent_s[0] / arrived * 1e6,
        carried=arrived / (end["sent"] - begin["sent"]),
        load_share=spent_s[1] / elapsed_s,
        upstream_share=spent_s[2] / elapsed_s,
        lost=lost,
        errors=result["errors"],
        late=result["late"],
        error_texts=result["error_texts"],
    )


class Comparison:
    """One load on several targets in turn, and again: the gateway first, then the relays."""

    def __init__(self, sessions: int, chunk_ms: int, targets: list[Target]) -> None:
        self.sessions = sessions
        self.chunk_ms = chunk_ms
        self.targets = targets
        self.runs: dict[str, list[Cost]] = {target.name: [] for target in targets}

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

    def row(self, name: str, runs: list[Cost]) -> list[str]:
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


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[20, 80])
    parser.add_argument("--seconds", type=float, default=8, help="the measured time of one run")
    parser.add_argument("--rounds", "--runs", type=int, default=3)
    parser.add_argument("--chunk-ms", type=int, default=20)
    parser.add_argument("--rate", type=int, default=48_000, help="input of the gateway, in Hz")
    parser.add_argument("--core", type=int, help="hold each target to this core (Linux)")
    parser.add_argument("--beside", nargs="*", choices=RELAYS, default=["aiohttp"])
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        targets = start_all(stack, upstream.url, options.rate, options.beside, options.core)
        comparisons = [Comparison(count, options.chunk_ms, targets) for count in options.sessions]
        for _ in range(options.rounds):
            for comparison in comparisons:
                comparison.round(upstream, options.seconds)
        print_table(HEAD, [row for comparison in comparisons for row in comparison.rows()])


if __name__ == "__main__":
    main()
