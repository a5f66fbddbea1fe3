"""A session with one MCP server, and the next one when it is lost, as long as the gateway runs.

A session that is lost is left to its calls: the next one is dialled meanwhile.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    CallToolRequest,
    CallToolRequestParams,
    InputRequiredResult,
    RequestParamsMeta,
)
from pydantic import ValidationError

from tornado_app.tools.mcp import guard
from tornado_app.tools.mcp.address import Address, Away, Listed
from tornado_app.tools.mcp.results import result_of
from tornado_app.tools.mcp.session import Session, code_of
from tornado_app.tools.result import Result

FIRST_PAUSE_S = 0.5
PAUSE_MAX_S = 15.0
RENEW_S = 3.0
"""How long a call waits for a server that has just gone, or has forgotten the session."""
STOP_S = 2.0
SENTENCE_CHARACTERS = 500

_OF_THE_PACKAGE = {
    CONNECTION_CLOSED: ("Connection closed", "SSE stream "),
    REQUEST_TIMEOUT: ("Request '",),
    PARSE_ERROR: ("Failed to parse ",),
}
"""How it begins what it says itself of an answer that did not come, where it may go on in the
server's words.  Servers use the codes as well, the first for all that they refuse.
"""
_EVENT_TOO_LARGE = re.compile(r"SSE stream failed: .* byte limit\.")
_UNREACHABLE = Result.fault("The tool cannot be reached.", detail="away")


class Pauses:
    """How long a server is left alone that is gone."""

    def __init__(self) -> None:
        self._next_s = FIRST_PAUSE_S

    def after(self, lived_s: float) -> float:
        """Longer each time, as long as no session lives for a while."""
        if lived_s >= PAUSE_MAX_S:
            self._next_s = FIRST_PAUSE_S
        pause_s, self._next_s = self._next_s, min(2 * self._next_s, PAUSE_MAX_S)
        return pause_s


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
        self._session: Session | None = None
        self._is_proved = asyncio.Event()
        """The server has listed once more."""
        self._away_since: float | None = None
        self._task: asyncio.Task[None] | None = None
        self._sessions: set[Session] = set()
        """The one that is kept, and those that calls are still under way on."""

    async def start(self) -> None:
        """Dial, and again whenever the server is gone, from now on."""
        self._away_since = asyncio.get_running_loop().time()
        self._task = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        """Say goodbye."""
        if self._task is not None:
            self._task.cancel()
            for session in self._sessions:
                session.close()
            tasks = {self._task, *(session.task for session in self._sessions)}
            await asyncio.wait(tasks, timeout=STOP_S)

    async def call(
        self, name: str, arguments: dict[str, Any], meta: RequestParamsMeta, timeout_s: float
    ) -> Result:
        """Perform one call; it is asked for once more only if nobody has begun with it."""
        params = CallToolRequestParams(name=name, arguments=arguments, _meta=meta)
        request = CallToolRequest(params=params)
        session = await self._proved()
        if session is None:
            return _UNREACHABLE
        try:
            try:
                answer = await session.send(request, timeout_s)
            except MCPError as error:
                if code_of(error) not in guard.NOT_PERFORMED:
                    raise
                other = await self._proved(session)
                if other is None:
                    return _UNREACHABLE
                session = other
                answer = await session.send(request, timeout_s)
        except MCPError as error:
            return self._fault(error, session)
        except (ValidationError, ValueError, RuntimeError) as error:
            sentence = "The tool answered with something that is no result."
            return Result.fault(sentence, detail=type(error).__name__)
        if isinstance(answer, InputRequiredResult):
            sentence = "The tool asks for something that it cannot be given here."
            return Result.fault(sentence, detail="input_required")
        return result_of(answer, self._address.result_bytes)

    async def _proved(self, failed: Session | None = None) -> Session | None:
        """The session, if there is one soon, as there is when a server is restarted.

        Where *failed* was one, it is another, or the same when the server has listed once more.
        For a server that has been away for longer nobody waits.
        """
        listings = 0 if failed is None else failed.listings
        now = asyncio.get_running_loop().time()
        since = now if self._away_since is None else self._away_since
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(since + RENEW_S):
                while True:
                    match self._session:
                        case Session(is_usable=True) as session if (
                            session is not failed or session.listings > listings
                        ):
                            return session
                    self._is_proved.clear()
                    await self._is_proved.wait()
        return None

    def _fault(self, error: MCPError, session: Session) -> Result:
        """What a call that failed on *session* is for the model, and for the log."""
        code, word = code_of(error), error.message
        if code in _OF_THE_PACKAGE:  # a server that forgot the session has no other to say so
            session.doubt()
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
            case _ if word.startswith(_OF_THE_PACKAGE.get(code, ())):
                if _EVENT_TOO_LARGE.fullmatch(word):
                    return Result.fault("The result of the tool is too large.", "too_large")
                return Result.fault("The tool broke off its answer.", detail="broken_off")
        sentence = f"The tool refused the call: {word[:SENTENCE_CHARACTERS]}"
        return Result.fault(sentence, detail=f"code_{error.code}")

    async def _keep(self) -> None:
        pauses, clock = Pauses(), asyncio.get_running_loop().time
        while True:
            begun_at = clock()
            self._session = session = Session(self._address, self._wanted, self._take)
            self._sessions.add(session)
            session.task.add_done_callback(partial(self._ended, session))
            await session.is_lost.wait()
            if session.listings:
                self._away_since = clock()
            self._say(Away(session.lost_by))
            await asyncio.sleep(pauses.after(clock() - begun_at))

    def _ended(self, session: Session, _: asyncio.Task[None]) -> None:
        self._sessions.discard(session)

    def _take(self, listed: Listed) -> None:
        self._away_since = None
        self._is_proved.set()
        self._say(listed)

    def _say(self, state: Listed | Away) -> None:
        is_new = state != self._told and not (
            isinstance(state, Away) and isinstance(self._told, Away)
        )
        self._told = state
        if is_new:
            self._tell(state)
