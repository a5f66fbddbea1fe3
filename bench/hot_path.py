"""Where the gateway's time goes under load: by thread, by part, by function.

README.md says what is counted, and how.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench.common import BenchError, print_table, running
from bench.runs import Upstream, load_run
from bench.targets import start_gateway

SAMPLES_PER_S = 500
FRAME = re.compile(r"(?P<function>.+) \((?P<file>[^():]+)(?::\d+)?\)$")
PARTS = {
    "tornado_app/session/": "session: what to do",
    "tornado_app/protocol/": "protocol: JSON both ways",
    "tornado_app/connection.py": "connection",
    "tornado_app/audio/pipeline.py": "audio pipeline",
    "tornado_app/upstream": "the model's socket",
    "tornado_app/client_side/writer.py": "client's socket, out",
    "tornado_app/client_side/strict_websocket.py": "client's socket, in",
    "tornado_app/handlers/": "handlers",
    "tornado_app/mailbox.py": "mailbox",
    "workers/": "audio",
    "numpy/": "audio",
    "scipy/": "audio",
    "tornado/": "Tornado",
    "websocket/": "websocket-client",
    "asyncio/": "event loop",
    "uvloop": "event loop",
    "selectors": "event loop",
    "threading.py": "threads",
    "queue.py": "threads",
    "concurrent/": "threads",
}


def py_spy(*arguments: str) -> str:
    program = Path(sys.executable).with_name("py-spy")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"py-spy failed; it may need root\n{done.stderr}")
    return done.stdout


def record(pid: int, seconds: float) -> Counter[tuple[str, ...]]:
    """Return how often each stack was seen with the interpreter's lock in its hand.

    Only these: whether a thread without it works or waits, a sampler cannot tell on every system.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stacks")
        py_spy(
            *("record", "--pid", str(pid), "--gil", "--duration", f"{seconds:.0f}"),
            *("--rate", str(SAMPLES_PER_S), "--full-filenames", "--format", "raw"),
            *("--output", str(path)),
        )
        stacks: Counter[tuple[str, ...]] = Counter()
        for line in path.read_text().splitlines():
            stack, _, count = line.rpartition(" ")
            stacks[tuple(stack.split(";"))] += int(count)
    return stacks


def kinds(pid: int) -> dict[int, str]:
    """Return what each thread of the process is there for."""
    threads = json.loads(py_spy("dump", "--json", "--pid", str(pid)))
    return {thread["os_thread_id"]: kind_of(thread["thread_name"] or "") for thread in threads}


def kind_of(name: str) -> str:
    if name == "MainThread":
        return "loop"
    return {"up": "up-: the model's sockets", "audio": "audio_: the pool"}.get(
        re.split("[-_]", name)[0], "others"
    )


def thread_times(pid: int) -> dict[int, tuple[float, float]]:
    """Return user and system time of each thread, in s."""
    threads = psutil.Process(pid).threads()
    return {thread.id: (thread.user_time, thread.system_time) for thread in threads}


def print_threads(
    before: dict[int, tuple[float, float]],
    after: dict[int, tuple[float, float]],
    names: dict[int, str],
    chunks: float,
) -> None:
    sums: dict[str, list[float]] = {}
    for thread, times in after.items():
        kind = sums.setdefault(names.get(thread, "others"), [0.0, 0.0])
        for place, (late, early) in enumerate(zip(times, before.get(thread, (0, 0)), strict=True)):
            kind[place] += (late - early) / chunks * 1e6
    total_us = sum(map(sum, sums.values()))
    rows = [
        [kind, f"{user_us:.0f}", f"{system_us:.0f}", f"{(user_us + system_us) / total_us:.0%}"]
        for kind, (user_us, system_us) in sorted(sums.items(), key=lambda one: -sum(one[1]))
    ]
    print_table(["thread", "user us/chunk", "system us/chunk", "share"], rows, adjust=str.ljust)


def part_of(stack: tuple[str, ...]) -> str:
    """The part that the innermost frame belongs to that belongs to one."""
    for frame in reversed(stack):
        for path, part in PARTS.items():
            if path in frame:
                return part
    return "others"


def function_of(stack: tuple[str, ...]) -> str:
    found = FRAME.match(stack[-1])
    if found is None:
        return stack[-1]
    return f"{found['function']} ({'/'.join(found['file'].split('/')[-2:])})"


def shares(names: Counter[str], most: int) -> list[list[str]]:
    total = names.total()
    return [[name, f"{count / total:.1%}"] for name, count in names.most_common(most)]


def counted(stacks: Counter[tuple[str, ...]], name: object) -> Counter[str]:
    names: Counter[str] = Counter()
    for stack, count in stacks.items():
        names[name(stack)] += count
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=80)
    parser.add_argument("--chunk-ms", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--functions", type=int, default=20, help="how many are listed")
    options = parser.parse_args()
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(running("-m", "bench.fake_upstream")))
        target = start_gateway(stack, upstream.url, 48_000)
        pid = target.child.process.pid
        seconds = 2 * options.seconds + 3
        with load_run(target, upstream, options.sessions, seconds, options.chunk_ms) as run:
            run.begin()
            names = kinds(pid)
            # The clocks first, by themselves: a sampler stops the process for every sample.
            before, before_ms = thread_times(pid), run.audio_ms()
            time.sleep(options.seconds)
            after, after_ms = thread_times(pid), run.audio_ms()
            stacks = record(pid, options.seconds)
            run.end()
            run.mark("sent", seconds)
            run.close()
    print_threads(before, after, names, (after_ms - before_ms) / options.chunk_ms)
    print()
    for head, name, most in (
        ("part, of what holds the interpreter's lock", part_of, 20),
        ("function, by itself", function_of, options.functions),
    ):
        print_table([head, "share"], shares(counted(stacks, name), most), adjust=str.ljust)
        print()
    held = stacks.total() / (options.seconds * SAMPLES_PER_S)
    print(f"{stacks.total()} samples; the lock was held {held:.0%} of the time")


if __name__ == "__main__":
    main()
