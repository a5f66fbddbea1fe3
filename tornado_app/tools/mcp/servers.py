"""The MCP servers of the operator's file, as the gateway's loop knows them, and their tools."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from parley_tools import Caller
from tornado_app.policy.schemas import BadSchema, check_schema, fault_of
from tornado_app.protocol.realtime.functions import NO_MANNERS, Function, Manners
from tornado_app.rare_lines import RareLines
from tornado_app.tools.arguments import BadArguments, decoded
from tornado_app.tools.entries import DESCRIPTION_CHARACTERS
from tornado_app.tools.mcp.address import Address, Away, Listed, ListedTool
from tornado_app.tools.mcp.loop_thread import LoopThread
from tornado_app.tools.result import Result

if TYPE_CHECKING:
    from tornado_app.tools.mcp.keeper import Keeper  # the package may not be there

READY_S = 5.0
STOP_S = 4.0
SCHEMA_BYTES = 65_536
LINES_PER_MINUTE = 10
"""Of each kind and server: one whose tools change all the time may not fill a disk."""


@dataclass(eq=False)
class McpTool:
    """One tool of a server, by the name that the operator has written down.  Thread: loop."""

    name: str
    """What the model calls it."""
    listed_name: str
    """What the server calls it."""
    server: "McpServer" = field(repr=False)
    function: Function | None = field(default=None, repr=False)

    @property
    def scopes(self) -> frozenset[str]:
        return self.server.scopes

    async def call(self, arguments: str, caller: Caller) -> Result:
        function = self.function
        if function is None:
            return Result.fault("The tool is not there any more.", detail="not_listed")
        try:
            given = decoded(arguments)
        except BadArguments as bad:
            return Result.fault(str(bad), "invalid_arguments")
        fault = fault_of(function.parameters, given)
        if fault is not None:
            return Result.fault(fault, "invalid_arguments")
        meta = {
            "parley/call_id": caller.call_id,
            "parley/session_id": caller.session_id,
            "parley/user_id": caller.user_id,
        }
        if caller.traceparent is not None:  # as OpenTelemetry's conventions for MCP have it
            meta["traceparent"] = caller.traceparent
        return await self.server.call(self.listed_name, given, meta)


class McpServer:
    """Thread: loop."""

    def __init__(
        self,
        label: str,
        address: Address,
        names: Mapping[str, str],
        timeout_s: float,
        scopes: frozenset[str],
        *,
        manners: Manners = NO_MANNERS,
    ) -> None:
        """*names* are the tools that may be used: as the server calls them, and as the model."""
        self.label = label
        self.address = address
        self.scopes = scopes
        self.tools = [McpTool(told, listed, self) for listed, told in names.items()]
        self.has_answered = asyncio.Event()
        """For the first time, or has been found away."""
        self._timeout_s = timeout_s
        self._manners = manners
        self._thread: LoopThread | None = None
        self._keeper: Keeper | None = None
        self._lines: RareLines | None = None

    def held_by(self, keeper: "Keeper", thread: LoopThread) -> None:
        """From now on *keeper* has the session with it."""
        self._keeper, self._thread = keeper, thread
        self._lines = RareLines(asyncio.get_running_loop(), LINES_PER_MINUTE)

    def left(self) -> None:
        """Nothing is written of it any more."""
        if self._lines is not None:
            self._lines.close()

    async def call(self, name: str, arguments: dict[str, Any], meta: Any) -> Result:
        """Perform one call, in the thread of MCP."""
        keeper, thread = self._keeper, self._thread
        if keeper is None or thread is None:
            return Result.fault("The tool cannot be reached.", detail="away")
        return await thread.run(keeper.call(name, arguments, meta, self._timeout_s + 1.0))

    def heard(self, state: Listed | Away) -> None:
        """Something has changed there.

        What a call has begun with it keeps: a tool of a server that is away is still told of, so
        that a model can say that it does not answer.
        """
        lines = self._lines
        if isinstance(state, Listed):
            self._take(state, lines)
        elif lines is not None:
            lines.log("mcp_server_away", server=self.label, reason=state.reason)
        self.has_answered.set()

    def _take(self, listed: Listed, lines: RareLines | None) -> None:
        found = {tool.name: tool for tool in listed.tools}
        missing: list[str] = []
        refused: list[str] = []
        for tool in self.tools:
            tool.function = None
            as_listed = found.get(tool.listed_name)
            if as_listed is None:
                missing.append(tool.listed_name)
                continue
            try:
                tool.function = function_of(tool.name, as_listed, self._timeout_s, self._manners)
            except ValueError as error:
                refused.append(f"{tool.listed_name}: {error}")
        there = sum(tool.function is not None for tool in self.tools)
        if lines is None:
            return
        lines.log("mcp_tools", server=self.label, tools=there)
        if missing or refused:
            lines.log("mcp_tools_missing", server=self.label, missing=missing, refused=refused)


def function_of(
    name: str, listed: ListedTool, timeout_s: float, manners: Manners = NO_MANNERS
) -> Function:
    """What the model is told of a tool that a server lists.

    Raises:
        ValueError: With words for the operator, if the model could not be told.
    """
    if len(listed.description) > DESCRIPTION_CHARACTERS:
        raise ValueError(f"its description is longer than {DESCRIPTION_CHARACTERS} characters")
    parameters = {"properties": {}} | listed.parameters
    try:
        size_bytes = len(msgspec.json.encode(parameters))
        listed.description.encode()
    except (ValueError, TypeError, RecursionError):
        raise ValueError("it cannot be told as JSON") from None
    if size_bytes > SCHEMA_BYTES:  # to look at a megabyte takes a quarter of a second
        raise ValueError(f"its parameters are longer than {SCHEMA_BYTES} bytes")
    try:
        check_schema(parameters)
    except BadSchema as bad:
        raise ValueError(f"its parameters must be {bad}") from None
    return Function(name, listed.description, parameters, timeout_s, manners)


class McpServers:
    """All of them, and the thread that they share.  Thread: loop."""

    def __init__(self, servers: Sequence[McpServer], post: Callable[..., None]) -> None:
        """*post* has the loop call something, from any thread."""
        self._servers = servers
        self._post_threadsafe = post
        self._thread: LoopThread | None = None
        self._keepers: list[Keeper] = []
        self._starting: asyncio.Future[None] | None = None

    def start(self) -> None:
        """Dial them all; returns at once."""
        # A second and 40 MB, which is much for those who have no such server.
        from tornado_app.tools.mcp.keeper import Keeper  # noqa: PLC0415

        self._thread = thread = LoopThread("mcp-loop")
        for server in self._servers:
            names = frozenset(tool.listed_name for tool in server.tools)
            tell = partial(self._post_threadsafe, server.heard)
            keeper = Keeper(server.address, names, tell)
            server.held_by(keeper, thread)
            self._keepers.append(keeper)
        self._starting = asyncio.ensure_future(thread.run(_all(k.start() for k in self._keepers)))

    async def ready(self) -> None:
        """Return when each has answered or is known to be away, or it has taken too long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_S):
                for server in self._servers:
                    await server.has_answered.wait()

    async def stop(self) -> None:
        """Say goodbye to all, and end the thread."""
        if self._thread is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._thread.run(_all(keeper.stop() for keeper in self._keepers))
        await self._thread.stop()
        for server in self._servers:
            server.left()


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*works)
