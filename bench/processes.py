"""How many calls a second process brings: one and two, each held to a share of a core, by turns.

README.md says what is counted, and how.
"""

import argparse
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import psutil

from bench import shares
from bench.common import BenchError, print_table, running
from bench.latency import Latencies, Summary, measure, warm_up
from bench.runs import Upstream
from bench.targets import Target, start_gateway

COUNTS = (1, 2)
INPUT_HZ = 48_000
IDLE_TIMEOUT_S = 30
SETTLE_S = 3.0
"""From the end of a connection to that of its call."""


@dataclass
class Watch:
    """What each process of a gateway has, and what it spends while it is measured."""

    processes: list[psutil.Process]
    port: int
    calls: list[int] = field(default_factory=list)
    cpu_share: list[float] = field(default_factory=list)
    """Of one core."""

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Around the measured time."""
        begun_s, begun_at = self._cpu_s(), time.monotonic()
        yield
        elapsed_s = time.monotonic() - begun_at
        spent_s = [after - before for after, before in zip(self._cpu_s(), begun_s, strict=True)]
        self.cpu_share = [each / elapsed_s for each in spent_s]
        self.calls = [self._calls(process) for process in self.processes]

    def wait_for_none(self) -> None:
        """Until the calls of before are gone: they would count where the next goes.

        Raises:
            BenchError: If they do not go.
        """
        deadline_s = time.monotonic() + IDLE_TIMEOUT_S
        while any(map(self._calls, self.processes)):
            if time.monotonic() > deadline_s:
                raise BenchError(f"calls were still there after {IDLE_TIMEOUT_S} s")
            time.sleep(0.1)
        time.sleep(SETTLE_S)

    def _cpu_s(self) -> list[float]:
        return [t.user + t.system for t in (p.cpu_times() for p in self.processes)]

    def _calls(self, process: psutil.Process) -> int:
        sockets = process.net_connections("tcp")
        return sum(s.status == "ESTABLISHED" and s.laddr.port == self.port for s in sockets)


@dataclass(frozen=True)
class Run:
    """One load on one process, or on several."""

    calls_each: int
    latencies: Latencies
    calls: list[int]
    cpu_share: list[float]

    def p99_ms(self, way: str) -> float:
        return statistics.quantiles(getattr(self.latencies, way), n=100)[98]


class Gateway:
    """Some processes, and all that was measured of them."""

    def __init__(self, stack: ExitStack, upstream: Upstream, count: int, share: float) -> None:
        settings = {"PARLEY_SERVER_PROCESSES": str(count)}
        self.count = count
        self.target: Target = start_gateway(stack, upstream.url, INPUT_HZ, settings)
        self.runs: list[Run] = []
        self._upstream = upstream
        self._processes = serving(self.target.child.process.pid)
        self._port = int(self.target.load_arguments[0].split(":")[2].split("/")[0])
        warm_up(self.target, upstream)
        if share < 1:
            stack.enter_context(shares.held([one.pid for one in self._processes], share))

    def measure(self, calls_each: int, seconds: float) -> None:
        watch = Watch(self._processes, self._port)
        watch.wait_for_none()
        found = measure(
            self.target, self._upstream, calls_each * self.count, seconds, 20, while_measured=watch
        )
        self.runs.append(Run(calls_each, found, watch.calls, watch.cpu_share))

    def of(self, calls_each: int) -> list[Run]:
        return [run for run in self.runs if run.calls_each == calls_each]

    def p99_ms(self, calls_each: int, way: str = "uplink_ms") -> float:
        return statistics.median(run.p99_ms(way) for run in self.of(calls_each))

    def carries(self, calls_each: int, bar_ms: float) -> bool:
        """Without a loss, and in time for 99 of 100 chunks."""
        faults = sum(run.latencies.faults for run in self.of(calls_each))
        return not faults and self.p99_ms(calls_each) <= bar_ms

    def row(self, calls_each: int) -> list[str]:
        runs = self.of(calls_each)
        summary = Summary("", [run.latencies for run in runs])
        spread = "; ".join(" + ".join(map(str, run.calls)) for run in runs)
        cpu = [statistics.mean(each) for each in zip(*(run.cpu_share for run in runs), strict=True)]
        return [
            *(str(self.count), str(calls_each * self.count), spread),
            *(summary.cell("uplink_ms"), summary.cell("downlink_ms")),
            " + ".join(f"{each:.0%}" for each in cpu),
            f"{sum(cpu) / self.count / calls_each:.2%}",
            str(sum(run.latencies.faults for run in runs)),
        ]


def serving(pid: int) -> list[psutil.Process]:
    """The processes that have calls: those of a parent, or the one that is alone."""
    parent = psutil.Process(pid)
    children = [child for child in parent.children() if "--child" in child.cmdline()]
    return children or [parent]


def most(gateway: Gateway, steps: list[int], bar_ms: float) -> int:
    """Calls that are carried; the last step before the first that is not."""
    carried = 0
    for calls_each in steps:
        if not gateway.carries(calls_each, bar_ms):
            break
        carried = calls_each * gateway.count
    return carried


HEAD = [
    *("processes", "calls", "of each", "uplink ms p50 / p99 / max", "downlink ms p50 / p99 / max"),
    *("CPU of each", "of a call", "lost, errors"),
]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[8, 12, 16, 20, 24])
    parser.add_argument("--share", type=float, default=0.25, help="of a core, for each process")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--bar-ms", type=float, default=100, help="p99 on the way to the model")
    return parser.parse_args()


def main() -> None:
    o = parse_options()
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream", "--stamps")))
        try:
            gateways = [Gateway(stack, upstream, count, o.share) for count in COUNTS]
        except shares.NotPossible as exc:
            print(f"Without a bound, the tools and two processes want more than two cores: {exc}")
            gateways = [Gateway(stack, upstream, count, 1.0) for count in COUNTS]
        for calls_each in o.calls:
            for _ in range(o.rounds):
                for gateway in gateways:
                    gateway.measure(calls_each, o.seconds)
        print_table(HEAD, [one.row(calls_each) for calls_each in o.calls for one in gateways])
        alone, both = (most(one, o.calls, o.bar_ms) for one in gateways)
        times = f"{both / alone:.2f} times" if alone else "what one does not"
        print(f"With an uplink p99 of {o.bar_ms:g} ms at most, one carries {alone} calls,")
        print(f"two carry {both}: {times}.")


if __name__ == "__main__":
    main()
