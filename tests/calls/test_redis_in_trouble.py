"""Twenty calls talk while Redis has trouble of every kind."""

import asyncio
import itertools
from contextlib import AsyncExitStack

import pytest

from tests.calls.house import House, VoiceClient, until
from tests.fakes.redis_server import RedisServer, needs_redis
from tests.fakes.slow_wire import SlowWire
from tests.fakes.upstream import FakeUpstream
from tests.test_gateway import a_gateway, knock
from tornado_app.errors import Refused

needs_redis()

CALLS = 20
CHUNK = bytes(960)
_numbers = itertools.count(1)


def restart(server: RedisServer) -> None:
    server.kill()
    server.start()


TROUBLES = {
    "killed": (lambda server, _: server.kill(), lambda server, _: server.start()),
    "restarted": (lambda server, _: restart(server), lambda *_: None),
    "stopped": (lambda server, _: server.pause(), lambda server, _: server.go_on()),
    "flushed": (lambda server, _: server.flush(), lambda *_: None),
    "slow once": (lambda server, _: server.ask("CLIENT", "PAUSE", "200"), lambda *_: None),
    "slow": (lambda _, wire: wire.slow_down(0.2), lambda _, wire: wire.slow_down(0.0)),
    "full": (
        lambda server, _: server.ask("CONFIG", "SET", "maxmemory", "1"),
        lambda server, _: server.ask("CONFIG", "SET", "maxmemory", "0"),
    ),
    "read only": (
        lambda server, _: server.ask("REPLICAOF", "127.0.0.1", "1"),
        lambda server, _: server.ask("REPLICAOF", "NO", "ONE"),
    ),
}


async def talk(clients: list[VoiceClient], chunks: int = 8) -> None:
    """Each says some, and is told of every one; none of them waits for Redis."""
    for client in clients:
        for _ in range(chunks):
            await client.audio(CHUNK)
    for client in clients:
        for _ in range(chunks):
            await client.next("audio_received")


@pytest.mark.gen_test(timeout=120)
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_calls_go_on_and_limits_hold_again(trouble):
    """No chunk is lost; who comes meanwhile is let in by what is counted here, and counts later."""
    begin, end = TROUBLES[trouble]
    async with AsyncExitStack() as stack:
        redis = stack.enter_context(RedisServer())
        prefix = f"trouble-{next(_numbers)}"
        wire = await stack.enter_async_context(SlowWire(redis.port))
        url = f"redis://127.0.0.1:{wire.port}/0"
        how = {"shared_redis_url": url, "shared_key_prefix": prefix, "shared_lease_s": 3}
        how |= {"shared_timeout_s": 2, "limits_connections": CALLS + 2}
        async with (
            a_gateway(**how) as other,
            FakeUpstream() as fake,
            House(fake.url, **how) as house,
        ):
            await until(lambda: not house.gateway.access.seating.is_away, "Redis is not found")
            clients = [await house.connected(user=f"user-{each}") for each in range(CALLS)]
            await talk(clients)
            begin(redis, wire)
            await talk(clients)
            clients.append(await house.connected(user="bob"))
            await talk(clients)
            end(redis, wire)
            for gateway in (house.gateway, other):
                await until(lambda: not gateway.access.seating.is_away, "it stays away")  # noqa: B023
            places = f"{{{prefix}:1}}:connections"
            await until(
                lambda: redis.ask("ZCARD", places) == f":{CALLS + 1}\r\n", "calls are not counted"
            )
            await talk(clients)
            guest = await other.access.reception.coming_in(knock("eve"))
            with pytest.raises(Refused):
                await other.access.reception.coming_in(knock("mallory"))
            other.access.reception.release(guest)
            assert len(house.gateway.connections) == len(clients)
            for client in clients:
                assert "error" not in client.types
    await asyncio.sleep(0)
