"""One run of the load generator: its marks, and the wait for what is still on its way."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from bench.common import BenchError, Child, get_json, http_url, running
from bench.targets import Target

TIMEOUT_S = 60
"""For opening all sessions, and for the generator's own work."""
ATTEMPTS = 3
STALL_S = 3.0
"""Nothing has come upstream for so long: what is missing is lost, not late."""


class Upstream:
    """The fake upstream, and what it has seen."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.url = child.read_url()

    def opened(self) -> int:
        """Connections so far; also the number of the next."""
        return self.get("/stats")["opened"]

    def get(self, path: str) -> dict | list:
        """Ask again if it closes before all was read, as it does under load."""
        for _ in range(ATTEMPTS - 1):
            with suppress(OSError, ValueError):
                return get_json(http_url(self.url, path))
        return get_json(http_url(self.url, path))


@dataclass
class Run:
    """A load generator at work.  Call `begin`, `end` and `finish` in this order."""

    load: Child
    upstream: Upstream
    chunk_ms: int
    seconds: float
    first: int
    """Number upstream of its first session; those of the others follow."""

    def begin(self) -> dict:
        """All sessions are running."""
        return self.mark("begin", TIMEOUT_S)

    def end(self) -> dict:
        """The measured time is over."""
        return self.mark("end", self.seconds + TIMEOUT_S)

    def finish(self) -> tuple[dict, int]:
        """Wait for what is on its way; return the result, and how many chunks never arrived."""
        due_ms = self.mark("sent", TIMEOUT_S)["sent"] * self.chunk_ms
        missing_ms = max(0, round(due_ms - self.wait_for(due_ms)))
        return self.close(), -(-missing_ms // self.chunk_ms)

    def audio_ms(self) -> float:
        """How much has come upstream of all its sessions."""
        return self.upstream.get(f"/stats?first={self.first}")["audio_ms"]

    def wait_for(self, audio_ms: float) -> float:
        """Wait until so much has come, or nothing comes any more; return what has come."""
        came_ms, since_s = self.audio_ms(), time.monotonic()
        while came_ms < audio_ms and time.monotonic() - since_s < STALL_S:
            time.sleep(0.1)
            before_ms, came_ms = came_ms, self.audio_ms()
            if came_ms > before_ms:
                since_s = time.monotonic()
        return came_ms

    def close(self) -> dict:
        self.load.write_line("close")
        return json.loads(self.load.read_line(TIMEOUT_S))

    def mark(self, name: str, timeout_s: float) -> dict:
        mark = json.loads(self.load.read_line(timeout_s))
        if mark.get("mark") != name:
            raise BenchError(f"expected the mark {name}, got {mark}")
        return mark


@contextmanager
def load_run(
    target: Target, upstream: Upstream, sessions: int, seconds: float, chunk_ms: int, *more: str
) -> Iterator[Run]:
    arguments = [
        *("-m", "bench.load", *target.load_arguments, "--sessions", str(sessions), "--hold"),
        *("--seconds", str(seconds), "--chunk-ms", str(chunk_ms), *more),
    ]
    first = upstream.opened()
    with running(*arguments) as load:
        yield Run(load, upstream, chunk_ms, seconds, first)
