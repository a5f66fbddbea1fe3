"""CPU time for each chunk of speech, as Python, compiled and on one core, beside all relays.

README.md says what is counted, and how.
"""

import argparse
import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench.chunk_cost import Cost, run_once
from bench.common import BenchError, get_json, http_url, print_table, running, spread
from bench.rows import say
from bench.runs import Upstream
from bench.targets import RELAYS, NotInstalled, Target, start_gateway

BESIDE = ("aiohttp", "aiohttp-uvloop", "websockets", "litellm")
LOADS = ((40, 20), (80, 20), (160, 20), (320, 20), (20, 100), (80, 100))
"""Sessions, and ms of a chunk."""


@dataclass(frozen=True)
class Bar:
    """How much dearer one may be than another, under one load."""

    load: tuple[int, int]
    what: str
    beside: str
    most: float


ONE_CORE = "compiled, on one core"
WAYS = {
    "python": {"PARLEY_COMPILED": "no"},
    "compiled": {"PARLEY_COMPILED": "yes"},
    ONE_CORE: {"PARLEY_COMPILED": "yes", "PARLEY_SERVER_ONE_CORE": "true"},
}
"""What each is started with."""

BARS = (
    Bar((80, 20), "compiled", "litellm", 0.85),
    Bar((80, 20), "compiled", "websockets", 1.0),
    Bar((80, 20), "compiled", "aiohttp-uvloop", 1.6),
    Bar((80, 20), "python", "litellm", 1.05),
    Bar((20, 100), "compiled", "aiohttp", 2.0),
    Bar((80, 20), "compiled", "python", 1.0),
    Bar((80, 20), ONE_CORE, "litellm", 0.85),
    Bar((80, 20), ONE_CORE, "websockets", 1.0),
    Bar((80, 20), ONE_CORE, "aiohttp-uvloop", 1.6),
    Bar((20, 100), ONE_CORE, "aiohttp", 2.0),
)


class Measured:
    """One load on all targets in turn, and again in the opposite order."""

    def __init__(self, load: tuple[int, int], targets: Sequence[Target]) -> None:
        self.load = load
        self.targets = targets
        self.runs: dict[str, list[Cost]] = {target.name: [] for target in targets}

    def round(self, number: int, upstream: Upstream, seconds: float) -> None:
        sessions, chunk_ms = self.load
        for target in self.targets if number % 2 == 0 else self.targets[::-1]:
            run = run_once(target, upstream, sessions, seconds, chunk_ms)
            self.runs[target.name].append(run)
            for text in run.error_texts:
                print(f"  {target.name}, {sessions} sessions: {text}")

    def ratio(self, what: str, beside: str) -> float:
        """The median of the rounds: each run is divided by that of the same round."""
        pairs = zip(self.runs[what], self.runs[beside], strict=True)
        return statistics.median(one.cost_us / other.cost_us for one, other in pairs)

    def row(self) -> list[str]:
        sessions, chunk_ms = self.load
        return [f"{sessions} x {chunk_ms} ms", *map(self.cell, self.runs)]

    def cell(self, name: str) -> str:
        runs = self.runs[name]
        carried = statistics.median(run.carried for run in runs)
        faults = sum(run.lost + run.errors for run in runs)
        cell = spread([run.cost_us for run in runs])
        cell += "" if carried >= 0.98 else f", carries {carried:.0%}"
        return cell + (f", {faults} lost or wrong" if faults else "")


def start_gateways(stack: ExitStack, upstream_url: str) -> list[Target]:
    """The gateway of this tree, in each of its ways.

    Raises:
        BenchError: If there is no build that fits: then all would be the same.
    """
    targets = []
    for name, settings in WAYS.items():
        target = start_gateway(stack, upstream_url, 48_000, settings)
        found = get_json(http_url(target.load_arguments[0], "/healthz"))["hot_path"]
        if not name.startswith(found):
            raise BenchError(f"the hot path of one that should be {name} is {found}: make compile")
        targets.append(replace(target, name=name))
    return targets


def start_relays(stack: ExitStack, upstream_url: str) -> list[Target]:
    targets = []
    for name in BESIDE:
        try:
            targets.append(RELAYS[name](stack, upstream_url))
        except NotInstalled as exc:
            print(f"  {name} is left out: {exc}")
    return targets


def bar_row(bar: Bar, all_measured: Sequence[Measured]) -> list[str]:
    [measured] = [one for one in all_measured if one.load == bar.load]
    what = f"{bar.what} / {bar.beside}, {bar.load[0]} x {bar.load[1]} ms"
    if bar.beside not in measured.runs:
        return [what, "not measured", f"<= {bar.most}", ""]
    ratio = measured.ratio(bar.what, bar.beside)
    return [what, f"{ratio:.2f}", f"<= {bar.most}", "yes" if ratio <= bar.most else "NO"]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.5, help="the measured time of one run")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    begun_s = time.monotonic()
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        targets = start_gateways(stack, upstream.url) + start_relays(stack, upstream.url)
        all_measured = [Measured(load, targets) for load in LOADS]
        for number in range(options.rounds):
            for one in all_measured:
                say(f"round {number + 1}: {one.load[0]} sessions, {one.load[1]} ms chunks")
                one.round(number, upstream, options.seconds)
    head = ["us/chunk", *(target.name for target in targets)]
    print_table(head, [one.row() for one in all_measured], adjust=str.ljust)
    print()
    head = ["ratio", "median", "bar", "reached"]
    print_table(head, [bar_row(bar, all_measured) for bar in BARS], adjust=str.ljust)
    print(f"{time.monotonic() - begun_s:.0f} s")


if __name__ == "__main__":
    main()
