"""Which clients have something to read, asked for many of them at once."""

import select
import time
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable, Iterable
from typing import Protocol

from tornado_app.logs import get_logger

log = get_logger()

GREEDY_S = 0.001
"""How long in one burst those are read, all together, that had more to say than a turn takes: ten
clients that send as much as they can are not ten turns that everybody else waits for."""


class ReadWatch(Protocol):
    """Calls back when a socket can be read.  Thread: loop."""

    def watch(self, descriptor: int, callback: Callable[[], object]) -> None:
        """Call *callback* whenever *descriptor* has something to read, or its end.

        It says whether there was more to read than one turn takes.

        Raises:
            OSError: If the system watches no more.  Then it is not watched.
        """

    def watch_end(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call *callback*, instead, when the connection is cut, where the system can tell that of
        one that is not read.
        """

    def unwatch(self, descriptor: int) -> None:
        """Stop that; before the descriptor is closed."""

    def close(self) -> None:
        """Call nobody any more."""


def new_read_watch(loop: AbstractEventLoop, gather_s: float) -> ReadWatch:
    """The best that this system has."""
    return GatheredReadWatch(loop, gather_s) if hasattr(select, "epoll") else LoopReadWatch(loop)


class LoopReadWatch:
    """One wake-up for each socket, where there is no epoll.  Thread: loop."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop

    def watch(self, descriptor: int, callback: Callable[[], object]) -> None:
        self._loop.add_reader(descriptor, callback)

    def watch_end(self, descriptor: int, callback: Callable[[], None]) -> None:  # noqa: ARG002
        """Not to be had of an event loop; the next write finds it out."""
        self._loop.remove_reader(descriptor)

    def unwatch(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)

    def close(self) -> None:
        """Nothing is left to close."""


class GatheredReadWatch:
    """An epoll of its own inside the loop's: an idle server reads at once, a busy one in bursts.

    The kernel lets one epoll watch another (epoll(7), Q3).  What a burst brings is handled, handed
    to the pool and answered together, and between bursts the loop sleeps: waking up, and handing
    the interpreter's lock to and fro, costs more than the work on a chunk
    (docs/decisions/0012-bursts.md).  Thread: loop.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        gather_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*gather_s* is how far apart two bursts begin, unless one takes longer.

        *clock* goes on within a turn of the loop, as uvloop's own does not.
        """
        self._loop = loop
        self._gather_s = gather_s
        self._clock = clock
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._greedy: dict[int, None] = {}
        """Who had more to say than a turn takes; whoever was read last is the last."""
        self._polled_at = float("-inf")
        self._timer: TimerHandle | None = None
        loop.add_reader(self._epoll.fileno(), self._on_ready)

    def watch(self, descriptor: int, callback: Callable[[], object]) -> None:
        if self._epoll.closed:
            return
        if descriptor in self._callbacks:
            self._epoll.modify(descriptor, select.EPOLLIN)
        else:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._callbacks[descriptor] = callback

    def watch_end(self, descriptor: int, callback: Callable[[], None]) -> None:
        if descriptor in self._callbacks:
            # Errors and hang-ups are told always: epoll_ctl(2).  An end that stands behind what was
            # not read is none of them, so nothing that was sent is lost.
            self._epoll.modify(descriptor, 0)
            self._callbacks[descriptor] = callback

    def unwatch(self, descriptor: int) -> None:
        self._greedy.pop(descriptor, None)
        if self._callbacks.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        if self._epoll.closed:
            return
        self._callbacks.clear()
        self._greedy.clear()
        if self._timer is not None:
            self._timer.cancel()
        else:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _on_ready(self) -> None:
        """The loop tells that some socket is ready."""
        wait_s = self._polled_at + self._gather_s - self._clock()
        if wait_s <= 0:
            self._poll()
            return
        # From here on a timer asks: the loop is not to wake for each socket.
        self._loop.remove_reader(self._epoll.fileno())
        self._timer = self._loop.call_later(wait_s, self._on_timer)

    def _on_timer(self) -> None:
        found = True
        try:
            found = self._poll()
        finally:  # whatever happened: without timer or reader nobody would ever be read again
            self._timer = None
            if not self._epoll.closed:
                self._ask_again(found)

    def _ask_again(self, found: bool) -> None:
        if found:
            # From the beginning of this burst: what it took is not waited for once more.
            wait_s = self._polled_at + self._gather_s - self._clock()
            self._timer = self._loop.call_later(max(0.0, wait_s), self._on_timer)
        else:
            self._loop.add_reader(self._epoll.fileno(), self._on_ready)

    def _poll(self) -> bool:
        """Serve every socket that is ready, of the greedy some; whether there was one."""
        self._polled_at = self._clock()
        ready = self._epoll.poll(0)
        greedy = dict(self._greedy)
        for descriptor, _ in ready:
            if descriptor not in greedy:
                self._serve(descriptor)
        if greedy:
            self._serve_greedy(greedy, {descriptor for descriptor, _ in ready})
        return bool(ready)

    def _serve_greedy(self, greedy: Iterable[int], ready: set[int]) -> None:
        """Each in its turn: who is not reached in this burst is before the others in the next."""
        until = self._clock() + GREEDY_S
        for descriptor in greedy:
            if descriptor in ready:
                if self._clock() >= until:
                    return
                self._greedy.pop(descriptor, None)
                self._serve(descriptor)
            else:
                self._greedy.pop(descriptor, None)

    def _serve(self, descriptor: int) -> None:
        """A fault of one must not stop the burst, and with it the timer that begins the next."""
        # An earlier callback may have closed this one.
        callback = self._callbacks.get(descriptor)
        try:
            if callback is not None and callback() and descriptor in self._callbacks:
                self._greedy[descriptor] = None
        except Exception:
            log.exception("socket_callback_failed")
