"""Several processes of one gateway: started, started again, told to end.  They do the rest."""

import asyncio
import contextlib
import itertools
import os
import secrets
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec

from compiling import loading
from terminal.addresses import reachable
from terminal.signals import ignore_hangups, take_hangups
from tornado_app.admission.call_counts import mark_gone
from tornado_app.admission.shared_places import new_file
from tornado_app.binding import bind_server
from tornado_app.commands.one_administration import OneAdministration
from tornado_app.commands.one_page import OnePage
from tornado_app.cores import start_child
from tornado_app.handlers.admin.passing_on import passing_on_routes
from tornado_app.logs import get_logger
from tornado_app.settings.schema import Settings
from tornado_app.sharing import ASKED, LINE_BYTES, Listening, Model, Restarts, Share
from tornado_app.upstream.embedded import EmbeddedModel, chat_environment
from tornado_app.upstream.endpoint import listed

ROOT = Path(__file__).resolve().parents[2]
READY_S = 120.0
"""For a child to listen: tools of servers that are away take some seconds, a busy computer more."""
DRAINED_S = 3700.0
"""Longer than `server.drain_s` can be."""
CANNOT_START = 71
"""In place of an exit code: the system has no room for another process (sysexits.h, EX_OSERR)."""
ENDED_S = 30.0
"""After a second signal."""


