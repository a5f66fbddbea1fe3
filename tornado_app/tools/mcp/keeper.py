"""One session with one MCP server, held as long as the gateway runs.

    dial -> list -> wait: the server says that its tools changed, a call failed, or 30 s are over
      ^       ^______________|
      |_______ back-off ______ whatever fails on the way

A listing is also how it is noticed that a server has gone, or come back without knowing us.
"""

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AsyncExitStack
from importlib.metadata import version
from typing import Any

from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    CallToolRequest,
    CallToolRequestParams,
    CallToolResult,
    Implementation,
    InputRequiredResult,
    PaginatedRequestParams,
    RequestParamsMeta,
    ToolListChangedNotification,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import TypeAdapter, ValidationError

from tornado_app.tools.mcp import guard
from tornado_app.tools.mcp.address import Address, Away, Listed, ListedTool
from tornado_app.tools.mcp.results import result_of
from tornado_app.tools.result import Result

LIST_AGAIN_S = 30.0
ANSWER_S = 10.0
"""How long a server may take for anything but a call."""
FIRST_PAUSE_S = 0.5
PAUSE_MAX_S = 15.0
RENEW_S = 3.0
"""How long a call waits for a server that has just gone, or has forgotten the session."""
PAGES_MAX = 50
CALM_S = 0.2
"""Between two listings, whatever a server says."""
STOP_S = 2.0
SENTENCE_CHARACTERS = 500

_ANSWER: TypeAdapter[CallToolResult | InputRequiredResult] = TypeAdapter(
    CallToolResult | InputRequiredResult
)
_OF_THE_PACKAGE = {CONNECTION_CLOSED, REQUEST_TIMEOUT, PARSE_ERROR}
"""What it says itself of an answer that did not come; the words may be the server's."""
_UNREACHABLE = Result.fault("The tool cannot be reached.", detail="away")


