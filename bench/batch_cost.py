"""What one chunk costs the pool's thread: alone, and beside a thread as busy as the event loop.

README.md says what is counted, and how.
"""

import argparse
import base64
import resource
import select
import socket
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import numpy as np

from bench.common import print_table
from workers.chain import Chain
from workers.formats import AudioFormat
from workers.pool import LaneResult, LaneWork, run_batch

TARGET = AudioFormat("pcm16", 24_000)
CHUNK_MS = 20
PAUSE_S = 0.001
"""Between batches, as the gateway has it."""
BUSY_S, IDLE_S = 300e-6, 140e-6
"""Of the competitor; waking up takes it another 60 us, so it is busy 60 % of the time."""


class Competitor:
    """A thread that does what an event loop does: many short steps, small sends and receives."""

    def __init__(self) -> None:
        self.stopping = False
        self.thread = threading.Thread(target=self.run)
        self.ends = socket.socketpair()

    def run(self) -> None:
        """Thread: its own."""
        while not self.stopping:
            enough_s = time.thread_time() + BUSY_S
            while time.thread_time() < enough_s:
                self.step()
            select.select([], [], [], IDLE_S)

    def step(self) -> None:
        """A message of 120 bytes, in and out, and 10 us of Python."""
        near, far = self.ends
        near.send(b"m" * 120)
        far.recv(4096)
        fields = {str(n): n for n in range(40)}
        "".join(key for key, number in fields.items() if number % 2)


@contextmanager
def competing() -> Iterator[None]:
    competitor = Competitor()
    competitor.thread.start()
    try:
        yield
    finally:
        competitor.stopping = True
        competitor.thread.join()
        for end in competitor.ends:
            end.close()


@contextmanager
def switching_every(interval_s: float) -> Iterator[None]:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(interval_s)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


@dataclass
class Cost:
    """Of one batch, on the thread that runs it."""

    cpu_s: float
    wall_s: float
    switches: int


def run_measured(works: list[LaneWork]) -> tuple[Cost, list[LaneResult]]:
    switches = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    wall_s, cpu_s = time.perf_counter(), time.thread_time()
    results = run_batch(works)
    cpu_s, wall_s = time.thread_time() - cpu_s, time.perf_counter() - wall_s
    switches = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - switches
    return Cost(cpu_s, wall_s, switches), results


def measure(rate_hz: int, size: int, chunks: int) -> list[str]:
    """Run batches of one chunk for each of *size* streams; return three cells of the table."""
    chain = Chain.between(AudioFormat("pcm16", rate_hz), TARGET, as_base64=True)
    noise = np.random.default_rng(1).integers(-9999, 9999, (size, rate_hz * CHUNK_MS // 1000))
    payloads = [base64.b64encode(row.astype("<i2").tobytes()).decode() for row in noise]
    states = [chain.start() for _ in payloads]
    costs = []
    for _ in range(max(3, chunks // size)):
        lanes = zip(states, payloads, strict=True)
        cost, results = run_measured([LaneWork(chain, state, [text]) for state, text in lanes])
        states = [result.state for result in results]
        costs.append(cost)
        time.sleep(PAUSE_S)
    # The first ones find cold caches.
    costs = costs[len(costs) // 10 :]
    return [
        f"{statistics.fmean(cost.cpu_s for cost in costs) * 1e6 / size:.1f}",
        f"{statistics.median(cost.wall_s for cost in costs) * 1e6:.0f}",
        f"{statistics.fmean(cost.switches for cost in costs):.1f}",
    ]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[48_000, 16_000, 24_000])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 4, 16, 80])
    parser.add_argument("--chunks", type=int, default=6_000, help="for each line")
    parser.add_argument(
        "--switch-ms", type=float, nargs="+", default=[5.0], help="sys.setswitchinterval to try"
    )
    return parser.parse_args()


def main() -> None:
    options = parse_options()
    rows = []
    for rate_hz in options.rates:
        for size in options.sizes:
            sides = [("alone", nullcontext(), 5.0)]
            sides += [(f"beside, {ms:g} ms", competing(), ms) for ms in options.switch_ms]
            for name, side, switch_ms in sides:
                with switching_every(switch_ms / 1000), side:
                    cells = measure(rate_hz, size, options.chunks)
                rows.append([str(rate_hz), str(size), name, *cells])
    head = ["in Hz", "batch", "", "CPU us/chunk", "wall us/batch", "switches/batch"]
    print_table(head, rows)


if __name__ == "__main__":
    main()
