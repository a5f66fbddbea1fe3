"""Two gateways that count their calls together, in a real Redis."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.calls.house import WAIT_S, House, until
from tests.fakes.redis_server import RedisServer, needs_redis
from tests.fakes.upstream import FakeUpstream
from tests.test_gateway import a_gateway, knock
from tornado_app.errors import Refused
from tornado_app.gateway import Gateway
from tornado_app.guests import Guest, Knock

needs_redis()

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def shared(server: RedisServer, **changes: object) -> dict[str, object]:
    """Settings of gateways that nobody else counts with."""
    prefix = f"calls-{next(_numbers)}"
    where = {"shared_redis_url": server.url, "shared_key_prefix": prefix}
    return {**where, "shared_timeout_s": 5, **changes}


async def admitted(gateway: Gateway, request: Knock) -> Guest | str:
    """By a gateway that nobody calls over a socket: its guest, or why there is none."""
    coming = gateway.access.reception.coming_in(request)
    assert coming is not None
    try:
        return await coming
    except Refused as refused:
        return refused.code


async def found(gateway: Gateway) -> None:
    """It has asked Redis, and is answered."""
    await until(lambda: not gateway.access.seating.is_away, "Redis is not found")


@asynccontextmanager
async def two_gateways(how: dict[str, object]) -> AsyncIterator[tuple[Gateway, House]]:
    """One after the other: to make one takes the loop a while, in which no answer is read."""
    async with a_gateway(**how) as other:
        await found(other)
        async with FakeUpstream() as fake, House(fake.url, **how) as house:
            await found(house.gateway)
            yield other, house


@pytest.mark.gen_test
async def test_a_call_on_another_machine_counts(redis):
    """At the border, in words, and free when it ends; whoever shows its token later as well."""
    how = shared(redis, limits_connections=2, auth_allow_first_message=True)
    async with two_gateways(how) as (other, house):
        first = await house.connected()
        guest = await admitted(other, knock("bob"))
        status, body, _ = await house.refusal()
        assert (503, "server_busy") == (status, body["data"]["code"])
        assert "server_busy" == await admitted(other, knock("eve"))
        late = await house.call(token="")
        await late.say("authenticate", token=house.token())
        await late.error("server_busy")
        await first.say("get_status")
        assert 2 == (await first.next("status"))["data"]["limits"]["connections"]["limit"]
        other.access.reception.release(guest)
        await until(lambda: not other.access.seating.shared.owed, "its place is not given back")
        third = await house.call(token="")
        await third.say("authenticate", token=house.token("eve"))
        await third.status("connected")
    assert not redis.keys(how["shared_key_prefix"])


@pytest.mark.gen_test
async def test_who_goes_while_redis_is_asked_has_no_place(redis):
    """Between its first message and the answer."""
    how = shared(redis, limits_connections=1, auth_allow_first_message=True)
    async with FakeUpstream() as fake, House(fake.url, **how) as house:
        await found(house.gateway)
        client = await house.call(token="")
        await client.say("authenticate", token=house.token())
        client.socket.close()
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while isinstance(guest := await admitted(house.gateway, knock("bob")), str):
            assert asyncio.get_running_loop().time() < deadline, "its place is not given back"
        house.gateway.access.reception.release(guest)


@pytest.mark.gen_test
async def test_who_begins_anew_is_counted_everywhere(redis):
    """Its first messages wait for that; who only comes back is not counted."""
    how = shared(redis, limits_openings_per_user_per_minute=2, session_resume_window_s=20)
    async with two_gateways(how) as (other, house):
        client = await house.connected()
        first = client.heard[0]["data"]
        again = await house.call(f"resume={first['resume_token']}&last_seq=2")
        token = (await again.status("connected"))["data"]["resume_token"]
        anew = await house.call(f"resume={token}")
        await anew.say("ping", id="a")
        await anew.say("ping", id="b")
        begun = (await anew.status("connecting"))["data"]
        assert ["a", "b"] == [(await anew.next("pong"))["data"]["ref"] for _ in range(2)]
        assert "rate_limited" == await admitted(other, knock("alice"))
        token = begun["resume_token"]
        beyond = await house.call(f"resume={token}")
        await beyond.say("ping")
        await beyond.error("rate_limited")
        assert (4429, "limit_reached") == await beyond.closed()
        assert begun["resumed"] is False


@pytest.mark.gen_test
async def test_everybody_of_an_organisation_counts(redis):
    """Whoever they are and wherever they call; who names none has no such bound."""
    bound = {"limits_connections_per_organisation": 1, "limits_organisation_claim": ["app", "org"]}
    how = shared(redis, **bound)
    async with two_gateways(how) as (other, house):

        def of(user: str, org: object) -> str:
            return house.token(user, app={"org": org})

        await house.connected(token=of("alice", "acme"))
        assert "connection_limit" == await admitted(other, knock(token=of("bob", "acme")))
        status, body, _ = await house.refusal(token=of("bob", "acme"))
        assert (429, "connection_limit") == (status, body["data"]["code"])
        assert "Your organisation has 1 connections, and 1 are allowed." == body["error"]
        for token in (of("eve", "other"), house.token("bob")):
            other.access.reception.release(await admitted(other, knock(token=token)))
        status, body, _ = await house.refusal(token=of("bob", 7))
        assert (401, "token_invalid") == (status, body["data"]["code"])


@pytest.mark.gen_test
@pytest.mark.parametrize("limit", ["connections_per_address", "openings_per_user_per_minute"])
async def test_bounds_of_one_machine(limit):
    """They need no Redis."""
    async with FakeUpstream() as fake, House(fake.url, **{f"limits_{limit}": 1}) as house:
        await house.connected()
        status, body, _ = await house.refusal()
        assert 429 == status
        expected = {"connections_per_address": "connection_limit"}.get(limit, "rate_limited")
        assert expected == body["data"]["code"]


@pytest.mark.gen_test
@pytest.mark.parametrize("when_away", ["count_here", "refuse"])
async def test_a_call_goes_on_when_redis_dies(when_away):
    """And is counted again when there is another; readiness and metrics say what is so."""
    with RedisServer() as own:
        how = shared(own, limits_connections=2, shared_when_away=when_away)
        async with FakeUpstream() as fake, House(fake.url, **how) as house:
            await found(house.gateway)
            talking = await house.connected()
            own.kill()
            if when_away == "refuse":
                status, body, _ = await house.refusal(user="bob")
                assert (503, "server_busy") == (status, body["data"]["code"])
                expected = {"status": "not_ready", "reason": "shared_away", "shared": "away"}
                assert (503, expected) == await house.get("/readyz")
            else:
                await house.connected(user="bob")
                assert (200, {"status": "ready", "shared": "away"}) == await house.get("/readyz")
            scrape = await house.scrape()
            assert 0 == scrape("shared_up")
            assert (when_away == "count_here") == scrape("calls_uncounted_total")
            assert 1 == scrape.sum("shared_away_total")
            await talking.audio(bytes(960))
            await talking.next("audio_received")
            own.start()
            await until(lambda: not house.gateway.access.seating.is_away, "Redis is back unnoticed")
            assert own.keys(how["shared_key_prefix"])
            assert (200, {"status": "ready"}) == await house.get("/readyz")
