"""What operators are told of what calls have used, over HTTP."""

import asyncio
import os
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.calls.house import House, until
from tests.calls.test_administration import KEY, ask
from tests.calls.test_messages import created, done
from tests.fakes.upstream import FakeUpstream
from tornado_app.usage.accountant import Accountant


@pytest.fixture
def settings(tmp_path):
    return {
        "metrics_enabled": True,
        "admin_keys": [f"anna:{KEY}"],
        "server_state_dir": str(tmp_path / "state"),
        "usage_database": str(tmp_path / "usage.sqlite3"),
    }


async def used(house, fake, user):
    """One answer of 127 tokens, written down."""
    written = house.gateway.records.usage.keepers[0].written
    client = await house.connected("turn_detection=none", user=user)
    await client.say("text", text="a word that nobody else may see")
    await fake.next_event("response.create")
    for event in (created("r1"), done("r1")):
        await fake.send(event)
    await client.next("response_done")
    client.socket.close(1000, "bye")
    await client.closed()
    await until(
        lambda: house.gateway.records.usage.keepers[0].written == written + 2, "nothing is written"
    )


@pytest.mark.gen_test(timeout=90)
async def test_what_a_call_used_is_told(settings):
    """By user, by day, in pages, and of whom is asked for."""
    days = {datetime.now(UTC).date().isoformat()}
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        for user in ("alice", "bob"):
            await used(house, fake, user)
        days.add(datetime.now(UTC).date().isoformat())
        status, first = await ask(house, "GET", "usage?limit=1")
        _, second = await ask(house, "GET", f"usage?limit=1&after={first['next']}")
        _, hers = await ask(house, "GET", f"usage?by=day&user=alice&since={min(days)}")
        _, before = await ask(house, "GET", "usage?until=2020-01-01")

    assert (200, "alice") == (status, first["next"])
    assert second["next"] is None
    sums = first["sums"] + second["sums"]
    assert [("alice", 1, 1, 127), ("bob", 1, 1, 127)] == [
        (each["name"], each["calls"], each["answers"], each["tokens"]) for each in sums
    ]
    assert (2, 254) == (first["all"]["calls"], first["all"]["tokens"])
    assert first["all"] == second["all"]
    assert {"USD"} == first["all"]["costs"].keys()
    assert {each["name"] for each in hers["sums"]} <= days
    assert (1, 127) == (hers["all"]["calls"], hers["all"]["tokens"])
    assert ([], 0) == (before["sums"], before["all"]["calls"])


@pytest.mark.parametrize(
    "query",
    [
        "by=hour",
        "since=yesterday",
        "until=2026-02-30",
        "since=null",
        "limit=0",
        "limit=501",
        "user_id=alice",
        "by=day&by=user",
    ],
)
@pytest.mark.gen_test
async def test_what_is_no_question_is_named(settings, query):
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        status, told = await ask(house, "GET", f"usage?{query}")

    assert (400, {"error"}) == (status, told.keys())


@pytest.mark.gen_test(timeout=60)
async def test_where_nothing_can_be_read_a_sentence_says_why(settings, tmp_path):
    (tmp_path / "usage.sqlite3").write_bytes(b"no database" * 100)
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        unreadable = await ask(house, "GET", "usage")
    del settings["usage_database"]
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        nowhere = await ask(house, "GET", "usage")

    sentence = "The records of usage.database cannot be read now: SQLITE_NOTADB."
    assert (503, {"error": sentence}) == unreadable
    assert 404 == nowhere[0]
    assert "PARLEY_USAGE_DATABASE" in nowhere[1]["error"]


@pytest.mark.gen_test(timeout=90)
async def test_one_statement_is_made_at_a_time(settings, monkeypatch, tmp_path):
    """Calls go on meanwhile, and whoever waited too long is told what else to ask for."""
    held = tmp_path / "held"
    os.mkfifo(held)
    holds = partial(Accountant, ("cat", str(held)), 60.0)
    monkeypatch.setattr("tornado_app.admin.administration.Accountant", holds)
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        first = asyncio.create_task(ask(house, "GET", "usage"))
        with await asyncio.to_thread(held.open, "w") as it:  # which waits until it is read
            second = await ask(house, "GET", "usage")
            await client.say("ping")
            await client.next("pong")
            it.write('{"type": "Unreadable", "why": "timeout"}')
        status, told = await first

    assert 409 == second[0]
    assert 503 == status
    assert "Ask for fewer days" in told["error"]
