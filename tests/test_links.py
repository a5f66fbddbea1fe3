"""Tests of tornado_app/links.py: two links of one call, over real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog

from tests.calls.house import until
from tests.fakes.upstream import WAIT_S, FakeUpstream
from tests.session.story import Story, config
from tests.test_connection import Room, a_room
from tornado_app.links import Links
from tornado_app.protocol.realtime.events import Committed, SessionCreated, parse_realtime
from tornado_app.reading_on import ReadingOn
from tornado_app.session import commands, events

CONFIG = config()


@asynccontextmanager
async def a_call() -> AsyncIterator[tuple[Links, FakeUpstream, list[events.Event], Room]]:
    """One whose first link is open."""
    async with a_room() as (room, fake):
        heard: list[events.Event] = []
        kit = room.equipment
        links = Links(
            "sess_1",
            kit.dial,
            kit.retire,
            kit.mailbox,
            time.monotonic,
            read=parse_realtime,
            reading=ReadingOn(room.client, Story().session, structlog.get_logger()),
            feed=heard.append,
        )
        links.perform(commands.DialUpstream(), CONFIG)
        try:
            await until(lambda: greeted(heard, events.UpstreamSaid), "no first model")
            yield links, fake, heard, room
        finally:
            links.end()


def greeted(heard: list[events.Event], kind: type) -> bool:
    return any(isinstance(e, kind) and isinstance(e.event, SessionCreated) for e in heard)


def commits(heard: list[events.Event]) -> list[tuple[type, str]]:
    return [
        (type(each), each.event.item_id)
        for each in heard
        if isinstance(getattr(each, "event", None), Committed)
    ]


async def commit(fake: FakeUpstream, number: int, item_id: str) -> None:
    peer = await fake.connection(number)
    await peer.send({"type": "input_audio_buffer.committed", "item_id": item_id})


@pytest.mark.gen_test
async def test_each_of_two_links_is_heard_as_what_it_is():
    """Then the second is the one in use, and the first says goodbye and is heard no more."""
    async with a_call() as (links, fake, heard, _):
        links.perform(commands.PrepareUpstream(), CONFIG)
        await until(lambda: greeted(heard, events.PreparedSaid), "no second model")
        links.send(b'{"type":"to_first"}')
        links.send_prepared(b'{"type":"to_second"}')
        await commit(fake, 0, "a")
        await commit(fake, 1, "b")
        await until(lambda: len(commits(heard)) == 2, "not heard")
        assert {(events.UpstreamSaid, "a"), (events.PreparedSaid, "b")} == set(commits(heard))

        links.perform(commands.SwapUpstream(), CONFIG)
        await commit(fake, 0, "c")
        await commit(fake, 1, "d")
        links.send(b'{"type":"behind_the_swap"}')
        first, second = fake.connections
        async with asyncio.timeout(WAIT_S):
            await first.ended.wait()
        await until(lambda: len(commits(heard)) == 3, "not heard")

        assert (events.UpstreamSaid, "d") == commits(heard)[-1]
        assert 1000 == first.close_code
        await second.next_event("behind_the_swap")
        assert ["to_first"] == [each["type"] for each in first.events]
        assert ["to_second", "behind_the_swap"] == [each["type"] for each in second.events]


@pytest.mark.gen_test
async def test_the_end_of_what_is_prepared_is_its_own():
    """The link in use notices nothing."""
    async with a_call() as (links, fake, heard, _):
        links.perform(commands.PrepareUpstream(), CONFIG)
        (await fake.connection(1)).drop(rst=True)
        await until(
            lambda: any(isinstance(each, events.PreparedLost) for each in heard), "it was not told"
        )
        links.send_prepared(b'{"type":"to_nobody"}')
        links.send(b'{"type":"to_first"}')

        await fake.connections[0].next_event("to_first")
        assert not any(isinstance(each, events.UpstreamLost) for each in heard)


@pytest.mark.gen_test
async def test_at_most_one_is_prepared_and_none_outlives_the_call():
    """Each is closed when another is wanted, when it is not, and at the end."""
    async with a_call() as (links, fake, _, room):
        for number in (1, 2):
            links.perform(commands.PrepareUpstream(), CONFIG)
            await fake.connection(number)
        links.perform(commands.DropPrepared(), CONFIG)
        links.perform(commands.PrepareUpstream(), CONFIG)
        await fake.connection(3)
        links.end()
        async with asyncio.timeout(WAIT_S):
            for peer in fake.connections:
                await peer.ended.wait()

        assert 4 == room.dialled
