"""A program in a terminal of a certain size, and what a person sees there."""

import asyncio
import contextlib
import fcntl
import os
import struct
import sys
import termios
from collections.abc import Callable

import pyte

from tests.calls.house import ROOT

WAIT_S = 60.0
LINES = 40


class PseudoTerminal:
    """Thread: loop."""

    def __init__(self, columns: int) -> None:
        self._size = (LINES, columns)
        self._screen = pyte.Screen(columns, LINES)
        self._stream = pyte.ByteStream(self._screen)
        self._news = asyncio.Event()
        self.raw = b""

    @property
    def text(self) -> str:
        """All lines, without what is empty behind and below them."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip() + "\n"

    async def start(self, *words: str, **environ: str) -> None:
        """Run ``run.py`` with *words*."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PARLEY_", "OPENAI_")) and name not in {"COLUMNS", "NO_COLOR"}
        }
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *self._size, 0, 0))
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "run.py", *words),
            cwd=ROOT,
            env=kept | {"TERM": "xterm"} | environ,
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        asyncio.get_running_loop().add_reader(self._master, self._read)

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    async def until(self, seen: Callable[[str], bool]) -> str:
        """What is to be seen when *seen* says so of it."""
        async with asyncio.timeout(WAIT_S):
            while not seen(self.text):
                self._news.clear()
                await self._news.wait()
        return self.text

    async def end(self) -> int:
        """The exit code; all that was written has been read."""
        try:
            async with asyncio.timeout(WAIT_S):
                code = await self._process.wait()
        finally:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            with contextlib.suppress(OSError):
                while self._read():
                    pass
            asyncio.get_running_loop().remove_reader(self._master)
            os.close(self._master)
        return code

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            asyncio.get_running_loop().remove_reader(self._master)
            return False
        self.raw += data
        self._stream.feed(data)
        self._news.set()
        return bool(data)
