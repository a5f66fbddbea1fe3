"""CPU time for each chunk of speech: the gateway beside a thin relay, in the same minutes.

README.md says what is counted, and how.
"""

import argparse
import json
import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.common import (
    BenchError,
    Child,
    gateway_env,
    get_json,
    http_url,
    make_token,
    print_table,
    running,
    spread,
)

CONNECT_ALL_TIMEOUT_S = 60


@dataclass(frozen=True)
class Target:
    """What is measured: a running program and how the load generator talks to it."""

    name: str
    child: Child
    load_arguments: list[str]


@dataclass(frozen=True)
class Run:
    """What one target did under one load."""

    cost_us: float
    load_us: float
    upstream_us: float
    errors: int
    late: int
    error_texts: list[str]


@dataclass
class Bench:
    """All that runs during the measurement."""

    options: argparse.Namespace
    upstream: Child
    upstream_url: str
    runs: dict[tuple[str, int], list[Run]] = field(default_factory=dict)

    def measure(self, target: Target, sessions: int) -> None:
        run = self.run_once(target, sessions)
        self.runs.setdefault((target.name, sessions), []).append(run)
        for text in run.error_texts:
            print(f"  {target.name}, {sessions} sessions: {text}")

    def run_once(self, target: Target, sessions: int) -> Run:
        options = self.options
        before_ms = self.upstream_audio_ms()
        arguments = [
            *("-m", "bench.load", *target.load_arguments, "--sessions", str(sessions)),
            *("--seconds", str(options.seconds), "--chunk-ms", str(options.chunk_ms)),
        ]
        with running(*arguments) as load:
            measured = (target.child, load, self.upstream)
            begin = read_mark(load, "begin", CONNECT_ALL_TIMEOUT_S)
            cpu_begin_s = [child.cpu_s() for child in measured]
            end = read_mark(load, "end", options.seconds + CONNECT_ALL_TIMEOUT_S)
            cpu_end_s = [child.cpu_s() for child in measured]
            result = json.loads(load.read_line(CONNECT_ALL_TIMEOUT_S))
        chunks = end["sent"] - begin["sent"]
        spent_s = (after - before for before, after in zip(cpu_begin_s, cpu_end_s, strict=True))
        costs_us = [one_s / chunks * 1e6 for one_s in spent_s]
        delivered = (self.upstream_audio_ms() - before_ms) / options.chunk_ms
        lost = max(0, round(result["sent"] - delivered - sessions))
        return Run(*costs_us, result["errors"] + lost, result["late"], result["error_texts"])

    def upstream_audio_ms(self) -> float:
        return get_json(http_url(self.upstream_url, "/stats"))["audio_ms"]

    def row(self, sessions: int) -> list[str]:
        gateway, relay = self.runs["gateway", sessions], self.runs["relay", sessions]
        # Neighbours of this machine come and go: each run is divided by the one next to it.
        ratios = [
            ours.cost_us / theirs.cost_us for ours, theirs in zip(gateway, relay, strict=True)
        ]
        return [
            str(sessions),
            spread([run.cost_us for run in gateway]),
            spread([run.cost_us for run in relay]),
            f"{statistics.median(ratios):.2f}",
            f"{sum(run.errors for run in gateway)} / {sum(run.errors for run in relay)}",
        ]

    def print_report(self) -> None:
        head = ["sessions", "gateway us/chunk", "relay us/chunk", "ratio", "errors"]
        print_table(head, [self.row(sessions) for sessions in self.options.sessions])
        runs = [run for one in self.runs.values() for run in one]
        print(f"\nload generator {spread([run.load_us for run in runs])} us/chunk", end=", ")
        print(f"fake upstream {spread([run.upstream_us for run in runs])} us/chunk", end=", ")
        print(f"{sum(run.late for run in runs)} chunks sent over 20 ms late")


def read_mark(load: Child, name: str, timeout_s: float) -> dict:
    mark = json.loads(load.read_line(timeout_s))
    if mark.get("mark") != name:
        raise BenchError(f"expected the mark {name}, got {mark}")
    return mark


def start_gateway(stack: ExitStack, upstream_url: str, rate_hz: int) -> Target:
    env = gateway_env(upstream_url)
    child = stack.enter_context(running("run.py", "--port", "0", env=env))
    url = f"{child.read_url()}?input_rate={rate_hz}"
    return Target("gateway", child, [url, "--rate", str(rate_hz), "--token", make_token(env)])


def start_relay(stack: ExitStack, upstream_url: str) -> Target:
    child = stack.enter_context(running("-m", "bench.aiohttp_relay", upstream_url))
    return Target("relay", child, [child.read_url(), "--rate", "24000", "--raw"])


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[20, 80])
    parser.add_argument("--seconds", type=float, default=8, help="the measured time of one run")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--chunk-ms", type=int, default=20)
    parser.add_argument("--rate", type=int, default=48_000, help="input of the gateway, in Hz")
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    with ExitStack() as stack:
        upstream = stack.enter_context(running("-m", "bench.fake_upstream"))
        bench = Bench(options, upstream, upstream.read_url())
        targets = [
            start_gateway(stack, bench.upstream_url, options.rate),
            start_relay(stack, bench.upstream_url),
        ]
        for _ in range(options.runs):
            for sessions in options.sessions:
                for target in targets:
                    bench.measure(target, sessions)
        bench.print_report()


if __name__ == "__main__":
    main()
