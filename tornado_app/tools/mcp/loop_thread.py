"""A loop in a thread of its own, for a library that is asyncio and not ours.

Listings and results of any size are parsed there, so that no audio waits for it.
Nothing of an operator's runs on it: it is not expected to be stuck, as those of Python tools are.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

JOIN_S = 1.0

T = TypeVar("T")


class LoopThread:
    """Thread: the gateway's loop."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._turn, name=name, daemon=True)
        self._thread.start()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What *work* returns or raises.  Cancelled, it is cancelled too."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def stop(self) -> None:
        """End what runs, and the thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, JOIN_S)

    def _turn(self) -> None:
        """Thread: the other loop's own."""
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()
