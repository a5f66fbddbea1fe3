"""Has records added up by a process of its own: many of them would hold the interpreter."""

import asyncio
import contextlib
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from pathlib import Path

import msgspec

from tornado_app.cores import start_child
from tornado_app.logs import get_logger
from tornado_app.settings.schema import Usage
from tornado_app.usage.statement import Answer, Order, Statement, Unreadable, Wanted
from tornado_app.usage.trouble import word_of

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "tornado_app.usage.statement")
TIMEOUT_S = 20.0
"""With `END_S` less than a parent waits for one of its processes to do something."""
DEATH_S = 2.0
"""For one that has said all; it is over in some milliseconds."""
END_S = 5.0
ANSWER_BYTES = 4 << 20
"""500 sums are some 250 KB."""
READ_BYTES = 1 << 16


class NoPlace(Exception):
    """Records are written nowhere that they can be read."""


class Busy(Exception):
    """One statement is being made."""


class Unstated(Exception):
    """Nothing came of it."""

    def __init__(self, setting: str, why: str) -> None:
        super().__init__(f"{setting}: {why}")
        self.setting = setting
        """That names the place."""
        self.why = why
        """In a word."""


class Accountant:
    """One statement at a time, however many ask.  Thread: loop."""

    def __init__(self, program: Sequence[str] = PROGRAM, timeout_s: float = TIMEOUT_S) -> None:
        self._program = program
        self._timeout_s = timeout_s
        self._is_busy = False

    async def state(self, settings: Usage, wanted: Wanted) -> Statement:
        """The sums that are *wanted*, of PostgreSQL, if its address is set, and else of SQLite.

        Raises:
            NoPlace: If neither is set.
            Busy: If somebody else's is being made.
            Unstated: If it cannot be read, or takes too long.
        """
        setting = "usage.postgres_url" if settings.postgres_url else "usage.database"
        if not settings.postgres_url and not settings.database:
            raise NoPlace
        if self._is_busy:
            raise Busy
        path = str(ROOT / settings.database) if settings.database else ""
        order = Order(wanted, path, settings.postgres_url.reveal())
        self._is_busy = True
        try:
            found = await self._ask(msgspec.json.encode(order))
        finally:
            self._is_busy = False
        if isinstance(found, Unreadable):
            get_logger().warning("usage_unread", setting=setting, why=found.why)
            raise Unstated(setting, found.why)
        return found

    async def _ask(self, order: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._timeout_s):
                found: Answer = msgspec.json.decode(await self._run(order), type=Answer)
        except TimeoutError:
            return Unreadable("timeout")
        except OSError as error:
            return Unreadable(word_of(error))
        except msgspec.DecodeError:
            return Unreadable("died")
        return found

    async def _run(self, order: bytes) -> bytes:
        process = await start_child(
            *self._program,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,  # a trace there could hold an address with its password
            cwd=ROOT,
            env=_environment(),
        )
        try:
            return await _told(process, order)
        finally:
            await _end(process)


async def _told(process: Process, order: bytes) -> bytes:
    """All that it says; of more than may be nothing."""
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        return b""
    with contextlib.suppress(ConnectionError):  # one that has ended answers nothing
        stdin.write(order)
        await stdin.drain()
    stdin.close()
    try:
        await stdout.readexactly(ANSWER_BYTES)
    except asyncio.IncompleteReadError as whole:
        # asyncio loses the end of one that is killed when it is dead already, and warns of it.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DEATH_S):
                await process.wait()
        return whole.partial
    return b""


async def _end(process: Process) -> None:
    """Kill it, stopped or not; it has nothing to keep."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            # asyncio calls a process ended when its output is read as well.
            while process.stdout is not None and await process.stdout.read(READ_BYTES):
                pass
            await process.wait()


def _environment() -> dict[str, str]:
    """PostgreSQL's library reads some of it, and the user's home; secrets of ours stay here."""
    return {name: text for name, text in os.environ.items() if not name.startswith("PARLEY_")}
