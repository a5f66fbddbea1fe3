"""One session with one MCP server: dialled, watched, and closed behind the last call on it.

    dial -> list -> wait: the server says that its tools changed, a call failed, or 30 s are over
              ^______|

A listing is also how it is noticed that a server has gone, or come back without knowing us.  What
fails is the end of the session for new calls; those under way have outcomes of their own.
"""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version

from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CallToolRequest,
    CallToolResult,
    Implementation,
    InputRequiredResult,
    PaginatedRequestParams,
    ToolListChangedNotification,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter

from tornado_app.tools.mcp import guard
from tornado_app.tools.mcp.address import Address, Listed, ListedTool

LIST_AGAIN_S = 30.0
LISTEN_AGAIN_S = 0.5
ANSWER_S = 10.0
"""How long a server may take for anything but a call."""
PAGES_MAX = 50
CALM_S = 0.2
"""Between two listings, whatever a server says."""

_ANSWER: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(
    CallToolResult | InputRequiredResult
)


class Session:
    """Thread: the one of MCP."""

    def __init__(
        self, address: Address, wanted: frozenset[str], tell: Callable[[Listed], None]
    ) -> None:
        """*wanted* are the tools to look for; *tell* is called with each listing."""
        self._address = address
        self._wanted = wanted
        self._tell = tell
        self.is_lost = asyncio.Event()
        self.lost_by = "ended"
        self.listings = 0
        self._over: ClientSession | None = None
        """What calls are made over; None: it has not listed yet, or is given up."""
        self._is_doubted = asyncio.Event()
        """The tools may be others, or the server gone."""
        self._calls = 0
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()
        self.task = asyncio.ensure_future(self._live())

    @property
    def is_usable(self) -> bool:
        return self._over is not None

    def doubt(self) -> None:
        """Have it listed again."""
        self._is_doubted.set()

    async def send(
        self, request: CallToolRequest, timeout_s: float
    ) -> CallToolResult | InputRequiredResult:
        """What is answered to one call; the session stays open for it.

        Raises:
            MCPError: As the package does, and as if nobody were there, if it is not usable.
        """
        over = self._over
        if over is None:
            raise MCPError(guard.UNREACHABLE, "given_up", guard.OURS)
        self._calls += 1
        self._is_quiet.clear()
        try:
            return await over.send_request(request, _ANSWER, timeout_s)
        finally:
            self._calls -= 1
            if not self._calls:
                self._is_quiet.set()

    def close(self) -> None:
        """End it now, whatever is under way."""
        if self.is_lost.is_set():
            self._is_quiet.set()  # and no more: to cancel it would cost the goodbye
        else:
            self.task.cancel()

    async def _live(self) -> None:
        """All of it, in one task: a scope of the package is left by the task that entered it."""
        try:
            async with AsyncExitStack() as stack:
                client = await self._dialled(stack)
                try:
                    await self._watch(client)
                except Exception as error:  # noqa: BLE001  as below
                    self._lose(reason_of(error))
                finally:
                    self._over = None
                await self._is_quiet.wait()
        except Exception as error:  # noqa: BLE001  a library's groups may hold anything
            self._lose(reason_of(error))
        finally:
            self.is_lost.set()

    def _lose(self, reason: str) -> None:
        self._over = None
        if not self.is_lost.is_set():
            self.lost_by = reason
            self.is_lost.set()

    async def _dialled(self, stack: AsyncExitStack) -> Client:
        http = guard.GuardedClient(self._address, self.doubt)
        await stack.enter_async_context(http)
        client = Client(
            streamable_http_client(
                self._address.url,
                http_client=http,
                max_sse_event_size=guard.read_bytes(self._address),
            ),
            read_timeout_seconds=ANSWER_S,
            message_handler=self._hear,
            client_info=Implementation(name="parley", version=version("mcp")),
            cache=None,
        )
        async with asyncio.timeout(2 * ANSWER_S):
            return await stack.enter_async_context(client)

    async def _watch(self, client: Client) -> None:
        """List again and again until that fails, and raise why."""
        async with asyncio.TaskGroup() as tasks:
            if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
                tasks.create_task(self._listen(client))
            while True:
                try:
                    await self._list(client.session)
                except Exception as error:
                    self._lose(reason_of(error))  # at once: to stop listening may take a while
                    raise
                await asyncio.sleep(CALM_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LIST_AGAIN_S):
                        await self._is_doubted.wait()
                self._is_doubted.clear()

    async def _list(self, session: ClientSession) -> None:
        found: dict[str, ListedTool] = {}
        cursor = None
        async with asyncio.timeout(ANSWER_S):
            for _ in range(PAGES_MAX):
                page = await session.list_tools(params=PaginatedRequestParams(cursor=cursor))
                for tool in page.tools:
                    if tool.name in self._wanted:
                        words = tool.description or tool.title or tool.name
                        found[tool.name] = ListedTool(tool.name, words, dict(tool.input_schema))
                is_repeated, cursor = cursor == page.next_cursor, page.next_cursor
                if cursor is None or is_repeated or found.keys() == self._wanted:
                    break
        self._over = session
        self.listings += 1
        self._tell(Listed(tuple(found.values())))

    async def _listen(self, client: Client) -> None:
        """Hear of changes from a server of 2026-07-28 or later; older ones send a notification."""
        while True:
            pause_s = LIST_AGAIN_S
            with contextlib.suppress(MCPError, SubscriptionLost, TimeoutError):
                async with client.listen(tools_list_changed=True) as changes:
                    pause_s = LISTEN_AGAIN_S
                    self.doubt()  # what changed before it listened
                    async for _ in changes:
                        self.doubt()
            await asyncio.sleep(pause_s)

    async def _hear(self, message: object) -> None:
        if isinstance(message, ToolListChangedNotification | Exception):
            self.doubt()


def code_of(error: MCPError) -> int:
    """Its code; 0, if a server has used one of ours."""
    return guard.believed(error.code, error.data)


def reason_of(error: BaseException) -> str:
    """A word for the log, without anything that a server says."""
    if isinstance(error, BaseExceptionGroup):
        return reason_of(error.exceptions[0])
    if not isinstance(error, MCPError):
        return type(error).__name__
    return error.message if code_of(error) in guard.FAULTS else f"code_{error.code}"
