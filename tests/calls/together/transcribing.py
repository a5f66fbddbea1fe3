"""A call that only transcribes, to which the same happens."""

import asyncio
from random import Random
from typing import Any

from tests.calls.conversations import PATIENCE_S, PCM_BYTES_PER_MS
from tests.calls.house import House
from tests.calls.test_chaos import SEED, heard_all
from tests.calls.together.calls import slow_or_broken
from tests.calls.together.clients import AwayClient
from tests.calls.together.formats import PLAIN
from tests.fakes.fault_proxy import FaultProxy

LOST = ("upstream_unavailable", "upstream_timeout", "audio_buffer_empty")
"""What becomes of a turn whose model is lost: its words, its audio, or what was left of that."""


class ScribeClient(AwayClient):
    """One with a token that says nothing of the call."""

    def token(self) -> str:
        return self._house.token()


class TranscribingCall:
    """Turns that the client ends, one after the other; each is written down, or said to be lost."""

    def __init__(self, number: int, house: House, most_turns: int) -> None:
        self._random = Random(f"{SEED} {number} scribe")
        self._house = house
        self._turns = self._random.randint(2, most_turns)
        self._breaks = slow_or_broken(Random(f"{SEED} {number} scribe's client"))
        self._name = f"scribe-{number}"

    async def hold(self) -> AwayClient:
        """Its client, when all is over."""
        query = "session=transcription&turn_detection=none"
        async with FaultProxy(self._house.port, self._breaks, is_narrow=True) as proxy:
            places = Random(f"{SEED} {self._name}")
            client = ScribeClient(self._house, proxy.port, query, places)
            await client.open()
            try:
                await client.status("connected")
                for number in range(self._turns):
                    await self._turn(client, f"turn-{number}")
                proxy.is_calm = True
                await heard_all(client)
                self._check(client)
            except (AssertionError, TimeoutError) as wrong:
                wrong.add_note(f"{self._name}: SEED={SEED}; {len(client.heard)} messages")
                wrong.add_note(f"{[m for m in client.heard if isinstance(m, dict)][-8:]}")
                raise
            await client.leave()
        return client

    async def _turn(self, client: AwayClient, name: str) -> None:
        pcm = self._random.randbytes(self._random.randint(120, 450) * PCM_BYTES_PER_MS)
        for chunk in PLAIN.chunks(self._random, pcm, ends=False):
            await client.audio(chunk)
        await client.say("commit_audio", id=name)
        async with asyncio.timeout(PATIENCE_S):
            while not self._is_over(client, name):
                await client.read(PATIENCE_S)
        await asyncio.sleep(self._random.random() * 2)

    def _is_over(self, client: AwayClient, name: str) -> bool:
        """Its words have come, or an error bears its name."""
        heard = [m for m in client.heard if isinstance(m, dict)]
        errors = [m for m in heard if m["type"] == "error" and m["data"].get("ref") == name]
        return bool(errors) or bool(words_of(heard, name))

    def _check(self, client: AwayClient) -> None:
        client.check_numbers()
        heard = [m for m in client.heard if isinstance(m, dict)]
        codes = {m["data"]["code"] for m in heard if m["type"] == "error"}
        assert codes <= set(LOST), codes
        for number in range(self._turns):
            assert len(words_of(heard, f"turn-{number}")) <= 1, number
        assert not {"response_started", "audio"} & set(client.types)


def words_of(heard: list[dict[str, Any]], name: str) -> list[str]:
    """What was written down of the turn that bears this name, each time that it was final."""
    items = {
        m["data"]["item_id"]
        for m in heard
        if m["type"] == "audio_committed" and m["data"].get("ref") == name
    }
    return [
        m["data"]["text"]
        for m in heard
        if m["type"] == "transcript" and m["data"]["final"] and m["data"]["item_id"] in items
    ]
