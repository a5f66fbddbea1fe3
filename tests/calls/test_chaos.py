"""Conversations whose model or client is lost at any moment: nothing of what anybody said is.

Fifty of them; ``make chaos`` has many, others each time: CHAOS is how many of each kind, SEED
which.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from random import Random

import pytest

from tests.calls.conversations import (
    PATIENCE_S,
    Conversation,
    Recorded,
    check_heard,
    check_links,
    is_quiet,
    knows_all,
    recorded_model,
)
from tests.calls.house import Ground, House, until, whole_log
from tests.calls.surviving import SurvivingClient
from tests.fakes.fault_proxy import Break, FaultProxy

COUNT = int(os.environ.get("CHAOS", "17"))
SEED = os.environ.get("SEED") or "3"
AT_ONCE = 17
BREAKS_OF_A_CLIENT = 6
KINDS: list[Break] = ["closed", "reset", "half_open"]

QUICK = {
    "upstream_reconnect_initial_ms": 20,
    "upstream_reconnect_max_ms": 100,
    "upstream_reconnect_attempts": 50,
    "session_transcription_model": "any",
    "session_resume_window_s": 30,
    "limits_connections_per_user": 1000,
    "limits_audio_burst_ms": 600_000,
    "limits_audio_rate": 1000,
    "limits_messages_per_s": 10_000,
    "limits_message_burst": 10_000,
}


def breaks_of_models(random: Random) -> Iterator[tuple[int, Break]]:
    """Seven of ten links break, at a random place of a random turn."""
    while True:
        size_bytes = random.randint(1500, 40_000) if random.random() < 0.7 else 1 << 40
        yield size_bytes, random.choice(KINDS[:2])


def breaks_of_a_client(random: Random) -> Iterator[tuple[int, Break]]:
    """The first with a call to go back to; others also while the client is told where it is."""
    least_bytes = 3000
    for _ in range(random.randint(1, BREAKS_OF_A_CLIENT)):
        most_bytes = least_bytes + (3000 if random.random() < 0.3 else 25_000)
        yield random.randint(least_bytes, most_bytes), random.choice(KINDS)
        least_bytes = 200


async def one(number: int, house: House, *, loses_clients: bool) -> int:
    """How often its client was lost."""
    random = Random(f"{SEED} {number}")
    conversation = Conversation(number, random)
    model = f"model-{number}"
    query = (
        f"turn_detection={'none' if conversation.is_manual else 'server_vad'}&model={model}"
        f"&output_encoding={random.choice(['base64', 'binary'])}"
    )
    breaks = breaks_of_a_client(Random(f"{SEED} {number} client"))
    async with FaultProxy(house.port, breaks if loses_clients else iter(())) as proxy:
        client = SurvivingClient(house, proxy.port, query, Random(f"{SEED} {number} places"))
        await client.open()
        session_id = client.heard[0]["data"]["session_id"]
        here = house.gateway.connections
        [session] = [each._session for each in here if each.config.session_id == session_id]
        try:
            await conversation.hold(client)
            await heard_all(client)
            await until(lambda: is_quiet(links_of(model)[-1], session), "no end", PATIENCE_S)
            proxy.is_calm = True
            await heard_all(client)
            # A model may have been lost since, and the next one be told of it now.
            await until(lambda: knows_all(links_of(model)[-1], session), "not told", PATIENCE_S)
            links = links_of(model)
            check_links(conversation, links, session)
            check_heard(client, session)
            if len(links) == 1:
                assert client.audio_sent == bytes(links[0].appended), "lost, or said twice"
        except (AssertionError, TimeoutError) as wrong:
            wrong.add_note(f"conversation {number}: SEED={SEED}; {len(client.heard)} messages")
            raise
        await client.leave()
    return client.breaks


def links_of(model: str) -> list[Recorded]:
    """Of this call: a connection that came late began one of its own, in which nobody speaks."""
    return [link for link in Recorded.of_models[model] if link.items or link.appended]


async def heard_all(client: SurvivingClient) -> None:
    """What it has said has come, and so has what it was told of that."""
    await client.say("get_status")
    await client.next("status", PATIENCE_S)


@pytest.mark.parametrize("lost", ["model", "client", "both"])
@pytest.mark.timeout(120 + 20 * COUNT)
@pytest.mark.gen_test(timeout=100 + 20 * COUNT)
async def test_nothing_is_lost_with(lost, monkeypatch):
    """Each conversation loses its model or its client at random points; the seed is printed."""
    print(f"CHAOS={COUNT} SEED={SEED}")  # noqa: T201
    broken = {"model": 0, "client": 0}
    with whole_log("error") as log:
        await converse(lost, monkeypatch, broken)
    print(f"{broken} were broken")  # noqa: T201
    assert "session_failed" not in log.getvalue()
    assert broken["model"] or lost == "client"
    assert broken["client"] or lost == "model"


async def converse(lost, monkeypatch, broken):
    """All conversations, some at a time."""
    async with recorded_model(monkeypatch) as port:
        ground = await Ground.settled()
        for begin in range(0, COUNT, AT_ONCE):
            numbers = range(begin, min(begin + AT_ONCE, COUNT))
            models = [f"model-{number}" for number in numbers]
            breaks = breaks_of_models(Random(f"{SEED} {begin}"))
            async with AsyncExitStack() as stack:
                enter = stack.enter_async_context
                proxy = await enter(FaultProxy(port, breaks if lost != "client" else iter(())))
                house = await enter(House(proxy.url, session_models=models, **QUICK))
                calls = [one(number, house, loses_clients=lost != "model") for number in numbers]
                broken["client"] += sum(await asyncio.gather(*calls))
                await until(
                    lambda h=house: not h.gateway.connections, "a session is left", PATIENCE_S
                )
                broken["model"] += proxy.broken
        await ground.regained()
