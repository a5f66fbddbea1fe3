"""A client that stays away, comes back twice at once, and knocks with what is not its own."""

import asyncio
import json
from random import Random
from typing import Any

from tornado.httpclient import HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.calls.house import WAIT_S, House
from tests.calls.surviving import SurvivingClient
from tests.calls.together.tools import CLIENT_TOOL, ClientTools

Message = dict[str, Any] | bytes
TOKEN_S = 25.0
"""Short: another one is asked for while the call goes on, and is given."""
RESUMED_ELSEWHERE = 4409


class Returning:
    """One of two connections by which a client comes back at once."""

    def __init__(self, socket: WebSocketClientConnection) -> None:
        self.socket = socket
        self.heard: list[Message] = []
        self.is_resumed: bool | None = None
        """None: it is not known yet."""
        self.is_closed = False
        self._reading: asyncio.Future[str | bytes | None] | None = None

    @property
    def reading(self) -> "asyncio.Future[str | bytes | None]":
        """The next message.  Never cancelled: what it has taken would be lost."""
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
        return self._reading

    async def _read(self) -> str | bytes | None:
        return await self.socket.read_message()

    def take(self) -> None:
        """It has come."""
        message, self._reading = self.reading.result(), None
        if message is None:
            self.is_closed = True
            return
        heard = json.loads(message) if isinstance(message, str) else message
        self.heard.append(heard)
        if isinstance(heard, dict) and "resume_token" in heard["data"]:
            self.is_resumed = heard["data"].get("resumed", False)

    async def let_go(self) -> None:
        """Close it, and read what is left: a library that is not read does not end."""
        self.socket.close(1000)
        async with asyncio.timeout(WAIT_S):
            while not self.is_closed:
                await asyncio.wait([self.reading])
                self.take()

    async def settle(self) -> None:
        """Until it is known whether it has the call."""
        while self.is_resumed is None and not self.is_closed:
            async with asyncio.timeout(WAIT_S):
                await asyncio.wait([self.reading])
            self.take()


class AwayClient(SurvivingClient):
    """One that is away for a while."""

    may_end = False
    """Its call, while it is away."""

    def __init__(self, house: House, port: int, query: str, random: Random) -> None:
        super().__init__(house, port, query, random)
        self._is_cut = False
        """The end of the connection that it has now has been read."""
        self._winner: Returning | None = None
        """Of which something was read, and not heard yet."""
        self.has_short_tokens = random.random() < 0.3
        self.tools = ClientTools(random)
        self.counts = dict.fromkeys(("two", "taken over", "stranger", "refreshed"), 0)

    async def _come_back(self) -> None:
        self._winner = None
        if self._random.random() < 0.5:
            self.socket.close()
            await asyncio.sleep(self._random.random() * 3)
        if self._random.random() < 0.2:
            await self._knock_as_another()
        await super()._come_back()

    async def let_go(self) -> None:
        """Of the connection that it has now, if there is one."""
        if self._is_cut:
            self.socket.close()  # Tornado warns of one that only the server has closed
        else:
            await (self._winner or Returning(self.socket)).let_go()

    def token(self) -> str:
        ttl_s = TOKEN_S if self.has_short_tokens else 600.0
        return self._house.token(ttl_s=ttl_s, parley_session={"tools": [CLIENT_TOOL]})

    async def _hear(self, timeout_s: float) -> bool:
        if self._winner is not None:
            is_heard = await self._hear_winner(timeout_s)
        else:
            is_heard = await super()._hear(timeout_s)
        self._is_cut = not is_heard
        if is_heard:
            await self._look_after_token(self.heard[-1])
            self.tools.hear(self, self.heard[-1])
        return is_heard

    async def _hear_winner(self, timeout_s: float) -> bool:
        """What has been read, and is being read, before it was known who has the call."""
        winner = self._winner
        assert winner is not None
        if not winner.heard and not winner.is_closed:
            async with asyncio.timeout(timeout_s):
                await asyncio.wait([winner.reading])
            winner.take()
            self._winner = None
        if not winner.heard:
            self._winner = None
            return False
        await self._keep(winner.heard.pop(0))
        return True

    async def _look_after_token(self, heard: Message) -> None:
        if isinstance(heard, dict) and heard["type"] == "token_expiring":
            self.counts["refreshed"] += 1
            await self.say("refresh_token", token=self.token())

    async def _knock_as_another(self) -> None:
        """Whoever has its resume token and is somebody else has a call of their own."""
        self.counts["stranger"] += 1
        url = f"ws://127.0.0.1:{self._house.port}/ws?{self._query}&resume={self._token}&last_seq=0"
        headers = {"Authorization": f"Bearer {self._house.token('mallory')}"}
        stranger = Returning(await self._socket(url, headers))
        await stranger.settle()
        assert not stranger.is_resumed, stranger.heard
        await stranger.let_go()

    async def _dial(self, query: str) -> None:
        await super()._dial(query)
        self._is_cut = False
        if "&last_seq=" in query and self._random.random() < 0.3:
            await self._dial_another(query)

    async def _dial_another(self, query: str) -> None:
        """By two connections: one of them has the call in the end."""
        self.counts["two"] += 1
        url = f"ws://127.0.0.1:{self._house.port}/ws?{query}"
        one = Returning(self.socket)
        other = Returning(await self._socket(url, {"Authorization": f"Bearer {self.token()}"}))
        await asyncio.gather(one.settle(), other.settle())
        winner, loser = (one, other) if one.is_resumed else (other, one)
        if one.is_resumed and other.is_resumed:
            self.counts["taken over"] += 1
            winner, loser = await self._who_stays(one, other)
        assert self.may_end or winner.is_resumed or winner.is_closed, (one.heard, other.heard)
        await loser.let_go()
        self.socket, self._winner = winner.socket, winner

    async def _who_stays(self, one: Returning, other: Returning) -> tuple[Returning, Returning]:
        """The one that is closed is told why, unless its wire broke before."""
        while not (one.is_closed or other.is_closed):
            readings = {each.reading: each for each in (one, other)}
            done, _ = await asyncio.wait(
                readings, return_when=asyncio.FIRST_COMPLETED, timeout=WAIT_S
            )
            assert done, "both have the call"
            for reading in done:
                readings[reading].take()
        winner, loser = (other, one) if one.is_closed else (one, other)
        assert loser.socket.close_code in {RESUMED_ELSEWHERE, None, 1006}, loser.socket.close_code
        return winner, loser

    async def _socket(self, url: str, headers: dict[str, str]) -> WebSocketClientConnection:
        request = HTTPRequest(url, headers=headers, request_timeout=WAIT_S)
        return await websocket_connect(request)
