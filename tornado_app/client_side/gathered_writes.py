"""One timer for all the writes of a process that may wait for company."""

import asyncio
from collections.abc import Callable

GATHER_S = 0.05
"""How long an acknowledgement may wait for the next: two or three of 20 ms chunks come together."""


class GatheredWrites:
    """Writes all together that have joined, *gather_s* after the first of them.  Thread: loop.

    A timer for each client is armed and cancelled some twenty times a second; this one costs a
    client no more than its place in a list.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, gather_s: float = GATHER_S) -> None:
        self._loop = loop
        self._gather_s = gather_s
        self._joined: list[Callable[[], None]] = []

    def join(self, write: Callable[[], None]) -> None:
        """Have *write* called once, within `gather_s`."""
        if not self._joined:
            self._loop.call_later(self._gather_s, self._write_all)
        self._joined.append(write)

    def _write_all(self) -> None:
        joined, self._joined = self._joined, []
        for write in joined:
            # Each as a callback of its own: a fault of one client's is not another's.
            self._loop.call_soon(write)
