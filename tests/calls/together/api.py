"""A client of the API whose models are lost: each answer is begun once and ends once."""

import asyncio
import json
from collections import Counter
from random import Random
from typing import Any

from tests.calls.billing import LONG, ApiParty, speak
from tests.calls.house import House
from tests.calls.test_chaos import SEED

TOO_LATE = "response_cancel_not_active"
"""An answer was over when it was cancelled."""


class NotingParty(ApiParty):
    """One that keeps what it hears."""

    def __init__(self, house: House, port: int, random: Random) -> None:
        super().__init__(house, port, random)
        self.heard: list[dict[str, Any]] = []

    async def _read(self) -> str | bytes | None:
        text = await super()._read()
        if text is not None:
            self.heard.append(json.loads(text))
        return text


class ApiCall:
    """Turns one after the other; their client does not come back, and is not lost."""

    counts: dict[str, int] = {}

    def __init__(self, number: int, house: House, most_turns: int) -> None:
        self._random = Random(f"{SEED} {number} api")
        self._house = house
        self._turns = self._random.randint(2, most_turns)
        self._name = f"api-{number}"

    async def hold(self) -> "ApiCall":
        """When all is over."""
        party = NotingParty(self._house, self._house.port, self._random)
        await party.open()
        try:
            for number in range(self._turns):
                await self._turn(party, number)
                await asyncio.sleep(self._random.random() * 2)
            self._check(party.heard)
        except (AssertionError, TimeoutError) as wrong:
            wrong.add_note(f"{self._name}: SEED={SEED}; {self._turns} turns")
            kinds = [(m["type"], m.get("error") or m.get("response_id")) for m in party.heard]
            wrong.add_note(f"{kinds[-12:]}")
            raise
        await party.leave()
        return self

    async def _turn(self, party: NotingParty, number: int) -> None:
        fate = self._random.random()
        if fate < 0.4:
            await speak(party, self._random)
        elif fate < 0.6:
            await party.type(LONG)
            await party.sounds()
            await party.cut()
        else:
            await party.type(f"word {number}")
        await party.answered()

    def _check(self, heard: list[dict[str, Any]]) -> None:
        begun = Counter(m["response"]["id"] for m in heard if m["type"] == "response.created")
        ended = Counter(m["response"]["id"] for m in heard if m["type"] == "response.done")
        assert begun == ended
        assert {1} == set(ended.values())
        assert self._turns == len(ended)
        errors = [m["error"] for m in heard if m["type"] == "error"]
        assert {TOO_LATE} >= {error["code"] for error in errors}, errors
