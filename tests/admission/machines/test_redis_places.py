"""Places that machines count together, in a real Redis."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calls.house import WAIT_S, until, whole_log
from tests.fakes.redis_server import RedisServer, needs_redis
from tornado_app.admission.counting import CODES, Lease, LimitName, PlacesHere, Seat

needs_redis()

from tornado_app.admission.machines.link import Busy, Link  # noqa: E402  the package is an option
from tornado_app.admission.machines.redis_places import RedisPlaces, Rules  # noqa: E402
from tornado_app.admission.machines.scripts import ACQUIRE, Keys  # noqa: E402

LONG_S = 60.0
PATIENT_S = 2.0
"""Of a busy computer; what hangs takes so long, once."""

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def own() -> Iterator[RedisServer]:
    """One that may be killed."""
    with RedisServer() as server:
        yield server


class Machine:
    """One that counts with others, of the same prefix."""

    def __init__(self, server: RedisServer, prefix: str, lease_s: float, *, lets_in: bool) -> None:
        self.prefix = prefix
        self.facts: list[tuple[str, dict[str, object]]] = []
        loop = asyncio.get_running_loop()
        self.places = RedisPlaces(
            PlacesHere(loop.time),
            Link(server.url, PATIENT_S),
            Rules(prefix, lease_s, lets_in),
            loop,
            lambda event, fields: self.facts.append((event, dict(fields))),
        )

    async def admit(self, *seats: Seat, takes_over: bool = False) -> Lease | str:
        """What is to be given back, or the code that says why not."""
        lease = Lease(f"lease-{next(_numbers)}", seats)
        refused = await self.places.reserve(lease, takes_over=takes_over)
        return refused.code if refused else lease


@asynccontextmanager
async def machines(
    server: RedisServer, count: int = 2, *, lease_s: float = LONG_S, lets_in: bool = True
) -> AsyncIterator[list[Machine]]:
    prefix = f"test-{next(_numbers)}"
    found = [Machine(server, prefix, lease_s, lets_in=lets_in) for _ in range(count)]
    for each in found:
        each.places.start()
    try:
        for each in found:
            await until(lambda: not each.places.is_away, "Redis is not found")  # noqa: B023
        yield found
    finally:
        for each in found:
            await each.places.stop()


def seat(limit: LimitName = "connections", allowed: int = 2, whose: str = "") -> Seat:
    return Seat(limit, whose, allowed, LONG_S if limit.startswith("openings") else None)


@pytest.mark.parametrize("limit", get_args(LimitName))
@pytest.mark.parametrize("kind", ["here", "redis"])
def test_each_limit_is_exact_at_its_border(redis, kind, limit):
    """As many as are allowed, and not one more; of somebody else there may be some again."""

    async def story() -> None:
        async with machines(redis) as (one, other):
            doors = {"here": (one, one, one), "redis": (one, other, one)}[kind]
            three = seat(limit, 3, "a")
            found = [await door.admit(three) for door in doors]
            assert [True] * 3 == [isinstance(each, Lease) for each in found]
            assert [CODES[limit]] * 3 == [await door.admit(three) for door in doors]
            assert isinstance(await doors[1].admit(seat(limit, 3, "b")), Lease)
            assert isinstance(await doors[1].admit(seat(limit, 4, "a")), Lease)

    asyncio.run(story())


@pytest.mark.gen_test
async def test_all_or_nothing(redis):
    """Who is refused by one limit has taken nothing of another."""
    async with machines(redis) as (one, other):
        everybody, mine = seat(allowed=2), seat("connections_per_user", 1, "a")
        first = await one.admit(everybody, mine)
        assert "connection_limit" == await other.admit(everybody, mine)
        assert isinstance(await other.admit(everybody), Lease)
        assert "server_busy" == await other.admit(everybody, seat("connections_per_user", 1, "b"))
        one.places.release(first)
        await until(lambda: not one.places.owed, "it was not given back")
        assert isinstance(await other.admit(everybody, mine), Lease)


@pytest.mark.gen_test
async def test_what_takes_over_has_room_for_a_moment(redis):
    async with machines(redis) as (one, other):
        first = await one.admit(seat(allowed=1))
        second = await one.admit(seat(allowed=1), takes_over=True)
        assert isinstance(second, Lease)
        one.places.release(first)
        assert "server_busy" == await other.admit(seat(allowed=1))


@pytest.mark.gen_test
async def test_what_takes_over_has_no_room_for_what_is_new(redis):
    """Nobody gives such a place back for it."""
    place = seat("connections_per_address", 1, "10.0.0.1")
    async with machines(redis) as (one, other):
        await one.admit(place)
        new = replace(place, is_new=True)
        assert "connection_limit" == await other.admit(new, takes_over=True)
        assert isinstance(await other.admit(place, takes_over=True), Lease)


@pytest.mark.gen_test
async def test_a_place_is_kept_as_long_as_its_call(redis):
    """It is renewed long before its time is over."""
    async with machines(redis, 1, lease_s=3.0) as (one,):
        lease = await one.admit(seat())
        (key,) = redis.keys(one.prefix)

        left_ms = [math.inf]

        def grows() -> bool:
            left_ms.append(int(redis.ask("PTTL", key).removeprefix(":")))
            return left_ms[-1] > left_ms[-2]

        for _ in range(2):
            await until(grows, "it is not renewed")
        one.places.release(lease)
        await until(lambda: not redis.keys(one.prefix), "the place was not given back")


@pytest.mark.gen_test
async def test_a_machine_that_dies_leaves_nothing_behind(redis):
    """It was never told to stop, and its places are free when their time is over."""
    keys = Keys(prefix := f"test-{next(_numbers)}")
    link, lease = Link(redis.url, PATIENT_S), Lease("dead", (seat(allowed=1),))
    acquire = link.script(ACQUIRE)
    assert [0, 1] == await acquire(*keys.acquiring(lease, 0.5, takes_over=False))
    await link.close()
    assert redis.keys(prefix)
    await until(lambda: not redis.keys(prefix), "a dead machine keeps its place")


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.booleans()), max_size=25))
def test_two_machines_are_as_one(redis, steps):
    """Whoever comes and goes, on either: who is let in, and how many there are."""

    async def story() -> None:
        plain, held = PlacesHere(lambda: 0.0), dict[tuple[str, int], list[Lease]]()
        async with machines(redis) as doors:
            for user, which, comes in steps:
                mine = held.setdefault((user, which), [])
                seats = seat(allowed=3), seat("connections_per_user", 2, user)
                if comes:
                    lease = Lease(f"lease-{next(_numbers)}", seats)
                    refusal = plain.admit(lease)
                    refused = await doors[which].places.reserve(lease)
                    # Of two limits that are reached, the one that is known here is told.
                    assert (refusal is None) == (refused is None)
                    if refusal is None:
                        mine.append(lease)
                elif mine:
                    lease = mine.pop()
                    plain.release(lease)
                    doors[which].places.release(lease)
                    await until(lambda: not doors[which].places.owed, "not given back")  # noqa: B023

            prefix = doors[0].prefix
        assert not redis.keys(prefix)

    asyncio.run(story())


@pytest.mark.gen_test
@pytest.mark.parametrize(("lets_in", "hangs"), [(True, False), (False, False), (True, True)])
async def test_redis_is_away(own, lets_in, hangs):
    """Calls go on; who may begin one is decided by the rules; then all of them count again."""
    async with machines(own, lets_in=lets_in) as (one, other):
        before = await one.admit(seat(allowed=3))
        with whole_log() as log:
            own.pause() if hangs else own.kill()
            meanwhile = [await one.admit(seat(allowed=3)) for _ in range(3)]
            if lets_in:
                assert [True, True, False] == [isinstance(each, Lease) for each in meanwhile]
            else:
                assert ["server_busy"] * 3 == meanwhile
            assert (True, not lets_in) == (one.places.is_away, one.places.is_closed)
            # Redis may have counted the first, and was not asked for the others.
            assert (0 if lets_in else 1) == one.places.owed
            own.go_on() if hangs else own.start()
            await until(lambda: not one.places.is_away, "it is not noticed that Redis is back")
        assert "server_busy" == await other.admit(seat(allowed=3 if lets_in else 1))
        one.places.release(before)
        await until(lambda: not one.places.owed, "it was not given back")
        assert isinstance(await other.admit(seat(allowed=3 if lets_in else 1)), Lease)
        told = log.getvalue()
        assert '"shared_away"' in told
        assert '"shared_back"' in told
        assert "shared_away" == one.facts[0][0]


@pytest.mark.gen_test
async def test_redis_is_found_back_whatever_became_of_a_question(own):
    """Also of one that was cancelled, and not by whoever has asked it."""
    async with machines(own, 1) as (one,):
        lease = await one.admit(seat())
        assert isinstance(lease, Lease)
        own.pause()
        one.places._renew_at = 0.0
        one.places._wake.set()
        await until(lambda: cancelled_questions() > 0, "nothing is asked")
        await until(lambda: one.places.is_away, "nobody noticed")
        own.go_on()
        await until(lambda: not one.places.is_away, "it stays away")


def cancelled_questions() -> int:
    """How many questions to Redis were there to be cancelled."""
    asking = [each for each in asyncio.all_tasks() if "Link._put" in repr(each.get_coro())]
    return sum(each.cancel() for each in asking)


@pytest.mark.gen_test
async def test_redis_has_forgotten_everything(own):
    """Nobody is told, and all calls that run are counted again long before their leases end."""
    async with machines(own) as (one, other):
        assert isinstance(await one.admit(seat(allowed=1)), Lease)
        own.flush()
        await until(lambda: own.keys(one.prefix), "the places of calls are lost")
        assert "server_busy" == await other.admit(seat(allowed=1))


@pytest.mark.gen_test
async def test_whoever_waits_no_more_has_no_place(own):
    """A client that goes while Redis hangs; what that counts then is given back."""
    async with machines(own) as (one, other):
        own.pause()
        waiting = asyncio.ensure_future(one.admit(seat(allowed=1)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert 0 == one.places.here
        own.go_on()
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while await other.admit(seat(allowed=1)) == "server_busy":
            assert asyncio.get_running_loop().time() < deadline, "the place was not given back"


class FullLink:
    """Has no socket for those who open a call."""

    def script(self, text: str, *, has_own_socket: bool = False):
        async def run(keys, arguments):
            if text == ACQUIRE:
                raise Busy
            assert has_own_socket
            return [0] * len(keys)

        return run

    async def close(self) -> None: ...


@pytest.mark.gen_test
@pytest.mark.parametrize("lets_in", [True, False])
async def test_too_many_who_ask_at_once_make_nobody_away(lets_in):
    """They are refused, whoever is let in while Redis is away; nothing is counted of them."""
    facts = []
    loop = asyncio.get_running_loop()
    here, rules = PlacesHere(loop.time), Rules("test", LONG_S, lets_in)
    places = RedisPlaces(here, FullLink(), rules, loop, lambda *fact: facts.append(fact))
    places.start()
    await until(lambda: not places.is_away, "Redis is not found")
    for number in range(3):
        refused = await places.reserve(Lease(f"l{number}", (seat(allowed=1),)))
        assert ("server_busy", True) == (refused.code, bool(refused.retry_after_ms))
    assert (False, 0, 0, []) == (places.is_away, places.owed, here.used(seat()), facts)
    await places.stop()
