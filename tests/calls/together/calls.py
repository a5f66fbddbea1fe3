"""One call to which everything happens, and what must be true of it when it is over."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.calls.conversations import (
    PATIENCE_S,
    PCM_BYTES_PER_MS,
    Recorded,
    check_heard,
    check_links,
    is_quiet,
    knows_all,
)
from tests.calls.house import House
from tests.calls.test_chaos import SEED, breaks_of_a_client, heard_all, links_of
from tests.calls.together.clients import AwayClient
from tests.calls.together.talking import LongTalk
from tests.calls.together.tools import check_tools, is_late_result
from tests.fakes.fault_proxy import Break, FaultProxy

ROUGHLY_MS = 45
"""By so much a turn may be longer or shorter whose format is not the model's: what a resampler
holds, and one packet of Opus."""


def slow_or_broken(random: Random) -> Iterator[tuple[int, Break]]:
    """As `breaks_of_a_client`, and some connections only stall, or crawl for good."""
    for size_bytes, how in breaks_of_a_client(random):
        yield size_bytes, random.choice(["stalls", "crawls"]) if random.random() < 0.4 else how


class Call:
    """One conversation from beginning to end."""

    def __init__(self, number: int, house: House, most_turns: int) -> None:
        random = Random(f"{SEED} {number}")
        self._house = house
        self._model = f"model-{number}"
        self._talk = LongTalk(number, random, most_turns)
        detection = "none" if self._talk.is_manual else "server_vad"
        encoding = random.choice(["base64", "binary"])
        self._query = f"turn_detection={detection}&model={self._model}&output_encoding={encoding}"
        self._breaks = slow_or_broken(Random(f"{SEED} {number} client")) if number % 4 else iter(())
        self._places = Random(f"{SEED} {number} places")

    async def hold(self) -> AwayClient:
        """Its client, when all is over."""
        async with FaultProxy(self._house.port, self._breaks, is_narrow=True) as proxy:
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
                wrong.add_note(self._state(session))
                raise
            await client.leave()
        return client

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

        settled = 0
        async with asyncio.timeout(2 * PATIENCE_S):
            while settled < 2:
                # Both ways: its last turn may be under way, and so may what it is told.  Until
                # then it reads, as one that reads nothing would be given up.
                await heard_all(client)
                settled = settled + 1 if is_settled() else 0
                await asyncio.sleep(0 if settled else 0.2)

    def _model_of(self, session: Any) -> Recorded | None:
        """The session of a model that is in use."""
        created = session._model.created
        links = links_of(self._model)
        return next((link for link in links if created and link.id == created.id), None)

    def _state(self, session: Any) -> str:
        """What is left of it."""
        model = self._model_of(session)
        asking = session._conductor.answers.asking
        return "\n".join(
            (
                f"{session._config.session_id} {session.state}",
                f"ledger {[(e.id, type(e).__name__) for e in session.ledger.entries][-6:]}",
                f"model {model and [(item.id, item.wire['type']) for item in model.items][-6:]}",
                f"running {asking.answering.known.running}, free {asking.is_free}",
                f"kept {session.downlink.kept_bytes}, told {session._model.rebuilding._told}",
                f"last {session.ledger.entries[-1:]}",
            )
        )

    def _check(self, client: AwayClient, session: Any) -> None:
        heard = [m for m in client.heard if isinstance(m, dict)]
        lost = [m for m in heard if m["type"] == "error" and not is_late_result(m)]
        assert all("audio were lost" in message["error"] for message in lost), lost
        links = sorted(links_of(self._model), key=lambda link: link is self._model_of(session))
        if lost and not self._talk.is_manual:
            spoken = [
                pcm for pcm in self._talk.spoken if any(pcm in each.appended for each in links)
            ]
            assert len(self._talk.spoken) - len(spoken) <= len(lost)
            self._talk.spoken = spoken
        check_links(self._talk, links, session)
        self._check_lengths(links)
        check_heard(client, session, may_lose=True)
        check_usage(client, session)
        check_tools(client)

    def _check_lengths(self, links: list[Recorded]) -> None:
        """Turns in other formats are as long as they were, if the caller ended them."""
        if not self._talk.is_manual:
            return
        lengths = [len(pcm) / PCM_BYTES_PER_MS for link in links for pcm in link.turns]
        for duration_ms in self._talk.roughly:
            assert any(abs(duration_ms - each) <= ROUGHLY_MS for each in lengths), duration_ms


def check_usage(client: AwayClient, session: Any) -> None:
    """What the client was told that answers cost is what the call has counted, each once."""
    done = [m["data"] for m in client.heard if isinstance(m, dict) and m["type"] == "response_done"]
    names = [data["response_id"] for data in done]
    assert len(set(names)) == len(names), names
    told = sum(data["usage"]["total_tokens"] for data in done if data["usage"])
    counted = sum(session.totals().tokens.values())
    assert told == counted, [(each["response_id"], each["status"], each["usage"]) for each in done]
