"""The one way from threads to the loop: coalesced, so that many posts cost one wake-up."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from tornado_app.logs import get_logger

log = get_logger()

AT_ONCE = 4
"""Deliveries in close succession before they are spaced: a link that opens says three things, and
nobody is to wait for them on a server with little to do."""
TURN_S = 0.004
"""What a delivery takes of one turn of the loop, and the callback that is over it: there are
sockets and timers to look after as well.  A callback takes from 20 us to a millisecond, so it is
time that is counted.
"""


class Mailbox:
    """Callbacks on their way to the loop.  Thread: loop, but for `post_threadsafe`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        gather_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*gather_s* is how far apart two deliveries are at least while there is much to deliver.

        The first `AT_ONCE` after a pause come at once.  *clock* goes on within a turn of the loop,
        as a loop's own need not.
        """
        self._loop = loop
        self._gather_s = gather_s
        self._clock = clock
        self._waiting: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()
        self._scheduled = False
        self._rest: asyncio.TimerHandle | None = None
        self._delivered_at = float("-inf")
        self._in_succession = 0
        self.refused = 0
        """How many posts found the loop closed."""

    def post_threadsafe(self, callback: Callable[..., object], *args: object) -> None:
        """Have the loop call *callback*, after everything posted before it by this thread."""
        # Nothing posted is left lying.  A poster appends, then looks at the flag; `_deliver`
        # clears the flag, then looks at the deque.  So a poster that finds the flag up has
        # appended before it is cleared, and the delivery it stands for takes the callback along.
        # Two posters may both find it down: the second delivery finds less to do, or nothing.
        self._waiting.append((callback, args))
        if self._scheduled:
            return
        self._scheduled = True
        try:
            self._loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is closed: a thread has outlived it
            self._scheduled = False
            self._waiting.clear()
            self.refused += 1

    def _deliver(self) -> None:
        """Run what has been posted so far, or as much of it as one turn of the loop may take.

        What these callbacks post waits for the next turn.
        """
        self._scheduled = False
        count, until = len(self._waiting), self._clock() + TURN_S
        for done in range(count):
            if done and self._clock() >= until:
                self._again()
                return
            callback, args = self._waiting.popleft()
            try:
                callback(*args)
            except (Exception, asyncio.CancelledError):  # what is behind it must be delivered
                log.exception("mailbox_callback_failed")
        if self._gather_s and count and self._rest is None and self._is_busy():
            # With the flag up no poster wakes the loop: the timer looks, and rests when there is
            # nothing.
            self._scheduled = True
            self._rest = self._loop.call_later(self._gather_s, self._on_rested)
        elif self._waiting and self._rest is None:
            self._again()

    def _is_busy(self) -> bool:
        """Whether this delivery is one of many: the last was hardly longer ago than a rest."""
        now = self._loop.time()
        is_close = now - self._delivered_at < 2 * self._gather_s
        self._in_succession = self._in_succession + 1 if is_close else 1
        self._delivered_at = now
        return self._in_succession >= AT_ONCE

    def _again(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._deliver)

    def _on_rested(self) -> None:
        self._rest = None
        self._deliver()