class Keeper:
    """Thread: the one of MCP, but for what it is made with."""

    def __init__(
        self, address: Address, wanted: frozenset[str], tell: Callable[[Listed | Away], None]
    ) -> None:
        """*wanted* are the tools to look for; *tell* is called with whatever is new."""
        self._address = address
        self._wanted = wanted
        self._tell = tell
        self._told: Listed | Away | None = None
        self._session: ClientSession | None = None
        self._is_doubted = asyncio.Event()
        """The tools may be others, or the server gone."""
        self._is_renewed = asyncio.Event()
        self._away_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Dial, and again whenever the server is gone, from now on."""
        self._away_since = asyncio.get_running_loop().time()
        self._task = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        """Say goodbye."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=STOP_S)

    async def call(
        self, name: str, arguments: dict[str, Any], meta: RequestParamsMeta, timeout_s: float
    ) -> Result:
        """Perform one call; it is asked for once more only if nobody has begun with it."""
        params = CallToolRequestParams(name=name, arguments=arguments, _meta=meta)
        request = CallToolRequest(params=params)
        session = self._session or await self._renewed(None)
        if session is None:
            return _UNREACHABLE
        try:
            try:
                answer = await session.send_request(request, _ANSWER, timeout_s)
            except MCPError as error:
                if _code_of(error) not in guard.NOT_PERFORMED:
                    raise
                session = await self._renewed(session)
                if session is None:
                    return _UNREACHABLE
                answer = await session.send_request(request, _ANSWER, timeout_s)
        except MCPError as error:
            return self._fault(error)
        except (ValidationError, ValueError, RuntimeError) as error:
            sentence = "The tool answered with something that is no result."
            return Result.fault(sentence, detail=type(error).__name__)
        if isinstance(answer, InputRequiredResult):
            sentence = "The tool asks for something that it cannot be given here."
            return Result.fault(sentence, detail="input_required")
        return result_of(answer, self._address.result_bytes)

    async def _renewed(self, old: ClientSession | None) -> ClientSession | None:
        """The session that follows *old*, if it comes soon, as it does when a server is restarted.

        For one that has been away for longer nobody waits.
        """
        now = asyncio.get_running_loop().time()
        since = now if self._away_since is None else self._away_since
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(since + RENEW_S):
                while self._session is None or self._session is old:
                    self._is_renewed.clear()
                    await self._is_renewed.wait()
        return self._session if self._session is not old else None

    def _fault(self, error: MCPError) -> Result:
        """What a failed call is for the model, and for the log."""
        code, word = _code_of(error), error.message
        match code:
            case guard.UNREACHABLE | guard.STRANGER:
                return Result.fault("The tool cannot be reached.", detail=word)
            case guard.BROKEN_OFF:
                return Result.fault("The tool broke off its answer.", detail=word)
            case guard.ELSEWHERE:
                sentence = "The tool sent the request elsewhere, where it may not go."
                return Result.fault(sentence, detail=word)
            case guard.REFUSED:
                sentence = f"The tool answered with status {word.removeprefix('http_')}."
                return Result.fault(sentence, detail=word)
            case guard.ENCODED:
                return Result.fault("The tool answered in an encoding.", detail=word)
            case guard.NO_JSON:
                return Result.fault("The tool answered with what is no JSON.", detail=word)
            case guard.TOO_LARGE:
                return Result.fault("The result of the tool is too large.", "too_large")
            case _ if "byte limit" in word:  # of one event, as the package says it
                return Result.fault("The result of the tool is too large.", "too_large")
            case code if code in _OF_THE_PACKAGE:
                self._is_doubted.set()
                return Result.fault("The tool broke off its answer.", detail="broken_off")
        sentence = f"The tool refused the call: {word[:SENTENCE_CHARACTERS]}"
        return Result.fault(sentence, detail=f"code_{error.code}")

    async def _keep(self) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            reason = "ended"
            try:
                await self._hold()
            except Exception as error:  # noqa: BLE001  a library's groups may hold anything
                reason = _reason(error)
            if self._session is not None:
                self._session = None
                self._away_since = asyncio.get_running_loop().time()
            if isinstance(self._told, Listed):
                pause_s = FIRST_PAUSE_S
            self._say(Away(reason))
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, PAUSE_MAX_S)

    async def _hold(self) -> None:
        """Hold one session until it breaks, and raise what broke it."""
        self._is_doubted.clear()
        async with AsyncExitStack() as stack:
            http = guard.GuardedClient(self._address, self._is_doubted.set)
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
                await stack.enter_async_context(client)
            async with asyncio.TaskGroup() as tasks:
                if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
                    tasks.create_task(self._listen(client))
                while True:
                    await self._list(client.session)
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
                cursor = page.next_cursor
                if cursor is None:
                    break
        if self._session is not session:
            self._session = session
            self._away_since = None
            self._is_renewed.set()
        self._say(Listed(tuple(found.values())))

    async def _listen(self, client: Client) -> None:
        """Hear of changes from a server of 2026-07-28 or later; older ones send a notification."""
        while True:
            pause_s = LIST_AGAIN_S
            with contextlib.suppress(MCPError, SubscriptionLost, TimeoutError):
                async with client.listen(tools_list_changed=True) as changes:
                    pause_s = FIRST_PAUSE_S
                    self._is_doubted.set()  # what changed before it listened
                    async for _ in changes:
                        self._is_doubted.set()
            await asyncio.sleep(pause_s)

    async def _hear(self, message: object) -> None:
        if isinstance(message, ToolListChangedNotification | Exception):
            self._is_doubted.set()

    def _say(self, state: Listed | Away) -> None:
        is_new = state != self._told and not (
            isinstance(state, Away) and isinstance(self._told, Away)
        )
        self._told = state
        if is_new:
            self._tell(state)


def _code_of(error: MCPError) -> int:
    return guard.believed(error.code, error.data)


def _reason(error: BaseException) -> str:
    """A word for the log, without anything that a server says."""
    if isinstance(error, BaseExceptionGroup):
        return _reason(error.exceptions[0])
    if not isinstance(error, MCPError):
        return type(error).__name__
    return error.message if _code_of(error) in guard.FAULTS else f"code_{error.code}"
