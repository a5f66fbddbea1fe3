"""What machines have used together, in a real Redis."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal

import pytest

from tests.calls.house import until
from tests.fakes.redis_server import RedisServer, needs_redis
from tornado_app.admission.quotas import HELD, Key, Quota
from tornado_app.metering import CallMeter

needs_redis()

from tornado_app.admission.machines.link import Link  # noqa: E402  the package is an option
from tornado_app.admission.machines.redis_meters import REST_S, RedisMeters  # noqa: E402

PATIENT_S = 5.0
KEY = Key("tokens", "user", "alice", "2026-12-01")

_numbers = itertools.count(1)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def meters(server: RedisServer, clock: Clock) -> AsyncIterator[RedisMeters]:
    link = Link(server.url, PATIENT_S)
    made = RedisMeters(link, "test", f"run-{next(_numbers)}-", clock, lambda: False)
    try:
        yield made
    finally:
        await made.stop()


@pytest.mark.gen_test
async def test_what_one_has_used_the_other_knows(redis):
    """To say it again adds nothing."""
    async with meters(redis, Clock()) as one, meters(redis, Clock()) as other:
        one.spend(KEY, 30)
        other.spend(KEY, 12)
        for _ in range(3):
            await one.note([KEY])
            await other.note([KEY])
        await one.note([KEY])
        assert (42, 42) == (one.used(KEY), other.used(KEY))
        one.spend(KEY, 1)
        assert (43, 42) == (one.used(KEY), other.used(KEY))
        await one.note([KEY])
        await other.learn([KEY])
        assert 43 == other.used(KEY)


@pytest.mark.gen_test
async def test_a_process_that_comes_later_knows_all(redis):
    """Also of those that have ended."""
    async with meters(redis, Clock()) as one:
        one.spend(KEY, 7)
    async with meters(redis, Clock()) as other:
        await other.learn([KEY])
        assert 7 == other.used(KEY)
        other.spend(KEY, 1)
    async with meters(redis, Clock()) as third:
        await third.learn([KEY])
        assert 8 == third.used(KEY)


@pytest.mark.gen_test
async def test_processes_that_end_leave_one_field(redis):
    """However many were started anew, and for however many users; said and not yet said."""
    users = [Key("tokens", "user", f"user-{number}", "2026-12-01") for number in range(70)]
    for _ in range(3):
        async with meters(redis, Clock()) as one:
            for key in users:
                one.spend(key, 5)
            await one.note(users[:5])
            one.spend(users[0], 1)
    names = redis.keys("test")

    assert len(users) == len(names)
    assert {":1\r\n"} == {redis.ask("HLEN", name) for name in names}
    async with meters(redis, Clock()) as other:
        await other.learn(users)
        assert [18, *[15] * 69] == [other.used(key) for key in users]


@pytest.mark.gen_test
async def test_what_redis_has_lost_comes_back(redis):
    """As far as those who have used it live."""
    async with meters(redis, Clock()) as one, meters(redis, Clock()) as other:
        one.spend(KEY, 7)
        await one.note([KEY])
        redis.flush()
        await other.note([KEY])
        assert 0 == other.used(KEY)
        await one.note([KEY])
        await other.note([KEY])
        assert 7 == other.used(KEY)


@pytest.mark.gen_test
async def test_it_is_told_by_itself_and_forgotten_when_nobody_asks(redis):
    """Nothing is lost by that, and one field is left in Redis."""
    async with meters(redis, clock := Clock()) as one:
        one.start()
        one.spend(KEY, 7)
        await until(lambda: redis.keys("test"), "it is not told")
        (name,) = redis.keys("test")
        clock.now += REST_S + 1
        await until(lambda: "before" in redis.ask("HKEYS", name), "it is not added up")
        one.spend(KEY, 1)
        await one.note([KEY])
        assert 8 == one.used(KEY)
        assert ":2\r\n" == redis.ask("HLEN", name)


@pytest.mark.gen_test
async def test_what_one_resets_begins_anew_for_all(redis):
    """Also what an ended process had used; what is used behind it counts."""
    async with meters(redis, Clock()) as ended:
        ended.spend(KEY, 100)
    async with meters(redis, Clock()) as one, meters(redis, Clock()) as other:
        one.spend(KEY, 30)
        other.spend(KEY, 12)
        await one.note([KEY])
        await other.note([KEY])
        other.spend(KEY, 5)
        assert await one.reset([KEY], 1000)
        assert 0 == one.used(KEY)
        for each in (other, other, one):
            await each.note([KEY])
        assert (5, 5) == (one.used(KEY), other.used(KEY))
        # By a machine whose clock is behind.
        assert await other.reset([KEY], 10)
        for each in (one, one, other):
            await each.note([KEY])
        assert (0, 0) == (one.used(KEY), other.used(KEY))
        one.spend(KEY, 1)
    async with meters(redis, Clock()) as later:
        await later.learn([KEY])
        assert 1 == later.used(KEY)


@pytest.mark.gen_test
async def test_a_reset_is_not_lost_with_redis(redis):
    """Nor is what was used before it counted again, whoever notes first."""
    async with meters(redis, Clock()) as one, meters(redis, Clock()) as other:
        for each in (one, other):
            each.spend(KEY, 7)
            await each.note([KEY])
        redis.kill()
        assert not await one.reset([KEY], 1000)
        one.spend(KEY, 1)
        redis.start()
        for each in (other, one, other, other, one):
            await each.note([KEY])
        assert (1, 1) == (one.used(KEY), other.used(KEY))
        redis.flush()
        for each in (other, one, other):
            await each.note([KEY])
        assert (1, 1) == (one.used(KEY), other.used(KEY))


@pytest.mark.gen_test
async def test_redis_is_away(redis):
    """It counts on, and tells all of it later."""
    async with meters(redis, Clock()) as one:
        one.spend(KEY, 7)
        redis.kill()
        await one.learn([KEY])
        one.spend(KEY, 1)
        assert 8 == one.used(KEY)
        redis.start()
        await one.note([KEY])
        async with meters(redis, Clock()) as other:
            await other.learn([KEY])
            assert 8 == other.used(KEY)
    await asyncio.sleep(0)


HELD_KEY = Key(HELD, "user", "alice", "2026-12-01")


@pytest.mark.gen_test
async def test_what_one_keeps_aside_the_other_knows(redis):
    """Until it needs less, or is gone without a word."""
    async with meters(redis, Clock()) as one, meters(redis, Clock()) as other:
        one.spend(HELD_KEY, 30)
        other.spend(HELD_KEY, 12)
        for _ in range(2):
            await one.note([HELD_KEY, KEY])
            await other.note([HELD_KEY, KEY])
        await one.note([HELD_KEY])
        assert (42, 42) == (one.used(HELD_KEY), other.used(HELD_KEY))
        assert 0 == one.used(KEY)
        one.spend(HELD_KEY, -30)
        await one.note([HELD_KEY])
        await other.note([HELD_KEY])
        assert 12 == other.used(HELD_KEY)
        assert 0 == one.used(HELD_KEY) - 12


@pytest.mark.gen_test
async def test_a_process_that_stood_still_keeps_aside_what_it_did(redis):
    """Its calls go on, and give it back when they need less."""
    async with meters(redis, clock := Clock()) as one, meters(redis, Clock()) as other:
        one.start()
        one.spend(KEY, 7)
        one.spend(HELD_KEY, 30)
        await one.note([HELD_KEY, KEY])
        clock.now += REST_S + 1
        (name,) = [name for name in redis.keys("test") if "tokens" in name]
        await until(lambda: "before" in redis.ask("HKEYS", name), "nothing is forgotten")
        for more, held in ((20, 50), (-50, 0)):
            one.spend(HELD_KEY, more)
            await one.note([HELD_KEY])
            await other.note([HELD_KEY])
            assert (held, held) == (one.used(HELD_KEY), other.used(HELD_KEY))


@pytest.mark.gen_test
async def test_what_was_kept_aside_by_who_died_is_free_again(redis, monkeypatch):
    """With its lease, though others go on to use the same key."""
    async with meters(redis, Clock()) as other:
        with monkeypatch.context() as short:
            short.setattr("tornado_app.admission.machines.redis_meters.HELD_MS", 50)
            async with meters(redis, Clock()) as one:
                one.spend(HELD_KEY, 30)
                await one.note([HELD_KEY])
        other.spend(HELD_KEY, 1)
        deadline = asyncio.get_running_loop().time() + PATIENT_S
        while other.used(HELD_KEY) != 1 and asyncio.get_running_loop().time() < deadline:
            await other.note([HELD_KEY])
        assert 1 == other.used(HELD_KEY)


@pytest.mark.gen_test
@pytest.mark.parametrize("at_once", [False, True])
async def test_several_keep_no_more_aside_than_there_is(redis, at_once):
    """One after the other as many as there is room for, and at once no more than that."""
    quota = Quota("money", "user", "alice", "day", 0.5)

    async def may_go_on(mine: RedisMeters) -> bool:
        call = CallMeter([quota], mine, lambda: 1_800_000_000.0, mine.learn)
        call.look(0.0, 0, held=Decimal("0.2"))
        await call.telling()
        (use,) = call.look(0.0, 0, held=Decimal("0.2"))
        if use.is_over:
            call.look(0.0, 0)
            await mine.learn([quota.held_key(1_800_000_000.0)])
        return not use.is_over

    async with AsyncExitStack() as stack:
        all_meters = [await stack.enter_async_context(meters(redis, Clock())) for _ in range(4)]
        if at_once:
            assert sum(await asyncio.gather(*map(may_go_on, all_meters))) <= 2
        else:
            assert [True, True, False, False] == [await may_go_on(each) for each in all_meters]
