"""What the benchmarks share: child processes, their CPU time, medians and tables."""

import json
import os
import re
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, Queue
from types import FrameType

import psutil

ROOT = Path(__file__).resolve().parent.parent
READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 10
URL_PATTERN = re.compile(r"wss?://[^\s\"']+")
TOKEN_PATTERN = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+")


class BenchError(Exception):
    """A process did not do what the benchmark needs; the message says which and shows its log."""


class Child:
    """A program that runs beside the benchmark, from the top of the repository."""

    def __init__(self, arguments: Sequence[str], env: dict[str, str] | None, program: str) -> None:
        self.name = " ".join(arguments[:2])
        self.log = tempfile.TemporaryFile()  # noqa: SIM115  closed in stop()
        self.process = subprocess.Popen(
            [program, *arguments],
            cwd=ROOT,
            env=os.environ | (env or {}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.lines: Queue[str] = Queue()
        threading.Thread(target=self.keep_lines, daemon=True).start()

    def keep_lines(self) -> None:
        """Read on for as long as the child lives: a full pipe would stop it.  Thread: its own."""
        with self.process.stdout as output:
            for line in output:
                self.lines.put(line)
        self.lines.put("")

    def read_line(self, timeout_s: float) -> str:
        """Return the next line it printed.

        Raises:
            BenchError: If it ended, or printed nothing for that long.
        """
        try:
            line = self.lines.get(timeout=timeout_s)
        except Empty:
            raise BenchError(
                f"{self.name} was silent for {timeout_s} s\n{self.log_tail()}"
            ) from None
        if not line:
            raise BenchError(f"{self.name} ended early\n{self.log_tail()}")
        return line

    def write_line(self, line: str) -> None:
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def read_url(self) -> str:
        """Wait until it prints its URL: it is ready then."""
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while True:
            line = self.read_line(max(0.0, deadline_s - time.monotonic()))
            if found := URL_PATTERN.search(line):
                return found[0]

    def log_text(self) -> str:
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def log_tail(self) -> str:
        return self.log_text()[-2000:]

    def keep_to(self, core: int) -> None:
        """Hold it to one core, with the threads it has and those it starts."""
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})

    def cpu_s(self) -> float:
        """User and system time so far, with that of all its children, living and dead."""
        process = psutil.Process(self.process.pid)
        times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
        return sum(t.user + t.system + t.children_user + t.children_system for t in times)

    def rss_kb(self) -> float:
        return psutil.Process(self.process.pid).memory_info().rss / 1024

    def pss_kb(self) -> float:
        """Resident memory, of pages that others have too only its share."""
        return psutil.Process(self.process.pid).memory_full_info().pss / 1024

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.log.close()


@contextmanager
def running(
    *arguments: str, env: dict[str, str] | None = None, program: str = sys.executable
) -> Iterator[Child]:
    """Start a child and stop it at the end, whatever the end is."""
    # Without this, a benchmark that is told to stop leaves its children behind.
    signal.signal(signal.SIGTERM, exit_on_signal)
    child = Child(arguments, env, program)
    try:
        yield child
    finally:
        child.stop()


def exit_on_signal(number: int, _: FrameType | None) -> None:
    sys.exit(128 + number)


def gateway_env(upstream_url: str | None) -> dict[str, str]:
    """Return the gateway's settings; without an upstream it talks to its own embedded model."""
    env = {
        "OPENAI_API_KEY": "",  # a benchmark must not talk to a model that costs money
        "PARLEY_MODEL_MODE": "echo",  # nor to one that computes
        "PARLEY_AUTH_SECRET": secrets.token_hex(32),
        "PARLEY_LIMITS_CONNECTIONS": "2000",
        "PARLEY_LIMITS_CONNECTIONS_PER_USER": "2000",
    }
    if upstream_url:
        env |= {"PARLEY_UPSTREAM_URL": upstream_url, "PARLEY_UPSTREAM_API_KEY": "bench"}
    return env


def make_token(env: dict[str, str], *more: str) -> str:
    done = subprocess.run(
        [sys.executable, "run.py", "token", "--user", "bench", *more],
        cwd=ROOT,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=READY_TIMEOUT_S,
        check=False,
    )
    found = TOKEN_PATTERN.search(done.stdout)
    if not found:
        raise BenchError(f"run.py token gave no token\n{done.stdout}{done.stderr}")
    return found[0]


def http_url(websocket_url: str, path: str) -> str:
    """Return the URL of a page of the server behind a ws:// URL."""
    host = websocket_url.split("/")[2]
    return f"http://{host}{path}"


def get_json(url: str) -> dict | list:
    straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with straight.open(url, timeout=5) as answer:
        return json.load(answer)


def get_json_or_none(url: str) -> dict | None:
    with suppress(OSError, ValueError):
        return get_json(url)
    return None


def spread(values: Sequence[float]) -> str:
    """Median, and between which values it lies."""
    return f"{statistics.median(values):.0f} ({min(values):.0f}-{max(values):.0f})"


def print_table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    adjust: Callable[[str, int], str] = str.rjust,
) -> None:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, ["-" * width for width in widths], *rows):
        print(" | ".join(map(adjust, row, widths)).rstrip())
