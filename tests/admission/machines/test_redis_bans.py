"""Who is kept out on several machines, in a real Redis."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from tests.calls.house import until, whole_log
from tests.fakes.redis_server import RedisServer, needs_redis
from tornado_app.admission.bans import NOBODY, Bans

needs_redis()

from tornado_app.admission.machines.link import Link  # noqa: E402  the package is an option
from tornado_app.admission.machines.redis_bans import RedisBans, _unix_s  # noqa: E402

PATIENT_S = 5.0

_numbers = itertools.count(1)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


class Machine:
    """Knows who is kept out, and learns."""

    def __init__(self, server: RedisServer, prefix: str) -> None:
        self.bans = NOBODY
        self.key = f"{{{prefix}:1}}:bans"
        self.shared = RedisBans(
            Link(server.url, PATIENT_S),
            prefix,
            f"run-{next(_numbers)}-",
            known=lambda: self.bans,
            learn=self._learn,
            is_away=lambda: False,
        )

    def _learn(self, bans: Bans) -> None:
        self.bans = self.bans.merged(bans, _unix_s())

    def keep_out(self, name: str, for_s: float = 600.0) -> None:
        now = _unix_s()
        self.bans = self.bans.with_one("user", name, now + for_s, now)

    def let_in(self, name: str) -> None:
        self.bans = self.bans.without("user", name, _unix_s())

    @property
    def users(self) -> set[str]:
        return {name for _, name, _ in self.bans.kept_out(_unix_s())}


@asynccontextmanager
async def machines(server: RedisServer, count: int = 2) -> AsyncIterator[list[Machine]]:
    found = [Machine(server, "test") for _ in range(count)]
    try:
        yield found
    finally:
        for each in found:
            await each.shared.stop()


@pytest.mark.gen_test
async def test_what_one_decides_the_other_knows(redis):
    """To keep somebody out and to let somebody in, in one key that goes by itself."""
    async with machines(redis) as (one, other):
        one.keep_out("alice")
        other.keep_out("bob")
        for each in (one, other, one):
            await each.shared.look()
        assert {"alice", "bob"} == one.users == other.users
        other.let_in("alice")
        for each in (other, one):
            await each.shared.look()
        assert {"bob"} == one.users == other.users
        assert {one.key} == redis.keys("test")
        assert 600_000 < int(redis.ask("PTTL", one.key).removeprefix(":"))
        assert one.shared.are_told
        assert other.shared.are_told


@pytest.mark.gen_test
async def test_it_is_told_by_itself(redis):
    async with machines(redis) as (one, other):
        one.shared.start()
        other.shared.start()
        one.keep_out("alice")
        await until(lambda: other.users, "it is not told")


@pytest.mark.gen_test
async def test_those_who_write_at_once_lose_nothing(redis):
    async with machines(redis, 5) as all_of_them:
        for number, each in enumerate(all_of_them):
            each.keep_out(f"user-{number}")
        for _ in range(2):
            await asyncio.gather(*(each.shared.look() for each in all_of_them))
        for each in all_of_them:
            await each.shared.look()
        names = {f"user-{number}" for number in range(5)}
        assert [names] * 5 == [each.users for each in all_of_them]


@pytest.mark.gen_test
async def test_redis_is_away_or_has_forgotten(redis):
    """What was decided meanwhile is told when it is back, and what it has lost again."""
    async with machines(redis) as (one, other):
        one.keep_out("alice")
        await one.shared.look()
        redis.kill()
        one.keep_out("bob")
        await one.shared.look()
        assert not one.shared.are_told
        redis.start()
        await one.shared.look()
        await other.shared.look()
        assert {"alice", "bob"} == other.users
        redis.flush()
        other.let_in("bob")
        for each in (one, other, one):
            await each.shared.look()
        assert {"alice"} == one.users == other.users


@pytest.mark.gen_test
async def test_what_is_none_of_ours_is_written_again(redis):
    """And told as a fault."""
    async with machines(redis) as (one, other):
        one.keep_out("alice")
        redis.ask("HSET", one.key, "version", "x")
        redis.ask("HSET", one.key, "bans", "{")
        with whole_log("error") as log:
            await one.shared.look()
        await other.shared.look()
        assert {"alice"} == other.users
        assert "bans_unreadable" in log.getvalue()
