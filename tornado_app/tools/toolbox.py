"""All tools of the server, which call has which, and the tasks that perform them."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any

from tornado_app.protocol.realtime.functions import Function
from tornado_app.tools.result import Tool

STOP_S = 2.0


class Toolbox:
    """Thread: loop."""

    def __init__(
        self,
        tools: Iterable[Tool] = (),
        ends: Iterable[Callable[[], Coroutine[Any, Any, None]]] = (),
    ) -> None:
        """*ends* are called in the end, for what tools share."""
        self._tools = {tool.function.name: tool for tool in tools}
        self._ends = tuple(ends)
        self._tasks: set[asyncio.Task[None]] = set()

    def functions(self, scopes: Collection[str]) -> tuple[Function, ...]:
        """What a call with these scopes may use."""
        held = frozenset(scopes)
        return tuple(
            tool.function
            for tool in self._tools.values()
            if not tool.scopes or not held.isdisjoint(tool.scopes)
        )

    def names(self, scopes: Collection[str]) -> frozenset[str]:
        """What those are called."""
        return frozenset(function.name for function in self.functions(scopes))

    @property
    def all_functions(self) -> tuple[Function, ...]:
        return tuple(tool.function for tool in self._tools.values())

    def find(self, name: str) -> Tool:
        """Raises `KeyError` if there is none; a session asks for what it was given only."""
        return self._tools[name]

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Perform *work*, which ends by itself or is cancelled; it is held until it has ended."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def stop(self) -> None:
        """End all calls and connections."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_S)
        for end in self._ends:
            await end()
