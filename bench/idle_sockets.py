"""Silent sockets by the thousand and broken requests, and what a client notices of them.

Tells what each attack costs: bytes of log, CPU, and how long somebody with a token waits to get in.
"""

import argparse
import selectors
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from websocket import WebSocketException, create_connection

from bench.common import BenchError, Child, gateway_env, make_token, print_table, running

TOKEN_TIMEOUT_S = 10.0
CONNECT_TIMEOUT_S = 0.2
PAUSE_S = 0.25
"""Between two tries of the client."""
CLIENT_HOST = "127.0.0.2"
"""The attacker comes from 127.0.0.1."""
FILES = 1024
"""What most systems allow a process unless it asks."""
HEADERS = "Host: localhost\r\n"
WRONG_METHOD = f"POST /ws HTTP/1.1\r\n{HEADERS}\r\n".encode()
LEAST_SOCKETS = 64


class Crowd:
    """Sockets that say nothing; one that is closed is opened anew.  Thread: its own."""

    def __init__(self, address: tuple[str, int], size: int) -> None:
        self._address = address
        self._size = size
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextmanager
    def present(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._thread.join()

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            open_sockets = 0
            while not self._stopping.is_set():
                while open_sockets < self._size and (sock := self._connect()) is not None:
                    selector.register(sock, selectors.EVENT_READ)
                    open_sockets += 1
                for key, _ in selector.select(0.05):
                    selector.unregister(key.fileobj)
                    key.fileobj.close()
                    open_sockets -= 1
            for key in list(selector.get_map().values()):
                key.fileobj.close()

    def _connect(self) -> socket.socket | None:
        """One more, or None while the server's queue is full."""
        with suppress(OSError):
            return socket.create_connection(self._address, CONNECT_TIMEOUT_S)
        return None


class Shouter:
    """Wrong requests, one behind the other on one connection.  Thread: its own."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    @contextmanager
    def present(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            with suppress(OSError), socket.create_connection(self._address, 5) as sock:
                while not self._stopping.is_set():
                    sock.sendall(WRONG_METHOD)
                    if not sock.recv(65_536):
                        break


def address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return str(parts.hostname), int(parts.port or 80)


def wait_of_client(url: str, token: str) -> float:
    """Seconds until somebody with a token is in; infinity if that takes too long."""
    address = address_of(url)
    begun = time.monotonic()
    while time.monotonic() - begun < TOKEN_TIMEOUT_S:
        left_s = TOKEN_TIMEOUT_S - (time.monotonic() - begun)
        with suppress(OSError, WebSocketException):
            header = [f"Authorization: Bearer {token}"]
            sock = socket.create_connection(address, left_s, source_address=(CLIENT_HOST, 0))
            client = create_connection(url, header=header, timeout=left_s, socket=sock)
            waited = time.monotonic() - begun
            client.close(timeout=1)
            return waited
        time.sleep(0.05)
    return float("inf")


def measure(
    child: Child, url: str, token: str, seconds: float, attack: Callable[[], object]
) -> list[str]:
    """One row: log, CPU, and the client's waits while *attack* goes on."""
    with attack():  # type: ignore[attr-defined]
        time.sleep(1.0)
        log_bytes, cpu_s, begun = len(child.log_text()), child.cpu_s(), time.monotonic()
        waits = []
        while time.monotonic() - begun < seconds:
            waits.append(wait_of_client(url, token))
            time.sleep(PAUSE_S)
        passed = time.monotonic() - begun
        cpu = (child.cpu_s() - cpu_s) / passed
        log = len(child.log_text()) - log_bytes
    failed = sum(wait == float("inf") for wait in waits)
    return [
        f"{log / passed / 1000:.1f}",
        f"{100 * cpu:.0f} %",
        f"{1000 * statistics.median(waits):.0f}",
        f"{1000 * max(waits):.0f}",
        f"{failed} of {len(waits)}",
    ]


@contextmanager
def nobody() -> Iterator[None]:
    yield


def run(sockets: int, seconds: float, files: int) -> None:
    env = gateway_env(None)
    token = make_token(env)
    command = f'ulimit -n {files} && exec "{sys.executable}" run.py --port 0'
    rows = []
    with running("-c", command, env=env, program="/bin/sh") as child:
        url = child.read_url()
        address = address_of(url)
        attacks: dict[str, Callable[[], object]] = {
            "nobody": nobody,
            f"{sockets} silent sockets": lambda: Crowd(address, sockets).present(),
            "wrong methods": lambda: Shouter(address).present(),
        }
        for name, attack in attacks.items():
            rows.append([name, *measure(child, url, token, seconds, attack)])
    print_table(["attack", "log kB/s", "CPU", "in ms", "at worst", "not in"], rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.idle_sockets", description=__doc__)
    parser.add_argument("--sockets", type=int, default=1100)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each attack")
    parser.add_argument("--files", type=int, default=FILES, help="ulimit -n of the gateway")
    options = parser.parse_args()
    if options.sockets < LEAST_SOCKETS:
        parser.error(f"--sockets: must be at least {LEAST_SOCKETS}")
    try:
        run(options.sockets, options.seconds, options.files)
    except BenchError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
