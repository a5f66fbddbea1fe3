"""A loop for asynchronous functions, in a thread of its own.

On the gateway's loop a function that blocks would stop all calls, and a watchdog could only say so.
On one of its own it stops others like it; that loop is left to itself then, up to a bound, and the
next call has a new one.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

from tornado_app.logs import get_logger

log = get_logger()

STUCK_S = 1.0
"""A function that was cancelled has ended by then, or its loop does not turn."""
JOIN_S = 1.0


class OtherLoop:
    """Starts with the first call.  Thread: the gateway's loop."""

    def __init__(self, left_max: int, post: Callable[..., None]) -> None:
        """*left_max* is how many stuck loops may be left before no call is taken any more."""
        self._left_max = left_max
        self._post_threadsafe = post
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._left: set[asyncio.AbstractEventLoop] = set()

    @property
    def left(self) -> int:
        """So many loops are stuck; one that turns again, and so ends, is not counted any more."""
        return len(self._left)

    async def run(self, name: str, begin: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """What the coroutine returns or raises.  Cancelled, it is cancelled too.

        Raises:
            RuntimeError: If too many loops are stuck, or the system has no thread left.
        """
        other = self._loop or self._start()
        done = asyncio.get_running_loop().create_future()
        running = asyncio.run_coroutine_threadsafe(begin(), other)

        def post(ended: "Future[Any]") -> None:
            self._post_threadsafe(_settle, done, ended)

        running.add_done_callback(post)
        try:
            await done
        except asyncio.CancelledError:
            if not other.is_closed():  # else the library logs that it cannot be told
                running.cancel()
            turned = threading.Event()
            # Behind the cancellation: a loop that turns has come to this, too.
            with contextlib.suppress(RuntimeError):  # it was stuck, and has been closed since
                other.call_soon_threadsafe(turned.set)
            self._look_later(name, other, turned)
            raise
        return running.result()

    async def stop(self) -> None:
        """End what runs, as far as it can be ended."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        self._loop = self._thread = None
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.get_running_loop().run_in_executor(None, thread.join, JOIN_S)

    def _look_later(
        self, name: str, other: asyncio.AbstractEventLoop, turned: threading.Event
    ) -> None:
        def look() -> None:
            if other is self._loop and not turned.is_set():
                self._left.add(other)
                log.warning("tool_left_running", name=name, left=self.left)
                # Should it ever turn again, it ends.
                with contextlib.suppress(RuntimeError):
                    other.call_soon_threadsafe(other.stop)
                self._loop = self._thread = None

        asyncio.get_running_loop().call_later(STUCK_S, look)

    def _start(self) -> asyncio.AbstractEventLoop:
        if self.left >= self._left_max:
            raise RuntimeError("too many stuck loops")
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._turn, args=(loop,), name="tool-loop", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            loop.close()
            raise
        self._loop, self._thread = loop, thread
        return loop

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        """Thread: the other loop's own."""
        asyncio.set_event_loop(loop)
        try:
            # What ends a program, in a task that a tool has begun, comes up here.
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()
            with contextlib.suppress(SystemExit, KeyboardInterrupt):
                _end_tasks(loop)
        finally:
            loop.close()
            with contextlib.suppress(RuntimeError):  # it has outlived the gateway's
                self._post_threadsafe(self._ended, loop)

    def _ended(self, loop: asyncio.AbstractEventLoop) -> None:
        """Whether it was left or ended by itself: the next call has another."""
        self._left.discard(loop)
        if loop is self._loop:
            self._loop = self._thread = None


def _settle(done: "asyncio.Future[None]", _: "Future[Any]") -> None:
    if not done.done():
        done.set_result(None)


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Thread: the loop's own."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
