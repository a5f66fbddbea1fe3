"""What the stock clients call, as its users start it: the local model, or the gateway before it."""

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEALING_KEY = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQeZk3q9vPx1Lw"
KEY = "sk-local-model"
MODEL = "gpt-realtime-2.1"
"""What both agents SDKs ask for unless they are told otherwise."""

BYTES_PER_MS = 48
DEADLINE_S = 100
READY = re.compile(r"Local Realtime server ready: ws://(127\.0\.0\.1:\d+)/v1/realtime\n")


AT_GATEWAY = os.environ.get("PARLEY_CLIENTS_AT") == "gateway"
"""Else the clients call the local model itself."""
IS_CHOSEN = "PARLEY_CLIENTS_AT" in os.environ
"""In `make clients`, which has more time than `make test`."""


@dataclass(frozen=True)
class Program:
    """A running ``python -m local_realtime``, or a gateway."""

    process: subprocess.Popen[str]
    address: str
    """Host and port."""
    key: str = KEY

    @property
    def port(self) -> str:
        return self.address.partition(":")[2]

    @property
    def base_url(self) -> str:
        return f"http://{self.address}/v1"

    @property
    def websocket_url(self) -> str:
        return f"ws://{self.address}/v1/realtime?model={MODEL}"


@contextmanager
def running(mode: str, *options: str, port: str = "0") -> Iterator[Program]:
    """The program with a key; a mistake of its own, which it logs, fails the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local_realtime", "--mode", mode, "--port", port, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LOCAL_REALTIME_API_KEY": KEY},
    )
    with process:
        try:
            ready = READY.fullmatch(process.stdout.readline())
            assert ready, process.stderr.read()
            yield Program(process, ready[1])
            process.terminate()
            _, logged = process.communicate(timeout=60)
            assert "Traceback" not in logged
        finally:
            process.kill()


@contextmanager
def gateway(mode: str, **changes: str) -> Iterator[Program]:
    """A gateway before the local model, with a key that it has printed for its users."""
    environ = {
        "PARLEY_SERVER_PORT": "0",
        "PARLEY_UPSTREAM_URL": "local",
        "PARLEY_MODEL_MODE": mode,
        "PARLEY_AUTH_SEALING_KEY": SEALING_KEY,
        "PARLEY_LIMITS_CONNECTIONS_PER_USER": "100",
        **changes,
    }
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "run.py"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, **environ},
        )
        with process:
            try:
                yield _announced(process)
                process.terminate()
                process.wait(30)
                log.seek(0)
                logged = log.read()
                assert "Traceback" not in logged, logged
                assert "session_failed" not in logged, logged
            finally:
                process.kill()


def _announced(process: subprocess.Popen[str]) -> Program:
    printed = ""
    while (line := process.stdout.readline()) and "OPENAI_API_KEY" not in line:
        printed += line
    address = re.search(r"OPENAI_BASE_URL=http://(\S+)/v1", printed)
    key = re.search(r"OPENAI_API_KEY=(\S+)", line)
    assert address, printed
    assert key, printed
    return Program(process, address[1], key[1])


def called(mode: str) -> AbstractContextManager[Program]:
    """What the clients call this time."""
    return gateway(mode) if AT_GATEWAY else running(mode)


async def output_of(
    *command: str | Path, deadline_s: float = DEADLINE_S, **environment: str
) -> tuple[str, str]:
    """What a client's program prints, and what it complains about, run where its file is.

    The agents SDKs are kept from sending their own spans to the web.
    """
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=Path(command[1]).parent,
        env={**os.environ, "OPENAI_AGENTS_DISABLE_TRACING": "1", **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(deadline_s):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, (printed, complaints)
    return printed.decode(), complaints.decode()