def count_of(settings: Settings) -> int:
    """How many processes are wanted; 1: this one, as ever."""
    if settings.server.processes:
        return settings.server.processes
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Parent:
    """Has no gateway of its own.  Thread: loop."""

    def __init__(self, settings: Settings, arguments: list[str]) -> None:
        """*arguments* are those of the command line, which each child gets as well."""
        self._settings = settings
        self._arguments = arguments
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._listening_now: set[int] = set()
        self._readings = 0
        """How often it was asked that settings be read again."""
        self._leaving = asyncio.Event()
        self._is_told = False
        """To end, by a signal that was not only `ASKED`."""
        self._signals: asyncio.Queue[int] = asyncio.Queue(4)
        self._places = new_file()
        self._model: EmbeddedModel | None = None
        self._parent_key = secrets.token_urlsafe(24)
        count = count_of(settings)
        self._administration = OneAdministration(
            reachable(settings.metrics.host),
            lambda: self._page.ports,
            self._parent_key,
            count=count,
            are_shared=bool(settings.shared.redis_url),
        )
        routes = passing_on_routes(self._administration.answer)
        self._page = OnePage(settings.metrics, count, lambda: self._model, routes)
        self._code = 0
        self._log = get_logger()

    async def run(self, announce: Callable[[Listening], None]) -> int:
        """The exit code: 0, if it was told to end; that of a child that did not start; 1 if one
        died too often.

        Raises:
            OSError: If the address cannot be listened on.
            RuntimeError: If the model on this computer does not start.
        """
        self._take_signals()
        with _reserved(self._settings) as port:
            try:
                self._page.start()
                model = await self._start_model()
                await self._keep_all(partial(Share, port=port, model=model), announce)
            finally:
                await self._page.stop()
                self._administration.close()
                if self._model is not None:
                    await self._model.stop()
                os.close(self._places)
                ignore_hangups()
        self._log.info("stopped", clean=self._code == 0)
        return self._code

    async def _keep_all(
        self, share: Callable[..., Share], announce: Callable[[Listening], None]
    ) -> None:
        count = count_of(self._settings)
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(count)]
        outboxes = [ours.fileno() for ours, _ in pairs]
        ready = [asyncio.get_running_loop().create_future() for _ in range(count)]
        keepers = [
            asyncio.ensure_future(
                self._kept(
                    share(
                        index=index,
                        places=self._places,
                        inbox=pairs[index][1].fileno(),
                        outboxes=outboxes,
                        parent_key=self._parent_key,
                    ),
                    ready[index],
                )
            )
            for index in range(count)
        ]
        telling = asyncio.ensure_future(self._tell_signals())
        try:
            listening = await asyncio.gather(*ready)
            if listening[0] is not None and not self._leaving.is_set():
                announce(msgspec.structs.replace(listening[0], metrics_port=self._page.port))
            await asyncio.gather(*keepers)
        finally:
            telling.cancel()
            await self._kill()
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            for each in itertools.chain(*pairs):
                each.close()

    async def _kept(self, share: Share, ready: "asyncio.Future[Listening | None]") -> None:
        """As `_keep`; whatever becomes of it, nobody waits for it to listen."""
        try:
            await self._keep(share, ready)
        finally:
            if not ready.done():
                ready.set_result(None)

    async def _keep(self, share: Share, ready: "asyncio.Future[Listening | None]") -> None:
        """Have one child run until all end."""
        restarts = Restarts()
        while not self._leaving.is_set():
            begun_at = time.monotonic()
            is_first, readings = not ready.done(), self._readings
            try:
                process = await self._start(share)
            except OSError:  # no memory for one more, now; the others go on
                listening, code = None, CANNOT_START
            else:
                listening = await self._listening(process)
                self._hear_of(share.index, listening)
                if listening is not None and readings != self._readings:
                    _send(process, signal.SIGHUP)  # it may have read them before
                if is_first:
                    ready.set_result(listening)
                code = await self._end_of(share.index, process)
            if self._leaving.is_set():
                return
            self._log.error("process_died", process=share.index, exit_code=code)
            rest_s = restarts.after(time.monotonic() - begun_at)
            if rest_s is None or (is_first and listening is None):
                self._log.error("processes_given_up", process=share.index)
                self._code = code if is_first and code > 0 else 1
                self._leave(signal.SIGTERM)
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest_s):
                    await self._leaving.wait()

    def _hear_of(self, index: int, listening: Listening | None) -> None:
        if listening is not None:
            self._listening_now.add(index)
            self._page.listens(index, listening.metrics_port)

    async def _end_of(self, index: int, process: asyncio.subprocess.Process) -> int:
        """Its exit code, when it has ended."""
        code = await process.wait()
        del self._processes[index]
        self._listening_now.discard(index)
        mark_gone(self._places, index)
        self._page.left(index, is_missed=not self._leaving.is_set())
        return code

    async def _start(self, share: Share) -> asyncio.subprocess.Process:
        process = await start_child(
            sys.executable,
            str(ROOT / "run.py"),
            *self._arguments,
            "--child",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=(share.places, share.inbox, *share.outboxes),
            env=os.environ | loading.code().for_children(),
            limit=LINE_BYTES,
        )
        self._processes[share.index] = process
        if process.stdin is not None:
            process.stdin.write(msgspec.json.encode(share) + b"\n")
        if self._leaving.is_set():  # it was told while this one was being started
            _send(process, signal.SIGTERM)
        return process

    async def _listening(self, process: asyncio.subprocess.Process) -> Listening | None:
        """What it says when it listens; None: it has ended, or is ended for being too late."""
        line = b""
        if process.stdout is not None:
            with contextlib.suppress(TimeoutError, ValueError):
                async with asyncio.timeout(READY_S):
                    line = await process.stdout.readline()
        try:
            return msgspec.json.decode(line, type=Listening)
        except msgspec.DecodeError:
            if process.returncode is None and not self._leaving.is_set() and line:
                _send(process, signal.SIGKILL)
            return None

    async def _start_model(self) -> Model | None:
        settings = self._settings
        if None not in listed(settings).values():
            return None
        how = settings.model
        model = EmbeddedModel(how.mode, how.pace, how.fault, chat_environment(how), keeps_port=True)
        await model.start()
        self._model = model
        return Model(model.endpoint.url, model.endpoint.api_key)

    def _take_signals(self) -> None:
        has_terminal, loop = os.isatty(2), asyncio.get_running_loop()

        def note(number: int) -> None:
            if number == signal.SIGHUP and has_terminal and not os.isatty(2):
                number = signal.SIGTERM  # somebody has closed its window
            if not self._signals.full():
                self._signals.put_nowait(number)

        for number in (signal.SIGTERM, signal.SIGINT, ASKED):
            loop.add_signal_handler(number, partial(note, number))
        take_hangups(partial(loop.call_soon_threadsafe, note, signal.SIGHUP))

    async def _tell_signals(self) -> None:
        """Pass on what comes; the children know what a second one means."""
        while True:
            number = await self._signals.get()
            if number == signal.SIGHUP:
                # One that is being started would die of it, and is told when it listens.
                self._readings += 1
                for index in self._listening_now:
                    _send(self._processes[index], number)
            else:
                self._leave(number)
                limit_s = ENDED_S if self._is_told else DRAINED_S
                asyncio.get_running_loop().call_later(limit_s, self._send_all, signal.SIGKILL)
                self._is_told |= number != ASKED

    def _leave(self, number: int) -> None:
        if not self._leaving.is_set():
            self._log.info("draining", processes=len(self._processes))
        self._leaving.set()
        self._send_all(number)

    def _send_all(self, number: int) -> None:
        for process in self._processes.values():
            _send(process, number)

    async def _kill(self) -> None:
        """Leave nobody behind, whatever went wrong."""
        for process in tuple(self._processes.values()):
            _send(process, signal.SIGKILL)
            await process.wait()


@contextlib.contextmanager
def _reserved(settings: Settings) -> Iterator[int]:
    """A port at which nobody listens but those whom we start; it is held, and not listened at."""
    server = settings.server
    with contextlib.ExitStack() as tried:
        # As one that shares with nobody: it has to be free.
        sockets = bind_server(server.port, server.host)
        addresses = [(each.family, each.getsockname()) for each in sockets]
        for each in sockets:
            tried.callback(each.close)
    with contextlib.ExitStack() as held:
        for family, address in addresses:
            holder = held.enter_context(socket.socket(family, socket.SOCK_STREAM))
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family == socket.AF_INET6:
                holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            holder.bind(address)
        yield addresses[0][1][1]


def _send(process: asyncio.subprocess.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
