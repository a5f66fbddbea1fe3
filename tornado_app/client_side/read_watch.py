"""Which clients have something to read, asked for many of them at once."""

import select
import time
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable, Iterable
from typing import Protocol

from tornado_app.logs import get_logger

log = get_logger()

BURST_S = 0.002
"""How long in one burst the turns of those last, all together, that were not greedy before.  Then
each has the shortest that there is: a hundred that begin to send as much as they can are not a
hundred turns that everybody else waits for."""

GREEDY_S = 0.001
"""How long in one burst those are read, all together, that had more to say than a turn takes: ten
clients that send as much as they can are not ten turns that everybody else waits for."""

Turn = Callable[[float], object]
"""Reads one client until that moment of `time.monotonic` at the latest, but something always; says
whether there is more."""


class ReadWatch(Protocol):
    """Calls back when a socket can be read.  Thread: loop."""

    def watch(self, descriptor: int, callback: Turn) -> None:
        """Call *callback* when *descriptor* has something to read, or its end, and as long as
        it says that there is more.

        Raises:
            OSError: If the system watches no more.  Then it is not watched.
        """

    def go_on(self, descriptor: int) -> None:
        """Call it again, as if it had said that there is more."""

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
    """One wake-up for each socket, where there is no epoll.  Thread: loop.

    Those who are called in one turn of the loop have the time of a burst together, as elsewhere.
    """

    def __init__(
        self, loop: AbstractEventLoop, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._turns: dict[int, Turn] = {}
        self._until: float | None = None
        """The end of that time; None: nobody has been called in this turn of the loop."""

    def watch(self, descriptor: int, callback: Turn) -> None:
        self._loop.add_reader(descriptor, self._serve, descriptor)
        self._turns[descriptor] = callback

    def go_on(self, descriptor: int) -> None:
        self._loop.call_soon(self._serve, descriptor)

    def watch_end(self, descriptor: int, callback: Callable[[], None]) -> None:  # noqa: ARG002
        """Not to be had of an event loop; the next write finds it out."""
        self.unwatch(descriptor)

    def unwatch(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        self._turns.pop(descriptor, None)

    def _serve(self, descriptor: int) -> None:
        turn = self._turns.get(descriptor)
        if turn is None:
            return
        if self._until is None:
            self._until = self._clock() + BURST_S
            # The loop does it before it calls anybody once more.
            self._loop.call_soon(self._begin_anew)
        if turn(self._until):
            self.go_on(descriptor)

    def _begin_anew(self) -> None:
        self._until = None

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
        self._turns: dict[int, Turn] = {}
        self._ends: dict[int, Callable[[], None]] = {}
        self._greedy: dict[int, None] = {}
        """Who had more to say than a turn takes; whoever was read last is the last."""
        self._polled_at = float("-inf")
        self._timer: TimerHandle | None = None
        loop.add_reader(self._epoll.fileno(), self._on_ready)

    def watch(self, descriptor: int, callback: Turn) -> None:
        if self._epoll.closed:
            return
        if descriptor in self._turns or descriptor in self._ends:
            self._epoll.modify(descriptor, select.EPOLLIN)
        else:
            self._epoll.register(descriptor, select.EPOLLIN)
        self._ends.pop(descriptor, None)
        self._turns[descriptor] = callback

    def go_on(self, descriptor: int) -> None:
        if descriptor in self._turns:
            self._greedy[descriptor] = None
            if self._timer is None:
                self._rest()

    def watch_end(self, descriptor: int, callback: Callable[[], None]) -> None:
        if descriptor in self._turns:
            # Errors and hang-ups are told always: epoll_ctl(2).  An end that stands behind what was
            # not read is none of them, so nothing that was sent is lost.
            self._epoll.modify(descriptor, 0)
            del self._turns[descriptor]
            self._ends[descriptor] = callback
            self._greedy.pop(descriptor, None)

    def unwatch(self, descriptor: int) -> None:
        self._greedy.pop(descriptor, None)
        was_read = self._turns.pop(descriptor, None) is not None
        if self._ends.pop(descriptor, None) is not None or was_read:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        if self._epoll.closed:
            return
        for kept in (self._turns, self._ends, self._greedy):
            kept.clear()
        if self._timer is not None:
            self._timer.cancel()
        else:
            self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _on_ready(self) -> None:
        """The loop tells that some socket is ready."""
        if self._clock() < self._polled_at + self._gather_s:
            # From here on a timer asks: the loop is not to wake for each socket.
            self._rest()
            return
        try:
            self._poll()
        finally:
            if self._greedy and self._timer is None:
                self._rest()

    def _rest(self) -> None:
        """Have a timer ask, and no longer the loop."""
        self._loop.remove_reader(self._epoll.fileno())
        self._start_timer()

    def _start_timer(self) -> None:
        """As far from the beginning of the last burst as two are apart, whatever that took."""
        wait_s = self._polled_at + self._gather_s - self._clock()
        self._timer = self._loop.call_later(max(0.0, wait_s), self._on_timer)

    def _on_timer(self) -> None:
        found = True
        try:
            found = self._poll()
        finally:  # whatever happened: without timer or reader nobody would ever be read again
            self._timer = None
            if self._epoll.closed:
                pass
            elif found or self._greedy:
                self._start_timer()
            else:
                self._loop.add_reader(self._epoll.fileno(), self._on_ready)

    def _poll(self) -> bool:
        """Serve every socket that is ready, of the greedy some; whether one was ready."""
        self._polled_at = self._clock()
        until = self._polled_at + BURST_S
        greedy = dict(self._greedy)
        ready = self._epoll.poll(0)
        for descriptor, events in ready:
            if descriptor in self._turns:
                if descriptor not in greedy:
                    self._serve(descriptor, until)
            elif not events & select.EPOLLIN:
                self._end(descriptor)
        if greedy:
            self._serve_greedy(greedy)
        return bool(ready)

    def _serve_greedy(self, greedy: Iterable[int]) -> None:
        """Each in its turn: who is not reached in this burst is before the others in the next."""
        until = self._clock() + GREEDY_S
        for descriptor in greedy:
            if self._clock() >= until:
                return
            # An earlier turn may have closed or paused this one.
            if descriptor in self._greedy:
                del self._greedy[descriptor]
                self._serve(descriptor, until)

    def _serve(self, descriptor: int, until: float) -> None:
        """A fault of one must not stop the burst, and with it the timer that begins the next."""
        try:
            if self._turns[descriptor](until) and descriptor in self._turns:
                self._greedy[descriptor] = None
        except Exception:
            log.exception("socket_callback_failed")

    def _end(self, descriptor: int) -> None:
        """Of one that is not read; what it had to say before it was paused is no end."""
        end = self._ends.get(descriptor)
        try:
            if end is not None:
                end()
        except Exception:
            log.exception("socket_callback_failed")
