"""Memory for each session beyond the process: the slope over the number of sessions.

README.md says what is counted, and how.
"""

import argparse
import statistics
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench.common import print_table, running
from bench.runs import Upstream, load_run
from bench.targets import Target, start_aiohttp, start_gateway

CHUNK_MS = 100
"""Long enough that no number of sessions is more than a core carries."""
SECONDS = 1.5
KEEPS_NOTHING = {"PARLEY_SESSION_RESUME_WINDOW_S": "0", "PARLEY_UPSTREAM_SPEECH_KEPT_MS": "0"}
"""Neither for a client that may come back nor for a model that may be lost (`bench.kept`)."""


@dataclass(frozen=True)
class Memory:
    """In KB."""

    name: str
    process_kb: float
    """At no session, by the line through all readings."""
    rss_kb: float
    """For each session."""
    pss_kb: float
    errors: int

    def row(self) -> list[str]:
        mb = f"{self.process_kb / 1024:.0f}"
        return [self.name, mb, f"{self.rss_kb:.0f}", f"{self.pss_kb:.0f}", str(self.errors)]


def measure(target: Target, upstream: Upstream, counts: Sequence[int]) -> Memory:
    """Let ever more sessions speak, and read how big the process is while they do.

    Ascending, because an allocator keeps what it once had: after many sessions, few look big.
    """
    rss_kb, pss_kb, errors = [], [], 0
    for sessions in counts:
        with load_run(target, upstream, sessions, SECONDS, CHUNK_MS) as run:
            run.begin()
            run.end()
            rss_kb.append(target.child.rss_kb())
            pss_kb.append(target.child.pss_kb())
            result, lost = run.finish()
        errors += result["errors"] + lost
    rss, pss = (statistics.linear_regression(counts, values) for values in (rss_kb, pss_kb))
    return Memory(target.name, rss.intercept, rss.slope, pss.slope, errors)


def compare(counts: Sequence[int]) -> list[Memory]:
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        bare = start_gateway(stack, upstream.url, 48_000, KEEPS_NOTHING)
        targets = [
            start_gateway(stack, upstream.url, 48_000),
            replace(bare, name="gateway, nothing kept"),
            start_aiohttp(stack, upstream.url),
        ]
        return [measure(target, upstream, counts) for target in targets]


HEAD = ["", "process MB", "RSS KB/session", "PSS KB/session", "lost, errors"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, nargs="+", default=[10, 40, 80, 120, 160])
    options = parser.parse_args()
    print_table(HEAD, [memory.row() for memory in compare(options.sessions)])


if __name__ == "__main__":
    main()
