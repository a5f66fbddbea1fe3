"""From the dial to "connected", the gateway beside a relay and beside the upstream itself.

README.md says what is counted, and how.
"""

import argparse
import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.common import print_table, running
from bench.latency import warm_up
from bench.runs import Upstream, load_run
from bench.targets import Target, relay_load, start_aiohttp, start_gateway


@dataclass
class Connects:
    """Of one target, in ms."""

    name: str
    median_ms: list[float] = field(default_factory=list)
    worst_ms: float = 0.0

    def median(self) -> float:
        return statistics.median(self.median_ms)

    def row(self) -> list[str]:
        return [self.name, f"{self.median():.2f}", f"{self.worst_ms:.1f}"]


def compare(sessions: int, rounds: int) -> list[Connects]:
    """Dial that many sessions one after another, each while those before it stay; by turns."""
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        targets = [
            start_gateway(stack, upstream.url, 48_000),
            start_aiohttp(stack, upstream.url),
            # What the model's server itself takes, dialled without anybody between.
            Target("upstream", upstream.child, [upstream.url, *relay_load()]),
        ]
        found = [Connects(target.name) for target in targets]
        for target in targets[:2]:
            warm_up(target, upstream)
        for _ in range(rounds):
            for target, connects in zip(targets, found, strict=True):
                median_ms, worst_ms = open_once(target, upstream, sessions)
                connects.median_ms.append(median_ms)
                connects.worst_ms = max(connects.worst_ms, worst_ms)
    return found


def open_once(target: Target, upstream: Upstream, sessions: int) -> tuple[float, float]:
    """The median and the worst of that many, in ms."""
    with load_run(target, upstream, sessions, 0.1, 100) as run:
        run.begin()
        run.end()
        # No audio of these matters; what is in flight may be thrown away.
        run.mark("sent", 10)
        result = run.close()
    return result["connect_ms_median"], result["connect_ms_worst"]


HEAD = ["", "connect ms, median", "worst"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=40)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found = compare(options.sessions, options.rounds)
    print_table(HEAD, [connects.row() for connects in found])


if __name__ == "__main__":
    main()
