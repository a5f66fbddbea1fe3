"""Four gateways that count together, of which some are killed in the middle of it."""

import asyncio
import os
import random
import time
from collections import Counter
from multiprocessing import get_context
from typing import Any

import pytest

from tests.fakes.redis_server import RedisServer, needs_redis
from tests.test_gateway import a_gateway, knock
from tornado_app.errors import Refused
from tornado_app.guests import Guest

needs_redis()

TURNS = int(os.environ.get("STORM", "400"))
"""`STORM=10000 python -m pytest -s tests/admission/machines/test_storm.py`."""
FORK = get_context("fork")
WAIT_S = 120.0
USERS = [f"user-{number}" for number in range(50 if TURNS > 1000 else 8)]
LIMITS = {"limits_connections": 12, "limits_connections_per_user": 2}
LEASE_S = 3.0

# Who is in, as gateways see it: noted behind each opening, taken back before each end, and read at
# one stroke.  So it is never more than there are.
WITNESS = """
redis.call('HINCRBY', 'witness', ARGV[1] .. ' ' .. ARGV[2], ARGV[3])
local all, mine = 0, 0
local found = redis.call('HGETALL', 'witness')
for i = 1, #found, 2 do
  all = all + found[i + 1]
  if string.find(found[i], ' ' .. ARGV[2], 1, true) == #found[i] - #ARGV[2] then
    mine = mine + found[i + 1]
  end
end
return {all, mine}
"""


async def open_and_close(port: int, url: str, number: int, turns: int) -> None:
    """Calls come and go at random; what there was at most is noted in Redis."""
    from redis import asyncio as redis  # noqa: PLC0415  the package is an option

    client = redis.Redis(port=port)
    chance, held, most = random.Random(number), list[tuple[str, Guest]](), [0, 0]
    refusals = Counter[str]()

    async def witness(user: str, by: int) -> None:
        name = f"gateway-{os.getpid()}"
        seen = await client.eval(WITNESS, 0, name, user, by)
        most[:] = map(max, most, seen)

    how = {"shared_redis_url": url, "shared_key_prefix": "storm", "shared_lease_s": LEASE_S}
    async with a_gateway(**how, **LIMITS, shared_timeout_s=5) as gateway:
        while gateway.access.seating.is_away:
            await asyncio.sleep(0.01)
        for _ in range(turns):
            if held and chance.random() < 0.35:
                user, guest = held.pop(chance.randrange(len(held)))
                await witness(user, -1)
                gateway.access.reception.release(guest)
                continue
            user = chance.choice(USERS)
            try:
                guest = await gateway.access.reception.coming_in(knock(user))
            except Refused as refused:
                refusals[refused.code] += 1
                continue
            await witness(user, 1)
            held.append((user, guest))
        for user, guest in held:
            await witness(user, -1)
            gateway.access.reception.release(guest)
    await client.rpush("most", *most)
    for code, count in refusals.items():
        await client.hincrby("refused", code, count)
    await client.aclose()


def gateway_process(*arguments: Any) -> None:
    asyncio.run(open_and_close(*arguments))


@pytest.mark.timeout(900)
def test_no_limit_is_exceeded_and_no_place_is_lost():
    """Whoever is killed gives back all of its places within their time, and never earlier."""
    with RedisServer() as server:
        chance = random.Random(8)

        def start(number: int) -> Any:
            arguments = (server.port, server.url, number, TURNS // 4)
            process = FORK.Process(target=gateway_process, args=arguments)
            process.start()
            return process

        processes = [start(number) for number in range(4)]
        for number in range(4, 6):
            wait_for(lambda: busy(server) > 5)
            killed = processes.pop(chance.randrange(len(processes)))
            killed.kill()
            killed.join(WAIT_S)
            for field in server.ask("HKEYS", "witness").split("\r\n"):
                if field.startswith(f"gateway-{killed.pid} "):
                    server.ask("HDEL", "witness", field)
            processes.append(start(number))
        for process in processes:
            process.join(WAIT_S + TURNS)
            assert 0 == process.exitcode
        said = [int(text) for text in server.ask("LRANGE", "most", "0", "-1").split("\r\n")[2::2]]
        most = [max(said[0::2]), max(said[1::2])]
        print(f"{TURNS} turns, at most {most[0]} calls, and {most[1]} of one user")  # noqa: T201
        assert most[0] <= LIMITS["limits_connections"]
        assert most[1] <= LIMITS["limits_connections_per_user"]
        # Both were reached, if only with places of those who were killed.
        refused = server.ask("HKEYS", "refused")
        assert "server_busy" in refused
        assert "connection_limit" in refused
        wait_for(lambda: not server.keys("storm"))


def busy(server: RedisServer) -> int:
    return int(server.ask("ZCARD", "{storm:1}:connections").strip(":\r\n"))


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.02)
