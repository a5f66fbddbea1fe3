"""All tools of the server, which call has which, and the tasks that perform them."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any, Protocol

from tornado_app.protocol.realtime.functions import Function, HandedServer
from tornado_app.tools.result import Tool
from tornado_app.tools.summary import Summary

STOP_S = 2.0


class Servers(Protocol):
    """Whoever has tools to be asked for while the gateway runs."""

    def start(self) -> None:
        """Ask for them from now on."""

    async def ready(self) -> None:
        """Return when all have answered once, or it has taken too long."""

    async def stop(self) -> None:
        """End all that was started."""


class Toolbox:
    """Thread: loop."""

    def __init__(
        self,
        tools: Iterable[Tool] = (),
        ends: Iterable[Callable[[], Coroutine[Any, Any, None]]] = (),
        *,
        servers: Servers | None = None,
        handed: Iterable[HandedServer] = (),
        summary: Summary | None = None,
    ) -> None:
        """*ends* are called in the end, for what tools share."""
        self._tools = {tool.name: tool for tool in tools}
        self._ends = tuple(ends)
        self._servers = servers
        self._handed = tuple(handed)
        self.summary = summary
        """None: what is too old of a conversation is left out."""
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def all_names(self) -> frozenset[str]:
        """What no other tool may be called, also of those that nobody performs now."""
        return frozenset(self._tools)

    def functions(self, scopes: Collection[str]) -> tuple[Function, ...]:
        """What a call with these scopes may use that begins now."""
        held = frozenset(scopes)
        return tuple(
            tool.function
            for tool in self._tools.values()
            if tool.function is not None and (not tool.scopes or not held.isdisjoint(tool.scopes))
        )

    def names(self, scopes: Collection[str]) -> frozenset[str]:
        """What those are called."""
        return frozenset(function.name for function in self.functions(scopes))

    def handed(self, scopes: Collection[str]) -> tuple[HandedServer, ...]:
        """Whose tools the model of such a call calls itself."""
        held = frozenset(scopes)
        servers = self._handed
        return tuple(s for s in servers if not s.scopes or not held.isdisjoint(s.scopes))

    @property
    def summary_timeout_s(self) -> float:
        """0: there is nobody who sums up."""
        return 0.0 if self.summary is None else self.summary.timeout_s

    @property
    def handed_labels(self) -> tuple[str, ...]:
        return tuple(server.label for server in self._handed)

    @property
    def all_told(self) -> tuple[Function | HandedServer, ...]:
        """What a model is told of that has all of it."""
        functions = (tool.function for tool in self._tools.values())
        there = (function for function in functions if function is not None)
        return (*there, *self._handed)

    def find(self, name: str) -> Tool:
        """Raises `KeyError` if there is none; a session asks for what it was given only."""
        return self._tools[name]

    def begin(self) -> None:
        """Ask the servers of tools what they have, from now on."""
        if self._servers is not None:
            self._servers.start()

    async def ready(self) -> None:
        """Return when the servers of tools have answered, or it has taken too long."""
        if self._servers is not None:
            await self._servers.ready()

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
        if self._servers is not None:
            await self._servers.stop()
        for end in self._ends:
            await end()
