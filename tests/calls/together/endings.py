"""Calls that end before their time: their clients are told why, whatever happens beside it."""

import asyncio
from random import Random
from typing import Any

from tornado.httpclient import HTTPClientError

from tests.calls.conversations import PATIENCE_S
from tests.calls.house import House
from tests.calls.test_chaos import SEED
from tests.calls.together.calls import slow_or_broken
from tests.calls.together.clients import AwayClient
from tests.calls.together.talking import LongTalk
from tests.calls.together.tools import CLIENT_TOOL, check_ends_once
from tests.fakes.fault_proxy import FaultProxy
from tornado_app.admin.administration import Administration

CODES = {
    "token": (4410, "token_expired"),
    "old": (4411, "call_limit"),
    "operator": (4412, "ended_by_operator"),
    "kept_out": (4401, "token_revoked"),
    "quota": (4429, "quota_exceeded"),
    "drain": (1001, None),
}
"""How each end is told."""
MANY_TURNS = 1000
NOT_LET_IN = (401, 429, 503)


class Over(Exception):
    """The call is: *how*, its close code; None: it was found to be gone by one that came back."""

    def __init__(self, how: int | None) -> None:
        super().__init__(how)
        self.how = how


class MortalClient(AwayClient):
    """One whose call ends."""

    may_end = True

    def __init__(self, house: House, port: int, query: str, random: Random, user: str) -> None:
        super().__init__(house, port, query, random)
        self.has_short_tokens = False
        self.user = user
        self.claims: dict[str, Any] = {}
        self.ttl_s = 600.0

    def token(self) -> str:
        said = {"tools": [CLIENT_TOOL], **self.claims}
        return self._house.token(self.user, ttl_s=self.ttl_s, parley_session=said)

    async def _come_back(self) -> None:
        code = self.socket.close_code
        if code in {code for code, _ in CODES.values()}:
            raise Over(code)
        try:
            await super()._come_back()
        except HTTPClientError as refused:
            if refused.code not in NOT_LET_IN:
                raise
            raise Over(None) from None

    async def _be_told(self, status: dict[str, Any]) -> None:
        if self._token and not status.get("resumed"):
            self.heard.pop()  # of another call
            raise Over(None)
        await super()._be_told(status)


class MortalCall:
    """One that ends at a random moment, for a reason of its own."""

    def __init__(self, number: int, house: House, fate: str) -> None:
        self._random = random = Random(f"{SEED} {number} {fate}")
        self.fate = fate
        self._house = house
        self._user = f"user-{number}"
        self._talk = LongTalk(number, random, MANY_TURNS)
        detection = "none" if self._talk.is_manual else "server_vad"
        self._query = f"turn_detection={detection}&model=model-{number}"
        self._breaks = slow_or_broken(Random(f"{SEED} {number} client")) if number % 3 else iter(())
        self.how: int | None = None

    async def hold(self, administration: Administration) -> MortalClient:
        """Its client, when all is over."""
        async with FaultProxy(self._house.port, self._breaks, is_narrow=True) as proxy:
            places = Random(f"{SEED} {self._user}")
            client = MortalClient(self._house, proxy.port, self._query, places, self._user)
            self._prepare(client)
            await client.open()
            session_id = client.heard[0]["data"]["session_id"]
            ending = asyncio.ensure_future(self._end(administration, session_id))
            try:
                async with asyncio.timeout(4 * PATIENCE_S):
                    await self._talk.hold(client)
            except Over as over:
                self.how = over.how
            except (AssertionError, TimeoutError) as wrong:
                wrong.add_note(f"{self._user} {self.fate}: SEED={SEED}; {len(client.heard)} heard")
                raise
            finally:
                ending.cancel()
                await asyncio.gather(ending, return_exceptions=True)
                await client.tools.stop()
                await client.let_go()
            self._check(client)
        return client

    def _prepare(self, client: MortalClient) -> None:
        match self.fate:
            case "token":
                client.ttl_s = self._random.uniform(8, 14)
                client.has_short_tokens = True
            case "old":
                client.claims["max_call_s"] = self._random.randint(4, 12)

    async def _end(self, administration: Administration, session_id: str) -> None:
        await asyncio.sleep(self._random.uniform(2, 12))
        match self.fate:
            case "operator":
                await administration.end_call("op", session_id, "", "of a test")
            case "kept_out":
                await administration.keep_out("op", "user", self._user, 600, "of a test")

    def _check(self, client: MortalClient) -> None:
        client.check_numbers()
        check_ends_once(client)
        heard = [m for m in client.heard if isinstance(m, dict)]
        codes = [m["data"]["code"] for m in heard if m["type"] == "error"]
        if self.how is None:
            return
        error = dict(CODES.values())[self.how]
        assert error is None or error in codes, (self.fate, self.how, codes)
