"""Clients that send as fast as they can, over real sockets."""

import asyncio
import base64
import json
import select
import socket
import struct

import pytest

from tests.calls.house import House, VoiceClient, until, whole_log
from tests.calls.test_neighbours import (
    CHUNKS,
    audio_at,
    audio_heard,
    chunk_of,
    echo,
    peer_of,
    speak,
)
from tests.fakes.raw_websocket import BINARY, client_frame
from tests.fakes.upstream import FakeUpstream

SETTINGS = {
    "audio_hold_ms": 1000,
    "limits_audio_rate": 20,
    "limits_audio_burst_ms": 1000,
    "limits_messages_per_s": 100_000,
    "limits_message_burst": 1_000_000,
}
FLOOD = [number.to_bytes(4) * 12_000 for number in range(100)]
"""100 s of speech, a second in each."""


async def flood(client: VoiceClient) -> None:
    for chunk in FLOOD:
        await client.audio(chunk)


@pytest.mark.gen_test
async def test_a_client_that_floods_is_held_back_alone_and_loses_nothing():
    """It is told, not cut; ten others lose nothing and keep their order meanwhile."""
    async with FakeUpstream() as upstream, House(upstream.url, **SETTINGS) as house:
        upstream.answers["input_audio_buffer.append"] = echo
        upstream.answers["input_audio_buffer.commit"] = lambda _: [
            {"type": "input_audio_buffer.committed", "item_id": "item_0"}
        ]
        flooding = await house.connected(user="flood")
        clients = [await house.connected(user=f"user-{n}") for n in range(10)]
        over = asyncio.Event()
        others = [asyncio.ensure_future(speak(c, n, over)) for n, c in enumerate(clients)]
        sending = asyncio.ensure_future(flood(flooding))
        for _ in FLOOD:
            await flooding.next("audio_received")
        await sending
        over.set()
        counts = await asyncio.gather(*others)
        said = [peer_of(upstream, "flood"), *(peer_of(upstream, f"user-{n}") for n in range(10))]
        await until(
            lambda: len(audio_at(said[0])) == len(FLOOD) * 48_000, "some of the flood is missing"
        )

    assert b"".join(FLOOD) == audio_at(said[0])
    assert "audio_backlog" in {h["data"]["code"] for h in flooding.heard if h["type"] == "error"}
    flooding.check_numbers()
    for session, (client, peer, count) in enumerate(zip(clients, said[1:], counts, strict=True)):
        spoken = b"".join(chunk_of(session, number) for number in range(count))
        assert count >= CHUNKS
        assert spoken == audio_at(peer) == audio_heard(client)
        assert "error" not in client.types


@pytest.mark.gen_test
async def test_a_client_that_waits_for_its_model_is_read_on_when_it_is_there():
    """Speech stays in its socket until then, and the closing handshake behind it is answered."""
    settings = SETTINGS | {"limits_audio_rate": 1000}
    async with FakeUpstream() as upstream, House(upstream.url, **settings) as house:
        waiting = upstream.answers.pop("session.update")
        client = await house.call(user="flood")
        await client.audio(FLOOD[0])
        sending = asyncio.ensure_future(flood(client))
        assert "audio_backlog" == (await client.next("error"))["data"]["code"]
        link = await upstream.connection(0)
        for event in waiting(await link.next_event("session.update")):
            await link.send(event)
        for _ in FLOOD:
            await client.next("audio_received")
        await sending
        client.socket.close(1000, "bye")
        assert 1000 == (await client.closed())[0]


@pytest.mark.gen_test
async def test_a_call_that_ends_while_its_client_is_not_read_ends_with_its_code():
    """The client hears why, though what it had sent was never read."""
    settings = SETTINGS | {"upstream_ready_timeout_s": 0.5, "upstream_reconnect_attempts": 0}
    async with FakeUpstream() as upstream, House(upstream.url, **settings) as house:
        upstream.answers.pop("session.update")
        client = await house.call()
        sending = asyncio.ensure_future(flood(client))
        assert (4502, "upstream_failed") == await client.closed()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="there is no epoll here")
@pytest.mark.gen_test
async def test_a_client_that_is_cut_while_it_is_not_read_leaves_at_once():
    """Its place and its model are free again, long before the next ping would tell."""
    async with FakeUpstream() as upstream, House(upstream.url, **SETTINGS) as house:
        upstream.answers.pop("session.update")
        client = await house.raw()
        for chunk in FLOOD[:3]:
            client.send(client_frame(BINARY, chunk))
        await client.writer.drain()
        [connection] = house.gateway.connections
        await until(lambda: connection._session._backlog.paused, "the client is still read")
        sock = client.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.writer.transport.abort()
        await until(lambda: not house.gateway.connections, "nobody noticed")


@pytest.mark.gen_test
async def test_the_oldest_goes_where_that_is_set():
    """The model hears the last second, whole and in order; status and log count the rest."""
    settings = SETTINGS | {"audio_backlog": "drop_oldest", "limits_audio_rate": 1000}
    chunks = [bytes([number, 0]) * 2400 for number in range(1, 31)]
    with whole_log() as log:
        async with FakeUpstream() as upstream, House(upstream.url, **settings) as house:
            waiting = upstream.answers.pop("session.update")
            client = await house.call()
            for chunk in chunks:
                await client.audio(chunk)
                await client.next("audio_received")
            await client.say("get_status")
            audio = (await client.next("status"))["data"]["audio"]
            link = await upstream.connection(0)
            for event in waiting(await link.next_event("session.update")):
                await link.send(event)
            while len(audio_at(link)) < 48_000:
                await link.next_event("input_audio_buffer.append")

    assert (2000.0, 1000.0) == (audio["dropped_ms"], audio["buffered_ms"])
    assert b"".join(chunks[20:]) == audio_at(link)
    assert base64.b64encode(chunks[19]).decode() not in json.dumps(link.events)
    [closed] = [json.loads(x) for x in log.getvalue().splitlines() if '"session_closed"' in x]
    assert 2000.0 == closed["dropped_ms"]
