"""What an operator sees of calls while they go on: waits, levels, the figures of the hour."""

import asyncio
import base64

import pytest

from tests.calls.house import WAIT_S, House
from tests.calls.test_administration import ask, settings  # noqa: F401  a fixture
from tests.calls.test_messages import created, delta, done
from tests.calls.test_openai_opening import bearer, dial
from tests.fakes.upstream import FakeUpstream
from tornado_app.connection import Connection
from tornado_app.watching.watch import Watch

LOUD = b"\x00\x40" * 2400
"""100 ms at -6 dBFS."""


async def call_of(house: House, **query: str) -> dict:
    """The one that runs, as it is listed."""
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    status, page = await ask(house, "GET", f"calls?{asked}")
    assert 200 == status
    [call] = page["calls"]
    return call


def the_connection(house: House) -> Connection:
    [connection] = house.gateway.connections
    return connection


@pytest.mark.parametrize("query", ["", "output_rate=8000&output_encoding=binary"])
@pytest.mark.gen_test
async def test_both_sides_have_levels_for_as_long_as_somebody_looks(settings, query):  # noqa: F811
    """As the model's audio goes on, or through the pool; nobody else's call is measured."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected(f"{query}&turn_detection=none")
        assert "levels" not in await call_of(house)
        assert not isinstance(the_connection(house)._looking.decider, Watch)
        quiet = (await call_of(house, levels="true"))["levels"]
        assert {-120} == {*quiet["user"], *quiet["model"]}

        await client.audio(LOUD)
        await client.next("audio_received")
        for event in (created("r1"), delta("i1", "r1", LOUD * 4), done("r1")):
            await fake.send(event)
        await client.next("response_done")
        loud = await loudest(house)
        assert (-6, -6) == loud

        the_connection(house)._looking.decider._looked_at -= 60
        await client.say("ping")
        await client.next("pong")
        assert not isinstance(the_connection(house)._looking.decider, Watch)


@pytest.mark.gen_test
async def test_a_call_that_its_client_conducts_has_levels_too(settings):  # noqa: F811
    """Whose audio goes both ways as it is."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        token = house.token(scopes=("parley.conduct",))
        client = await dial(house, **bearer(token))
        await client.next("session.created")
        await call_of(house, levels="true")
        audio = base64.b64encode(LOUD).decode()
        await client.say("input_audio_buffer.append", audio=audio)
        await fake.next_event("input_audio_buffer.append")
        for event in (created("r1"), delta("i1", "r1", LOUD * 4)):
            await fake.send(event)
        await client.next("response.output_audio.delta")
        assert (-6, -6) == await loudest(house)


async def loudest(house: House) -> tuple[int, int]:
    """Of both sides, over all the time for which it is asked until both were heard."""
    user, model = [-120], [-120]

    async def look() -> None:
        while -120 in {max(user), max(model)}:
            levels = (await call_of(house, levels="true"))["levels"]
            user.extend(levels["user"])
            model.extend(levels["model"])
            await asyncio.sleep(0.02)

    await asyncio.wait_for(look(), WAIT_S)
    return max(user), max(model)


@pytest.mark.gen_test
async def test_how_long_users_waited_is_told_of_each_call_and_of_the_hour(settings):  # noqa: F811
    """In parts; and what a client was told that was wrong."""
    async with FakeUpstream() as fake, House(fake.url, **settings) as house:
        client = await house.connected("turn_detection=none")
        assert [] == (await call_of(house))["waits"]
        await client.say("text", text="hello")
        await fake.next_event("response.create")
        for event in (created("r1"), delta("i1", "r1", LOUD), done("r1")):
            await fake.send(event)
        wait = (await client.next("audio"))["data"]["wait"]
        await client.next("response_done")
        await client.say("nonsense")
        await client.error("unknown_type")
        [told] = (await call_of(house))["waits"]
        status, hour = await ask(house, "GET", "figures")
        _, day = await ask(house, "GET", "figures?span=day")

    assert wait == {name: value for name, value in told.items() if value is not None}
    assert (200, 60, 900) == (status, hour["step_s"], day["step_s"])
    for figures in (hour, day):
        steps = figures["steps"]
        assert (1, 1, 1) == tuple(
            sum(step[name] for step in steps) for name in ("opened", "answers", "waits")
        )
        [waited] = [step["wait_ms"] for step in steps if step["waits"]]
        assert abs(waited - sum(wait.values())) < 1
    [wrong] = [each for each in hour["wrong"] if each["of"] == "told"]
    assert ("unknown_type", 1, None) == (wrong["name"], wrong["count"], wrong["level"])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "{own}"}, 200),
        ({"Origin": "{own}", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "https://ops.example", "Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "{own}", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "https://ops.example", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://ops.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
@pytest.mark.gen_test
async def test_only_the_page_of_this_address_may_ask(settings, headers, status):  # noqa: F811
    """By its browser's word, which a page cannot forge, or else by its own name."""
    async with House("ws://127.0.0.1:9", **settings) as house:
        own = f"http://127.0.0.1:{house.metrics_port}"
        headers = {name: value.format(own=own) for name, value in headers.items()}
        ban = {"kind": "user", "name": "alice"}
        assert status == (await ask(house, "POST", "bans", ban, **headers))[0]
