"""Conversations to which everything happens at once: what anybody said is heard, or its loss told.

Three upstreams refuse, break off and hang, and one of them sends a minute at once; each session of
a model lasts half a minute, and is gone over from before; clients are lost, stay away, read
nothing for a while, and come back, by two connections at once if need be; formats change, and tools
are slow.  It takes some minutes: `make together TOGETHER=16 SEED=5 TURNS=25` holds so many, the
same each time, of so many turns at the most.
"""

import asyncio
import json
import os
from collections import Counter
from random import Random
from typing import Any

import pytest

from tests.calls.house import whole_log
from tests.calls.test_chaos import SEED
from tests.calls.together.api import ApiCall
from tests.calls.together.calls import Call
from tests.calls.together.endings import CODES, MortalCall
from tests.calls.together.house import open_house
from tests.calls.together.transcribing import TranscribingCall
from tornado_app.admin.administration import Administration

COUNT = int(os.environ.get("TOGETHER", "0"))
TURNS = int(os.environ.get("TURNS", "10"))
QUOTA_S = 15
DRAIN_AFTER_S, DRAIN_S = 20.0, 5.0

pytestmark = pytest.mark.skipif(not COUNT, reason="minutes: TOGETHER=16 says how many calls")


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
    assert set(ends.values()) <= {1}
    assert events["session_opened"] == events["session_closed"]


def lines_of(log: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines() if line.startswith("{")]


@pytest.mark.timeout(300 + 20 * COUNT)
@pytest.mark.gen_test(timeout=280 + 20 * COUNT)
async def test_nothing_is_lost_when_all_comes_together(monkeypatch, tmp_path):
    """Nothing is left of it, either: no call, no place, no thread, no descriptor."""
    with whole_log("info") as log:
        async with open_house(monkeypatch, tmp_path, COUNT) as house:
            calls = [Call(number, house, TURNS).hold() for number in range(COUNT)]
            scribes = [TranscribingCall(n, house, TURNS).hold() for n in range(COUNT // 4)]
            conducted = [ApiCall(n, house, TURNS).hold() for n in range(COUNT // 4)]
            clients = await asyncio.gather(*calls, *scribes, *conducted)
    done = sum((Counter(client.counts) for client in clients), Counter())
    print(f"clients: {done}")  # noqa: T201
    check_log(lines_of(log))


@pytest.mark.timeout(300 + 20 * COUNT)
@pytest.mark.gen_test(timeout=280 + 20 * COUNT)
async def test_whoever_is_sent_away_is_told_why(monkeypatch, tmp_path):
    """By a token, an age, an operator, a quota or a drain, and whatever happens beside it."""
    fates = Random(f"{SEED} fates")
    rules = {
        "auth_leeway_s": 1,
        "session_call_grace_s": 2,
        "quotas_audio_s_per_user_per_day": QUOTA_S,
    }
    with whole_log("info") as log:
        async with open_house(monkeypatch, tmp_path, COUNT, **rules) as house:
            administration = Administration(house.gateway, house.hooks)
            calls = [MortalCall(n, house, fates.choice([*CODES])) for n in range(COUNT)]
            holding = asyncio.gather(*(call.hold(administration) for call in calls))
            await asyncio.wait([holding], timeout=DRAIN_AFTER_S)
            house.gateway.drain(DRAIN_S)
            await holding
    print(f"ends: {Counter((call.fate, call.how) for call in calls)}")  # noqa: T201
    check_log(lines_of(log))
