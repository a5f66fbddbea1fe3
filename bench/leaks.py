"""Opens and closes many sessions, and tells whether the gateway is as big after as before.

Exits with 1 if it kept threads or file descriptors.  README.md says how sessions end.
"""

import argparse
import json
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import astuple, dataclass

import psutil
from websocket import WebSocket, create_connection

from bench.common import (
    BenchError,
    gateway_env,
    get_json_or_none,
    http_url,
    make_token,
    print_table,
    running,
)

WARM_UP_SESSIONS = 20
SETTLE_TIMEOUT_S = 10
SETTLE_STEP_S = 1
CLIENT_TIMEOUT_S = 10
CHUNK = bytes(960)  # 20 ms at 24 kHz
CHUNKS = 10


@dataclass(frozen=True)
class Size:
    """How big the gateway is."""

    threads: int
    descriptors: int
    rss_mb: float
    tasks: int | None

    def fits(self, base: "Size") -> bool:
        return self.threads <= base.threads and self.descriptors <= base.descriptors


@dataclass(frozen=True)
class Gateway:
    """A running gateway, and how to get in."""

    pid: int
    url: str
    token: str

    def open(self) -> WebSocket:
        header = [f"Authorization: Bearer {self.token}"]
        return create_connection(self.url, header=header, timeout=CLIENT_TIMEOUT_S)

    def size(self) -> Size:
        process = psutil.Process(self.pid)
        with process.oneshot():
            threads, rss = process.num_threads(), process.memory_info().rss
        descriptors = process.num_fds()
        health = get_json_or_none(http_url(self.url, "/healthz")) or {}
        return Size(threads, descriptors, rss / 1e6, health.get("tasks"))

    def settled_size(self) -> Size:
        """Wait until two readings in a row agree."""
        return self.poll(lambda before, now: now.fits(before) and before.fits(now))

    def size_after(self, base: Size) -> Size:
        """Wait until it is as small as it was."""
        return self.poll(lambda _, now: now.fits(base))

    def poll(self, is_enough: Callable[[Size, Size], bool]) -> Size:
        deadline_s = time.monotonic() + SETTLE_TIMEOUT_S
        now = self.size()
        while time.monotonic() < deadline_s:
            time.sleep(SETTLE_STEP_S)
            before, now = now, self.size()
            if is_enough(before, now):
                break
        return now


def wait_connected(client: WebSocket) -> None:
    while True:
        message = json.loads(client.recv() or "{}")
        if message.get("type") == "error" or not message:
            raise BenchError(f"the gateway refused a session: {message}")
        if message["type"] == "connection_status" and message["data"]["status"] == "connected":
            return


def close_cleanly(client: WebSocket) -> None:
    wait_connected(client)
    client.close()


def reset(client: WebSocket) -> None:
    wait_connected(client)
    cut(client)


def close_before_connected(client: WebSocket) -> None:
    client.close()


def speak_and_close(client: WebSocket) -> None:
    wait_connected(client)
    speak(client)
    client.close()


def speak_and_reset(client: WebSocket) -> None:
    wait_connected(client)
    speak(client)
    cut(client)


ENDINGS = (close_cleanly, reset, close_before_connected, speak_and_close, speak_and_reset)


def cut(client: WebSocket) -> None:
    """Reset the TCP connection without a word; SO_LINGER of 0 s makes close() do so."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.shutdown()


def speak(client: WebSocket) -> None:
    for _ in range(CHUNKS):
        client.send_binary(CHUNK)


def warm_up(gateway: Gateway) -> None:
    """Fill pools and caches: all sessions at once, so that no later moment needs more."""
    clients = [gateway.open() for _ in range(WARM_UP_SESSIONS)]
    for client in clients:
        wait_connected(client)
        speak(client)
    for client in clients:
        client.close()


def start_gateway(stack: ExitStack, local: bool) -> Gateway:
    upstream_url = None
    if not local:
        upstream_url = stack.enter_context(running("-m", "bench.fake_upstream")).read_url()
    env = gateway_env(upstream_url)
    child = stack.enter_context(running("run.py", "--port", "0", env=env))
    return Gateway(child.process.pid, child.read_url(), make_token(env))


def measure(cycles: int, base_after: int, local: bool) -> tuple[Size, Size]:
    """Return how big the gateway is after *base_after* sessions, and after *cycles* of them."""
    with ExitStack() as stack:
        gateway = start_gateway(stack, local)
        warm_up(gateway)
        cycle(gateway, range(base_after))
        base = gateway.settled_size()
        cycle(gateway, range(base_after, cycles))
        return base, gateway.size_after(base)


def cycle(gateway: Gateway, numbers: range) -> None:
    for number in numbers:
        ENDINGS[number % len(ENDINGS)](gateway.open())


def print_report(base: Size, after: Size) -> None:
    rows = [
        [name, *(f"{value:.1f}" if isinstance(value, float) else str(value) for value in values)]
        for name, values in (("before", astuple(base)), ("after", astuple(after)))
    ]
    print_table(["", "threads", "descriptors", "RSS MB", "tasks"], rows)
    print(f"RSS {(after.rss_mb / base.rss_mb - 1) * 100:+.1f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200)
    parser.add_argument("--base-after", type=int, default=0, help="cycles before the first reading")
    parser.add_argument("--local", action="store_true", help="use the gateway's embedded model")
    options = parser.parse_args()
    base, after = measure(options.cycles, options.base_after, options.local)
    print_report(base, after)
    sys.exit(not after.fits(base))


if __name__ == "__main__":
    main()
