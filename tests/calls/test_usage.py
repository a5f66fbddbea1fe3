"""What is written down of whole calls, beside what the local model says that it counted."""

import asyncio
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from local_realtime.server import LocalRealtime, ServerConfig
from local_realtime.session.usage import Meter
from tests.calls.house import House, until
from tests.calls.test_openai_calls import TEXT, through
from tests.calls.test_openai_calls import until as heard_until
from tests.fakes.upstream import FakeUpstream
from tornado_app.session.token_types import tokens_by_type
from tornado_app.usage.database import UsageDatabase

ALL_TIME = (0, 10**14)
PCM_200_MS = bytes(9600)


@pytest.fixture
def billed(monkeypatch):
    """The usage of every answer of a local model, as it counts them."""
    found = []
    measure = Meter.measure

    def counted(self, *arguments, **more):
        found.append(measure(self, *arguments, **more))
        return found[-1]

    monkeypatch.setattr(Meter, "measure", counted)
    return found


@pytest.fixture
def settings(tmp_path):
    return {
        "usage_database": str(tmp_path / "usage.sqlite3"),
        "usage_lines_file": str(tmp_path / "usage.jsonl"),
    }


def written(settings):
    database = UsageDatabase(Path(settings["usage_database"]), is_read_only=True)
    try:
        return [*database.read(*ALL_TIME)]
    finally:
        database.close()


def lines_of(settings):
    text = Path(settings["usage_lines_file"]).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


async def talk(house, name, turns):
    """Typed turns, of which every second is interrupted, and one that is spoken."""
    client = await house.connected("turn_detection=none", user=name)
    for number in range(turns):
        await client.say("text", text=f"Say something long, for the {number}th time.")
        await client.next("audio")
        if number % 2:
            await client.say("interrupt")
        await client.next("response_done")
    await client.audio(PCM_200_MS)
    await client.say("commit_audio")
    await client.next("response_done")
    client.socket.close(1000, "bye")
    await client.closed()


async def write(house, turns):
    """The same by a client of the API, which asks for each answer itself."""
    async with through(house) as connection:
        await heard_until(connection, "session.created")
        for _ in range(turns):
            await connection.conversation.item.create(item=TEXT)
            await connection.response.create()
            await heard_until(connection, "response.done")


@pytest.mark.gen_test(timeout=120)
async def test_the_records_add_up_to_what_the_model_counted(settings, billed):
    """To the last token of each type, whoever conducts, whatever was cut; and so does the money."""
    server = LocalRealtime(ServerConfig(pace=0))
    port = server.listen("127.0.0.1", 0)
    try:
        async with House(f"ws://127.0.0.1:{port}/v1/realtime", **settings) as house:
            await asyncio.gather(
                *(talk(house, f"user-{number % 3}", 1 + number) for number in range(5)),
                *(write(house, 1 + number) for number in range(3)),
            )
            await until(lambda: not house.gateway.connections, "a call does not end")
    finally:
        await server.close()

    records = written(settings)
    answers = [record for record in records if record.kind == "answer"]
    assert 5 + 15 + 6 == len(answers) == len(billed)
    assert not any(record.is_estimated for record in answers)
    expected = sum((Counter(tokens_by_type(usage)) for usage in billed), Counter())
    assert expected == sum((Counter(record.tokens) for record in answers), Counter())
    # gpt-realtime-2.1, conf/prices.toml
    prices = {"text_input": 4, "audio_input": 32, "text_output": 24, "audio_output": 64}
    prices |= {f"cached_{kind}_input": Decimal("0.4") for kind in ("text", "audio")}
    cost = sum(prices[kind] * count for kind, count in expected.items()) / Decimal(10**6)
    assert cost == sum(record.cost for record in answers)
    assert 8 == len([record for record in records if record.kind == "call"])
    assert {record.id for record in records} == {line["id"] for line in lines_of(settings)}


@pytest.mark.gen_test
async def test_an_answer_is_written_before_its_client_hears_the_end(settings):
    """Or at least handed over; a database that cannot be made costs no call anything."""
    settings["usage_database"] = "/dev/null/usage.sqlite3"
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected()
        await client.say("text", text="Hello.")
        await fake.next_event("response.create")
        usage = {"total_tokens": 7, "input_tokens": 3, "output_tokens": 4}
        await fake.send({"type": "response.created", "response": {"id": "r1"}})
        done = {"id": "r1", "status": "completed", "usage": usage, "output": []}
        await fake.send({"type": "response.done", "response": done})
        await client.next("response_done")
        database, lines = house.gateway.records.usage.keepers
        await until(lambda: lines.written == 1, "the line is not written")
        assert (1, 0) == (database.waiting, database.lost)
        await client.say("ping")
        await client.next("pong")
        page = await house.scrape()

    assert 1 == page("usage_waiting_records", setting="usage.database")
    assert 0 == page("usage_waiting_records", setting="usage.lines_file")
    assert 1 == page("usage_records_total", setting="usage.lines_file", outcome="written")
