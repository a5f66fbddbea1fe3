"""A user who is thrown out on one machine loses the call on another, told through Redis."""

import asyncio
import math
import os
import statistics
import time
from contextlib import AsyncExitStack

import pytest

from tests.calls.house import House, until
from tests.calls.test_administration import KEY, ask
from tests.fakes.redis_server import RedisServer, needs_redis
from tests.fakes.upstream import FakeUpstream
from tornado_app.admission.bans import NOBODY

needs_redis()

ROUNDS = int(os.environ.get("BANS", "3"))
"""`BANS=100 python -m pytest -s tests/calls/test_thrown_out_elsewhere.py` tells how long."""


def machine(redis: RedisServer, folder, name: str, upstream: str) -> House:
    """One of several: with a file of its own."""
    return House(
        upstream,
        metrics_enabled=True,
        admin_keys=[f"anna:{KEY}"],
        server_state_dir=str(folder / name),
        shared_redis_url=redis.url,
        shared_key_prefix="bans",
        shared_timeout_s=2,
    )


@pytest.mark.gen_test(timeout=600)
async def test_the_call_ends_on_the_other_machine(tmp_path):
    """By user and by token; whoever is let in there may call here."""
    took_ms = []
    with RedisServer() as redis:
        async with (
            FakeUpstream() as fake,
            machine(redis, tmp_path, "one", fake.url) as one,
            machine(redis, tmp_path, "other", fake.url) as other,
        ):
            for house in (one, other):
                await until(lambda: not house.gateway.access.seating.is_away, "no Redis")  # noqa: B023
            bystander = await other.connected(user="bystander")
            for number in range(ROUNDS):
                user = {"kind": "user", "name": f"user-{number}"}
                client = await other.connected(user=user["name"])
                asked_at = time.monotonic()
                status, answer = await ask(one, "POST", "bans", user)
                assert (200, True) == (status, answer["everywhere"])
                assert (4401, "token_revoked") == await client.closed()
                took_ms.append((time.monotonic() - asked_at) * 1000)
            assert 200 == (await ask(other, "DELETE", f"bans/user/user-{ROUNDS - 1}"))[0]
            trust = one.gateway.access.trust
            await until(lambda: not trust.taken_back.has(f"user-{ROUNDS - 1}", None), "still out")
            await one.connected(user=f"user-{ROUNDS - 1}")
            await bystander.say("ping")
            await bystander.next("pong")
    took_ms.sort()
    p99 = took_ms[math.ceil(0.99 * len(took_ms)) - 1]
    print(  # noqa: T201
        f"{ROUNDS} thrown out: p50 {statistics.median(took_ms):.0f} ms, p99 {p99:.0f} ms, "
        f"longest {took_ms[-1]:.0f} ms"
    )


@pytest.mark.gen_test
async def test_who_was_thrown_out_while_redis_was_away_is_thrown_out_later(tmp_path):
    """At once where it was asked, elsewhere when Redis is back, and for longer than Redis knows."""
    with RedisServer() as redis:
        async with FakeUpstream() as fake, AsyncExitStack() as stack:
            one, other = [
                await stack.enter_async_context(machine(redis, tmp_path, name, fake.url))
                for name in ("one", "other")
            ]
            await until(lambda: not one.gateway.access.seating.is_away, "no Redis")
            clients = [await house.connected(user="alice") for house in (one, other)]
            redis.kill()
            _, answer = await ask(one, "POST", "bans", {"kind": "user", "name": "alice"})
            assert answer["everywhere"] is False
            assert (4401, "token_revoked") == await clients[0].closed()
            await clients[1].say("ping")
            await clients[1].next("pong")
            redis.start()
            assert (4401, "token_revoked") == await clients[1].closed()
            await stack.aclose()
            redis.flush()
            async with machine(redis, tmp_path, "other", fake.url) as other:
                assert other.gateway.access.trust.taken_back.has("alice", None)


@pytest.mark.gen_test
async def test_a_machine_that_stops_writes_down_first_what_it_was_told(tmp_path):
    """The moment it is told, and again while it writes."""
    with RedisServer() as redis:
        async with FakeUpstream() as fake:
            async with machine(redis, tmp_path, "one", fake.url) as house:
                for name in ("alice", "bob", "carol"):
                    now = time.time()
                    house.gateway.access.keeping_out._learn(
                        NOBODY.with_one("user", name, now + 60, now)
                    )
                    await asyncio.sleep(0)
            redis.flush()
            async with machine(redis, tmp_path, "one", fake.url) as house:
                knows = house.gateway.access.trust.taken_back.has
                assert [True] * 3 == [knows(name, None) for name in ("alice", "bob", "carol")]
