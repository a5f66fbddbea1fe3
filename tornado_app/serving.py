"""A server, from its start until a signal ends it."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import Callable
from functools import partial

from terminal.signals import ignore_hangups, take_hangups
from tornado_app.heap import take_from_one_pool
from tornado_app.logs import get_logger
from tornado_app.reloading import House, Reading
from tornado_app.server import Server
from tornado_app.settings.schema import Settings
from tornado_app.sharing import ASKED, Listening, Share


async def serve(
    settings: Settings,
    house: House,
    reading: Reading,
    announce: Callable[[Listening], None],
    share: Share | None = None,
) -> int | None:
    """Run until a signal ends it; a second one does so at once, but for one that is `ASKED`.
    SIGHUP has it read again.

    Returns the signal if it came before the server listened, else None.
    """
    reloading = asyncio.Event()
    stopping = _on_signals(reloading)
    if share is not None:
        _end_with_parent(stopping)
    take_from_one_pool(os.environ)
    server = Server(settings, house, reading, share)
    told = asyncio.ensure_future(stopping.get())
    try:
        if not await _started(server, told):
            return told.result()
        # What lives now lives to the end: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)
        announce(server.listening())
        reloader = asyncio.ensure_future(_reload(server, reloading))
        try:
            await _drained(server, told, stopping)
        finally:
            reloader.cancel()
    finally:
        told.cancel()
        ignore_hangups()
    return None


async def _started(server: Server, told: "asyncio.Future[int]") -> bool:
    """Start *server*; False if it was told to end meanwhile, and nothing of it is left."""
    start = asyncio.ensure_future(server.start())
    await asyncio.wait((start, told), return_when=asyncio.FIRST_COMPLETED)
    if start.done():
        start.result()
        return True
    start.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await start
        await server.stop()  # it was ready in the same moment
    return False


async def _drained(
    server: Server, told: "asyncio.Future[int]", stopping: "asyncio.Queue[int]"
) -> None:
    try:
        await told
        drain = asyncio.ensure_future(server.drain())
        again = asyncio.ensure_future(_insisted(told.result(), stopping))
        await asyncio.wait((drain, again), return_when=asyncio.FIRST_COMPLETED)
        if drain.done():
            drain.result()
        for task in (drain, again):
            task.cancel()
    finally:
        await server.stop()


async def _insisted(first: int, stopping: "asyncio.Queue[int]") -> None:
    """Wait for the second signal that is to end it."""
    left = 2 if first == ASKED else 1
    while left:
        left -= await stopping.get() != ASKED


def _end_with_parent(stopping: "asyncio.Queue[int]") -> None:
    """Drain when standard input ends, which nobody but the parent holds."""
    loop = asyncio.get_running_loop()

    def look() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            if not stopping.full():
                stopping.put_nowait(signal.SIGTERM)

    loop.add_reader(0, look)


async def _reload(server: Server, reloading: asyncio.Event) -> None:
    """One reading at a time; whoever asks meanwhile gets one more."""
    while True:
        await reloading.wait()
        reloading.clear()
        try:
            await server.reload()
        except Exception:  # noqa: BLE001  a fault of ours; the calls know nothing of it
            get_logger().exception("reload_failed")


def _on_signals(reloading: asyncio.Event) -> "asyncio.Queue[int]":
    has_terminal = os.isatty(2)
    signals: asyncio.Queue[int] = asyncio.Queue(4)

    def note(number: int) -> None:
        if not signals.full():
            signals.put_nowait(number)

    def on_hangup() -> None:
        if has_terminal and not os.isatty(2):  # somebody has closed its window
            note(signal.SIGHUP)
        else:
            reloading.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, ASKED):
        loop.add_signal_handler(number, partial(note, number))
    take_hangups(partial(loop.call_soon_threadsafe, on_hangup))
    return signals
