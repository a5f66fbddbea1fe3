"""Questions to one server of Redis: how many at a time, and what is told of it."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.calls.house import until
from tests.fakes.redis_server import RedisServer, needs_redis
from tests.fakes.slow_wire import SlowWire

needs_redis()

from tornado_app.admission.machines import link as link_module  # noqa: E402
from tornado_app.admission.machines.link import SOCKETS, Away, Busy, Link  # noqa: E402

ONE = "return 1"
SHORT_S = 0.5
PATIENT_S = 20.0


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    """Unless a test says otherwise: the computer may be too busy for a second to be long."""
    monkeypatch.setattr(link_module, "QUEUE_S", PATIENT_S)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def answered(ask) -> None:
    """Return when it is answered."""
    async with asyncio.timeout(PATIENT_S):
        while True:
            try:
                assert 1 == await ask([], [])
            except Away:
                await asyncio.sleep(0.01)
            else:
                return


@pytest.mark.gen_test
async def test_who_finds_no_socket_says_nothing_of_redis(monkeypatch):
    """Those who have asked wait on, and have their answers."""
    monkeypatch.setattr(link_module, "QUEUE_S", 0.2)
    with RedisServer() as server:
        link = Link(server.url, PATIENT_S)
        ask = link.script(ONE)
        server.pause()
        asking = [asyncio.ensure_future(ask([], [])) for _ in range(3 * SOCKETS)]
        late = await asyncio.gather(*asking[SOCKETS:], return_exceptions=True)
        server.go_on()

        assert {Busy} == {type(each) for each in late}
        assert [1] * SOCKETS == await asyncio.gather(*asking[:SOCKETS])
        await link.close()


@pytest.mark.gen_test
async def test_of_a_redis_that_hangs_nobody_waits_for_two_answers():
    """Whoever waits for a socket learns of it with those who had one; later it is asked again."""
    with RedisServer() as server:
        link = Link(server.url, SHORT_S)
        ask = link.script(ONE)
        server.pause()
        # One after the other, eight at a time, these would take longer than a test may.
        questions = [ask([], []) for _ in range(200 * SOCKETS)]
        found = await asyncio.gather(*questions, return_exceptions=True)
        server.go_on()

        assert {(Away, "timeout")} == {(type(each), each.cause) for each in found}
        await answered(ask)
        await link.close()


@pytest.mark.gen_test
async def test_a_loop_that_is_busy_is_no_fault_of_redis():
    """It stands still for longer than an answer may take, while the link still dials."""
    with RedisServer() as server:
        link = Link(server.url, 2 * SHORT_S)
        ask = link.script(ONE)
        asking = [asyncio.ensure_future(ask([], [])) for _ in range(SOCKETS)]
        for _ in range(2):
            await asyncio.sleep(0)
        time.sleep(2.2 * SHORT_S)  # noqa: ASYNC251  this is the fault

        assert [1] * SOCKETS == await asyncio.gather(*asking)
        await link.close()


@pytest.mark.gen_test
async def test_sockets_come_back_whatever_became_of_their_questions():
    with RedisServer() as server:
        link = Link(server.url, PATIENT_S)
        ask, fail = link.script(ONE), link.script("return redis.error_reply('ERR no')")
        given_up = [asyncio.ensure_future(ask([], [])) for _ in range(2 * SOCKETS)]
        await asyncio.sleep(0)
        for each in given_up:
            each.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        found = await asyncio.gather(*[fail([], []) for _ in range(20)], return_exceptions=True)
        assert ["error"] * 20 == [each.cause for each in found]

        assert [1] * 240 == await asyncio.gather(*[ask([], []) for _ in range(240)])
        await link.close()


@pytest.mark.gen_test
async def test_a_redis_that_is_slow_is_found_to_be_back():
    """Where each dial takes longer than an answer may."""
    with RedisServer() as server:
        async with SlowWire(server.port) as wire:
            link = Link(f"redis://127.0.0.1:{wire.port}/0", SHORT_S)
            own = link.script(ONE, has_own_socket=True)
            wire.slow_down(0.4 * SHORT_S)
            await answered(own)
            assert not link.is_silent
            await link.close()


@pytest.mark.gen_test
async def test_one_with_a_socket_of_its_own_waits_for_nobody():
    with RedisServer() as server:
        link = Link(server.url, PATIENT_S)
        ask, own = link.script(ONE), link.script("return 2", has_own_socket=True)
        assert 2 == await own([], [])
        order: list[int] = []

        async def note(asked):
            order.append(await asked)

        await asyncio.gather(*[note(ask([], [])) for _ in range(30 * SOCKETS)], note(own([], [])))
        assert order.index(2) < len(order) // 2
        await link.close()


@pytest.mark.gen_test
@pytest.mark.parametrize("hangs", [False, True])
async def test_one_that_is_closed_while_it_dials_leaves_no_socket(hangs):
    """At any step of it, whether those who asked have gone or not."""
    with RedisServer() as server:
        for turns in range(16):
            link = Link(server.url, SHORT_S)
            ask = link.script(ONE)
            files = open_files()
            if hangs:
                server.pause()
            asking = [asyncio.ensure_future(ask([], [])) for _ in range(SOCKETS + 2)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for each in asking[::2]:
                each.cancel()
            await link.close()
            await until(lambda: files == open_files(), f"a socket is left after {turns} turns")  # noqa: B023
            server.go_on()
            told = await asyncio.gather(*asking, return_exceptions=True)
            assert all(each == 1 or isinstance(each, Away) for each in told[1::2]), told
            with pytest.raises(Away):
                await ask([], [])
