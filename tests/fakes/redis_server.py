"""A real server of Redis for tests: started on a free port, without a disk, and ended again."""

import shutil
import signal
import socket
import subprocess
import time
from typing import Self

import pytest

from tests.fakes.upstream import unused_port

WAIT_S = 20.0
PROGRAM = shutil.which("redis-server") or shutil.which("valkey-server")


def needs_redis() -> None:
    """Skip a whole file of tests, in one line, where there is no server or no package."""
    if PROGRAM is None:
        pytest.skip("there is no redis-server", allow_module_level=True)
    # Imported here, which takes a while, and not on the loop of a test.
    reason = "the package is not installed: requirements-redis.txt"
    pytest.importorskip("redis.asyncio", reason=reason)


class RedisServer:
    """Is there for as long as a ``with``."""

    def __init__(self) -> None:
        self.port = unused_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Return when it answers."""
        assert PROGRAM is not None
        where = ["--port", str(self.port), "--bind", "127.0.0.1"]
        memory = ["--save", "", "--appendonly", "no", "--dir", "/"]
        self._process = subprocess.Popen([PROGRAM, *where, *memory], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + WAIT_S
        while not self._answers():
            assert time.monotonic() < deadline, "redis-server does not start"
            assert self._process.poll() is None, "redis-server has ended"
            time.sleep(0.01)

    def kill(self) -> None:
        """Everything in it is lost."""
        self._process.kill()
        self._process.wait(WAIT_S)

    def pause(self) -> None:
        """It takes connections, and answers nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *words: str) -> str:
        """The answer to one command, as it comes over the wire."""
        with socket.create_connection(("127.0.0.1", self.port), WAIT_S) as link:
            parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
            link.sendall(f"*{len(words)}\r\n{''.join(parts)}*1\r\n$4\r\nQUIT\r\n".encode())
            said = b""
            while piece := link.recv(65_536):
                said += piece
        return said.decode().removesuffix("+OK\r\n")

    def keys(self, prefix: str) -> set[str]:
        """Those that are there of the gateways that share *prefix*."""
        lines = self.ask("KEYS", f"{{{prefix}:*").split("\r\n")
        return {line for line in lines if line.startswith("{")}

    def flush(self) -> None:
        self.ask("FLUSHALL")

    def _answers(self) -> bool:
        try:
            return self.ask("PING") == "+PONG\r\n"
        except OSError:
            return False
