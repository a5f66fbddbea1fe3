"""The tools of the server while their file changes: each call goes on with those it began with."""

import asyncio
from collections import Counter

from tornado_app.tools.toolbox import Toolbox


class Succession:
    """Thread: loop."""

    def __init__(self, first: Toolbox) -> None:
        self.current = first
        """What calls have that begin now."""
        self._held_by: dict[str, Toolbox] = {}
        self._before: Counter[Toolbox] = Counter()
        """Those that were current, and how many calls still have each."""
        self._ending: set[asyncio.Task[None]] = set()

    def hold(self, session_id: str) -> Toolbox:
        """A call begins; `leave` is to follow."""
        self._held_by[session_id] = self.current
        return self.current

    def leave(self, session_id: str) -> None:
        """It is over; nothing, if it was already."""
        held = self._held_by.pop(session_id, None)
        if held is not None and held in self._before:
            self._before[held] -= 1
            self._end_unheld(held)

    def follow(self, toolbox: Toolbox) -> None:
        """*toolbox* is current from now on; the one before ends with the last of its calls."""
        before, self.current = self.current, toolbox
        self._before[before] = sum(held is before for held in self._held_by.values())
        self._end_unheld(before)

    async def stop(self) -> None:
        """End all of them."""
        for toolbox in (*self._before, self.current):
            await toolbox.stop()
        self._before.clear()
        if self._ending:
            await asyncio.wait(self._ending)

    def _end_unheld(self, toolbox: Toolbox) -> None:
        if not self._before[toolbox]:
            del self._before[toolbox]
            task = asyncio.ensure_future(toolbox.stop())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
