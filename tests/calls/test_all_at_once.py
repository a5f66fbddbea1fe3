"""Conversations to which everything happens at once: what anybody said is heard, or its loss told.

Three upstreams refuse, break off and hang; each session of a model lasts twelve seconds, and is
gone over from before; clients are lost, stay away, and come back.  It takes some minutes:
`make together TOGETHER=16 SEED=5 TURNS=25` holds so many, the same each time, of so many turns at
the most.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from random import Random
from typing import Any

import pytest

from local_realtime.handlers import realtime as local
from local_realtime.rehearsal.faults import parse_faults
from local_realtime.server import LocalRealtime, ServerConfig
from tests.calls.conversations import (
    PATIENCE_S,
    Conversation,
    Recorded,
    check_heard,
    check_links,
    is_quiet,
    knows_all,
)
from tests.calls.house import Ground, House, until, whole_log
from tests.calls.surviving import SurvivingClient
from tests.calls.test_chaos import QUICK, SEED, breaks_of_a_client, heard_all, links_of
from tests.calls.test_failover import table
from tests.fakes.fault_proxy import Break, FaultProxy

COUNT = int(os.environ.get("TOGETHER", "0"))
TURNS = int(os.environ.get("TURNS", "10"))
SESSION_S = 12
"""A session that is shorter than ten is left to its end."""
GAUGES = (
    "calls_open",
    "links_open",
    "link_unsent_bytes",
    "link_unread_bytes",
    "client_unsent_bytes",
    "lane_waiting",
    "audio_waiting_seconds",
    "memory_held_bytes",
)
"""Of what is nothing without a call."""
RULES = QUICK | {
    "upstream_ping_interval_s": 1,
    "upstream_read_timeout_s": 4,
    "upstream_breaker_open_s": 0.1,
    "upstream_return_after_s": 1.0,
}


pytestmark = pytest.mark.skipif(not COUNT, reason="minutes: TOGETHER=16 says how many calls")


class LongTalk(Conversation):
    """One with pauses; a turn of which the client is told that it was lost has no answer."""

    async def hold(self, client):
        await client.status("connected")
        for _ in range(self.random.randint(2, TURNS)):
            await self._turn(client)
            if self.random.random() < 0.5:
                await asyncio.sleep(self.random.random() * 3)
        await self._type(client)
        await self._answer(client)

    async def _answer(self, client):
        while heard := await client.read(PATIENCE_S):
            match heard:
                case {"type": "error"}:
                    return
                case {"type": "response_done", "data": data} if not data.get("continues"):
                    return


class AwayClient(SurvivingClient):
    """One that is away for a while."""

    async def _come_back(self) -> None:
        if self._random.random() < 0.5:
            self.socket.close()
            await asyncio.sleep(self._random.random() * 3)
        await super()._come_back()


def breaks_of_models(random: Random) -> Iterator[tuple[int, Break]]:
    """Of a hundred links eight are refused; a quarter break or hang at any time; others hold."""
    while True:
        fate = random.random()
        if fate < 0.08:
            yield 10, random.choice(["closed", "reset"])
        elif fate < 0.35:
            yield random.randint(1500, 150_000), random.choice(["closed", "reset", "hangs"])
        else:
            yield 1 << 40, "closed"


class Call:
    """One conversation from beginning to end, and what must be true of it then."""

    def __init__(self, number: int, house: House) -> None:
        random = Random(f"{SEED} {number}")
        self._house = house
        self._model = f"model-{number}"
        self._talk = LongTalk(number, random)
        detection = "none" if self._talk.is_manual else "server_vad"
        encoding = random.choice(["base64", "binary"])
        self._query = f"turn_detection={detection}&model={self._model}&output_encoding={encoding}"
        breaks = breaks_of_a_client(Random(f"{SEED} {number} client"))
        self._breaks = breaks if number % 2 else iter(())
        self._places = Random(f"{SEED} {number} places")

    async def hold(self) -> int:
        """How often its client was lost."""
        async with FaultProxy(self._house.port, self._breaks) as proxy:
            client = AwayClient(self._house, proxy.port, self._query, self._places)
            await client.open()
            session = self._session_of(client)
            try:
                await self._talk.hold(client)
                proxy.is_calm = True
                await self._settle(client, session)
                self._check(client, session)
            except (AssertionError, TimeoutError) as wrong:
                wrong.add_note(f"{self._model}: SEED={SEED}; {len(client.heard)} messages")
                raise
            await client.leave()
        return client.breaks

    def _session_of(self, client: AwayClient) -> Any:
        [session] = [
            each._session
            for each in self._house.gateway.connections
            if each.config.session_id == client.heard[0]["data"]["session_id"]
        ]
        return session

    async def _settle(self, client: AwayClient, session: Any) -> None:
        """Neither side has anything more to say, and the model of now knows all that was said."""

        def is_settled() -> bool:
            model = self._model_of(session)
            return model is not None and is_quiet(model, session) and knows_all(model, session)

        await heard_all(client)  # else its last turn may not have come yet
        await until(is_settled, "no end", PATIENCE_S)
        await heard_all(client)
        await until(is_settled, "not told", PATIENCE_S)

    def _model_of(self, session: Any) -> Recorded | None:
        """The session of a model that is in use."""
        created = session._model._created
        links = links_of(self._model)
        return next((link for link in links if created and link.id == created.id), None)

    def _check(self, client: AwayClient, session: Any) -> None:
        lost = [m for m in client.heard if isinstance(m, dict) and m["type"] == "error"]
        assert all("audio were lost" in message["error"] for message in lost), lost
        links = sorted(links_of(self._model), key=lambda link: link is self._model_of(session))
        if lost and not self._talk.is_manual:
            heard = [
                pcm for pcm in self._talk.spoken if any(pcm in each.appended for each in links)
            ]
            assert len(self._talk.spoken) - len(heard) <= len(lost)
            self._talk.spoken = heard
        check_links(self._talk, links, session)
        check_heard(client, session, may_lose=True)


def check_log(lines: list[dict[str, Any]]) -> None:
    """Nothing failed, and of no answer it is said twice that it is over."""
    events = Counter(line["event"] for line in lines)
    print(f"TOGETHER={COUNT} SEED={SEED} {events}")  # noqa: T201
    assert not [line for line in lines if "exception" in line or line["level"] == "error"]
    ends = Counter(
        (line["session_id"], line["response_id"])
        for line in lines
        if line["event"] == "response_done"
    )
    assert {1} == set(ends.values())
    assert events["session_opened"] == events["session_closed"]


@pytest.mark.timeout(300 + 20 * COUNT)
@pytest.mark.gen_test(timeout=280 + 20 * COUNT)
async def test_nothing_is_lost_when_all_comes_together(monkeypatch):
    """Nothing is left of it, either: no call, no place, no thread, no descriptor."""
    monkeypatch.setattr(local, "Session", Recorded)
    Recorded.of_models.clear()
    server = LocalRealtime(
        ServerConfig(pace=20, faults=parse_faults(f"session-expiry={SESSION_S}"))
    )
    port = server.listen("127.0.0.1", 0)
    with whole_log("info") as log:
        ground = await Ground.settled()
        async with AsyncExitStack() as stack:
            urls = []
            for name in "abc":
                breaks = breaks_of_models(Random(f"{SEED} {name}"))
                urls.append((await stack.enter_async_context(FaultProxy(port, breaks))).url)
            others = [table(name, url) for name, url in zip("bc", urls[1:], strict=True)]
            models = [f"model-{number}" for number in range(COUNT)]
            rules = RULES | {"upstream_fallbacks": others, "session_models": models}
            house = await stack.enter_async_context(House(urls[0], upstream_name="a", **rules))
            await asyncio.gather(*(Call(number, house).hold() for number in range(COUNT)))
            await until(lambda: not house.gateway.connections, "a call is left", PATIENCE_S)
            page = await house.scrape()
            for gauge in GAUGES:
                assert 0 == page.sum(gauge), gauge
        await ground.regained()
    await server.close()
    check_log([json.loads(line) for line in log.getvalue().splitlines() if line.startswith("{")])
