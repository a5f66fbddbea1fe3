"""The local model as its users start it."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

KEY = "sk-local-model"
MODEL = "gpt-realtime-2.1"
"""What both agents SDKs ask for unless they are told otherwise."""

BYTES_PER_MS = 48
DEADLINE_S = 25
READY = re.compile(r"Local Realtime server ready: ws://(127\.0\.0\.1:\d+)/v1/realtime\n")


@dataclass(frozen=True)
class Program:
    """A running ``python -m local_realtime``."""

    process: subprocess.Popen[str]
    address: str
    """Host and port."""

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
def running(mode: str, port: str = "0") -> Iterator[Program]:
    """The program with a key; a mistake of its own, which it logs, fails the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "local_realtime", "--mode", mode, "--port", port],
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
            _, logged = process.communicate(timeout=10)
            assert "Traceback" not in logged
        finally:
            process.kill()


async def output_of(*command: str | Path, **environment: str) -> tuple[str, str]:
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
        async with asyncio.timeout(DEADLINE_S):
            printed, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, (printed, complaints)
    return printed.decode(), complaints.decode()
