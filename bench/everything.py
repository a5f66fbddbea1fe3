"""What a chunk costs and how long an opening takes, with everything on that an operator may switch
on beside calls, and with none of it: by turns, in the same minutes.

README.md says what is counted, and how.
"""

import argparse
import json
import os
import secrets
import sqlite3
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.chunk_cost import Cost, run_once
from bench.common import (
    READY_TIMEOUT_S,
    ROOT,
    BenchError,
    get_json,
    print_table,
    running,
    spread,
)
from bench.connect import open_once
from bench.latency import warm_up
from bench.runs import Upstream
from bench.targets import Target, free_port, start_gateway
from tests.fakes.postgres_server import INITDB, PostgresServer
from tests.fakes.redis_server import RedisServer

LOOK_EACH_S = 5.0
"""A scraper asks every 15 s, and whoever looks at the calls that run as often as he likes."""
OPENINGS = 40
IDLE_S = 5.0
QUOTAS = [
    f"quotas.{unit}_per_{whose}_per_{time} = 100000000"
    for unit in ("audio_s", "tokens", "money")
    for whose in ("user", "organisation")
    for time in ("day", "month")
]
"""Counted, warned of and never used up."""
TRANSCRIPTION = """
[[transcriptions]]
model = "*"
from = 2026-01-01
text_input = 1.25
audio_input = 3
text_output = 5
minute = 0.003
"""
"""A quota of money needs a price of whatever may be asked for."""


@dataclass
class Found:
    """Of one gateway, run by run."""

    name: str
    target: Target
    beside: Callable[[], AbstractContextManager[None]] = nullcontext
    """What there is while it is measured."""
    costs: list[Cost] = field(default_factory=list)
    opens_ms: list[float] = field(default_factory=list)
    idle_ms: list[float] = field(default_factory=list)
    """Of CPU in a second without a call."""

    def measure(self, upstream: Upstream, sessions: int, seconds: float, chunk_ms: int) -> None:
        with self.beside():
            before_s = self.target.child.cpu_s()
            time.sleep(IDLE_S)
            self.idle_ms.append((self.target.child.cpu_s() - before_s) / IDLE_S * 1000)
            cost = run_once(self.target, upstream, sessions, seconds, chunk_ms)
            self.costs.append(cost)
            self.opens_ms.append(open_once(self.target, upstream, OPENINGS)[0])
        for text in cost.error_texts:
            print(f"  {self.name}: {text}")

    def row(self) -> list[str]:
        return [
            self.name,
            spread([cost.cost_us for cost in self.costs]),
            spread_ms(self.opens_ms),
            spread_ms(self.idle_ms),
            f"{sum(cost.lost for cost in self.costs)} / {sum(cost.errors for cost in self.costs)}",
            f"{min(cost.carried for cost in self.costs):.0%}",
        ]


def spread_ms(values: list[float]) -> str:
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


