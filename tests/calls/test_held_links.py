"""A model that wants its ping answered, behind more than its client takes."""

import asyncio

import pytest

from tests.calls.house import House, until
from tests.calls.test_buffers import deaf_client
from tests.calls.test_reading_on import ORDINARY, SPOKEN_MS, answer
from tests.calls.test_resuming import away, back, cut
from tests.fakes.raw_websocket import TEXT, client_frame
from tests.fakes.upstream import PING, PONG, FakeConnection, FakeUpstream, frame
from tornado_app.connection import Connection


async def say_all_and_ping(link: FakeConnection) -> None:
    """A minute at once, and what the `websockets` library sends every 20 s."""
    said = answer(*ORDINARY)({})
    for event in said[:-1]:
        await link.send(event)
    await link.send_raw(frame(PING, b"there?"))
    await link.send(said[-1])


async def answered(connection: Connection, link: FakeConnection) -> None:
    """Its ping is, in some looks; each stands for a second."""

    def is_answered() -> bool:
        connection.look()
        return any(opcode == PONG for opcode, _ in link.frames)

    await until(is_answered, "no pong")


@pytest.mark.gen_test
async def test_a_client_that_is_away_costs_no_pong():
    """And it hears every sample of the answer when it is back, from the same model."""
    async with FakeUpstream() as fake, House(fake.url, session_resume_window_s=60) as house:
        client = await house.connected()
        link = await fake.connection()
        [connection] = house.gateway.connections
        cut(client)
        await away(house)
        saying = asyncio.ensure_future(say_all_and_ping(link))
        await until(lambda: connection._reading.is_held, "the link is not held")
        await answered(connection, link)
        unread_bytes = (await house.scrape())("link_unread_bytes")
        held_bytes = connection.budget._process.held_bytes

        again = await back(house, client)
        await again.next("response_done")
        heard = [m["data"]["duration_ms"] for m in again.heard if m["type"] == "audio"]
        await saying
        connection.look()
        connection.look()
        assert pytest.approx(SPOKEN_MS, abs=0.1) == sum(heard)
        assert 1 == len(fake.connections)
        assert held_bytes >= unread_bytes > 0
        await until(lambda: connection._links.unread_bytes == 0, "something is kept")


@pytest.mark.gen_test
async def test_a_client_that_does_not_read_costs_no_pong():
    """It may still interrupt, and what was read ahead is dropped with the answer."""
    async with (
        FakeUpstream() as fake,
        House(fake.url, heartbeat_write_timeout_s=600, limits_outbound_bytes=300_000) as house,
    ):
        client = await deaf_client(house)
        link = await fake.connection()
        [connection] = house.gateway.connections
        await until(lambda: connection._session.is_connected, "its model is not ready")
        saying = asyncio.ensure_future(say_all_and_ping(link))
        await until(lambda: connection._reading.is_held, "the link is not held")
        await answered(connection, link)

        client.send(client_frame(TEXT, b'{"type":"interrupt"}'))
        await link.next_event("conversation.item.truncate")
        client.writer.transport.resume_reading()
        reading = asyncio.ensure_future(client.received_to_the_end())
        await saying
        await until(lambda: connection._links.unread_bytes == 0, "something is kept")
        client.writer.transport.abort()
        await asyncio.gather(reading, return_exceptions=True)
