"""Functions that may block, each call in a thread of its own.

A thread for each call costs some 100 us, which nobody hears, and leaves nothing to repair when one
of them never comes back: it is counted, and its place is given to another, up to a bound.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from tornado_app.logs import get_logger

log = get_logger()


class _Job:
    """One call.  Thread: loop."""

    def __init__(self, future: "asyncio.Future[Any]") -> None:
        self.future = future
        self.has_ended = False
        self.is_left = False
        """Nobody waits for it any more, and it still runs."""
        self.holds_place = True


class CallThreads:
    """At most *threads* calls at a time, and as many that were left running.  Thread: loop."""

    def __init__(self, threads: int, post: Callable[..., None]) -> None:
        self._post_threadsafe = post
        self._left_max = threads
        self._places = asyncio.Semaphore(threads)
        self.left = 0
        """So many run that nobody waits for."""

    async def run(self, name: str, work: Callable[[], Any]) -> Any:
        """What *work* returns or raises; waits for a place.  Cancelled, it leaves it running.

        Raises:
            RuntimeError: If the system has no thread left.
        """
        await self._places.acquire()
        job = _Job(asyncio.get_running_loop().create_future())
        thread = threading.Thread(
            target=self._work, args=(job, work), name=f"tool-{name}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            self._places.release()
            raise
        try:
            is_done, value = await job.future
        except asyncio.CancelledError:
            if not job.has_ended:
                self._leave(job, name)
            raise
        if is_done:
            return value
        raise value

    def _work(self, job: _Job, work: Callable[[], Any]) -> None:
        """Thread: the call's own."""
        outcome: tuple[bool, Any]
        try:
            outcome = True, work()
        except BaseException as error:  # noqa: BLE001  nothing may escape a thread's top function
            outcome = False, error
        self._post_threadsafe(self._ended, job, outcome)

    def _leave(self, job: _Job, name: str) -> None:
        """A thread cannot be ended: another may take its place."""
        self.left += 1
        job.is_left = True
        log.warning("tool_left_running", name=name, left=self.left)
        if self.left <= self._left_max:
            self._give_place(job)

    def _ended(self, job: _Job, outcome: tuple[bool, Any]) -> None:
        job.has_ended = True
        if job.is_left:
            self.left -= 1
        self._give_place(job)
        if not job.future.done():
            job.future.set_result(outcome)

    def _give_place(self, job: _Job) -> None:
        if job.holds_place:
            job.holds_place = False
            self._places.release()