@dataclass
class Around:
    """What stands around a gateway with everything on."""

    place: Path
    redis: RedisServer
    postgres: PostgresServer | None
    collector_url: str
    key: str = field(default_factory=lambda: secrets.token_hex(32))
    port: int = field(default_factory=free_port)
    """Of metrics and administration."""

    def settings(self) -> dict[str, str]:
        prices = self.place / "prices.toml"
        text = (ROOT / "conf" / "prices.toml").read_text("utf-8")
        prices.write_text(f"{text}\n{TRANSCRIPTION}", "utf-8")
        plans = self.place / "plans.toml"
        plans.write_text("\n".join(["[bench]", "limits.connections_per_user = 2000", *QUOTAS]))
        found = {
            "METRICS_ENABLED": "true",
            "METRICS_PORT": str(self.port),
            "TRACES_ENABLED": "true",
            "TRACES_ENDPOINT": self.collector_url,
            "ADMIN_KEYS": json.dumps([f"bench:{self.key}"]),
            "ADMIN_AUDIT_FILE": str(self.place / "audit.jsonl"),
            "USAGE_DATABASE": str(self.place / "usage.sqlite3"),
            "USAGE_LINES_FILE": str(self.place / "usage.jsonl"),
            "USAGE_PRICES_FILE": str(prices),
            "SHARED_REDIS_URL": self.redis.url,
            "LIMITS_PLANS_FILE": str(plans),
            "LIMITS_CONNECTIONS_PER_ADDRESS": "2000",
            "LIMITS_OPENINGS_PER_S": "10000",
            "LIMITS_OPENINGS_PER_USER_PER_MINUTE": "100000",
            "SERVER_STATE_DIR": str(self.place / "state"),
        }
        if self.postgres is not None:
            found["USAGE_POSTGRES_URL"] = self.postgres.url
        return {f"PARLEY_{name}": text for name, text in found.items()}

    def proof(self) -> str:
        """That it was on: what has come to each; raises `BenchError` if nothing has."""
        page = self.ask("/metrics").decode()
        lines = [line for line in page.splitlines() if "usage_records_total{" in line]
        written = [line for line in lines if 'outcome="written"' in line]
        found = {
            "bytes of spans": get_json(self.collector_url)["bytes"],
            "keys in Redis": len(self.redis.keys("parley")),
        }
        settings = {"usage.database", "usage.lines_file"}
        settings |= {"usage.postgres_url"} if self.postgres is not None else set()
        for setting in sorted(settings):
            counts = [float(line.split()[-1]) for line in written if f'"{setting}"' in line]
            found[f"records in {setting}"] = round(sum(counts))
        if not all(found.values()):
            raise BenchError(f"something was not on: {found}")
        return ", ".join(f"{count} {name}" for name, count in found.items())

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """Somebody holds SQLite, and PostgreSQL stands still."""
        with ExitStack() as stack:
            database = sqlite3.connect(self.place / "usage.sqlite3", 60, isolation_level=None)
            stack.callback(database.close)
            database.execute("BEGIN EXCLUSIVE")
            if self.postgres is not None:
                self.postgres.pause()
                stack.callback(self.postgres.go_on)
            yield

    def look(self, stopping: threading.Event) -> None:
        """As a scraper does, and an operator's page.  Thread: its own."""
        while not stopping.wait(LOOK_EACH_S):
            with suppress(OSError):
                self.ask("/metrics")
                self.ask("/admin/v1/calls")

    def ask(self, path: str) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Authorization": f"Bearer {self.key}"}
        )
        straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with straight.open(request, timeout=30) as answer:
            return answer.read()


@contextmanager
def everything() -> Iterator[Around]:
    """PostgreSQL too, where there is one."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = stack.enter_context(RedisServer())
        postgres = stack.enter_context(PostgresServer()) if INITDB is not None else None
        collector = stack.enter_context(running("-m", "bench.collector"))
        yield Around(place, redis, postgres, collector.read_line(READY_TIMEOUT_S).strip())


def compare(sessions: int, seconds: float, rounds: int, chunk_ms: int) -> tuple[list[Found], str]:
    """With nothing, with everything and with trouble; and what has come to what was on."""
    with ExitStack() as stack:
        around = stack.enter_context(everything())
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        settings = around.settings()
        plain = start_gateway(stack, upstream.url, 48_000)
        full = start_gateway(stack, upstream.url, 48_000, settings, ("plan:bench",))
        measured = [
            Found("nothing on", plain),
            Found("everything on", full),
            Found("no database answers", full, around.trouble),
        ]
        stopping = threading.Event()
        stack.callback(stopping.set)
        threading.Thread(target=around.look, args=(stopping,), daemon=True).start()
        for target in (plain, full):
            warm_up(target, upstream)
        for number in range(rounds):
            # Whoever comes later may find a machine that is warmer.
            for found in measured if number % 2 else reversed(measured):
                found.measure(upstream, sessions, seconds, chunk_ms)
        return measured, around.proof()


def ratio(found: Found, plain: Found) -> float:
    """Of a chunk's cost; neighbours of this machine come and go, so round by round."""
    pairs = zip(found.costs, plain.costs, strict=True)
    return statistics.median(one.cost_us / other.cost_us for one, other in pairs)


HEAD = [
    "",
    "us/chunk",
    "open to connected, ms",
    "idle, ms/s",
    "lost / errors",
    "carried",
    "a chunk is",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=80)
    parser.add_argument("--seconds", type=float, default=8, help="the measured time of one run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunk-ms", type=int, default=20)
    options = parser.parse_args()
    loads = [os.getloadavg()[0]]
    measured, proof = compare(options.sessions, options.seconds, options.rounds, options.chunk_ms)
    loads.append(os.getloadavg()[0])
    plain = measured[0]
    print_table(HEAD, [[*found.row(), f"{ratio(found, plain):.2f}"] for found in measured])
    print(f"what has come: {proof}")
    print(f"load of the machine before and after: {loads[0]:.1f}, {loads[1]:.1f}")


if __name__ == "__main__":
    main()
