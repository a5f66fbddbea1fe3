"""Clients that are gone without a word: nothing of theirs stays."""

import asyncio
import base64
import gc
import socket
import struct

import pytest

from tests.calls.house import Ground, House, until
from tests.fakes.raw_websocket import BINARY, CLOSE, TEXT, RawClient, client_frame, close_payload
from tests.fakes.upstream import CLOSE as UPSTREAM_CLOSE
from tests.fakes.upstream import FakeUpstream, realtime
from tornado_app.audio.pipeline import Lane
from tornado_app.client_side.stream import ClientStream
from tornado_app.client_side.strict_websocket import StrictWebSocketProtocol
from tornado_app.connection import Connection
from tornado_app.session.machine import Session
from tornado_app.upstream.link import Link
from tornado_app.upstream.socket import UpstreamSocket

CHUNK = bytes(960)
PARTS = {Connection, Session, ClientStream, StrictWebSocketProtocol, Link, UpstreamSocket, Lane}


def reset(client: RawClient) -> None:
    """Cut the connection as a phone does that has lost its network for good: with an RST."""
    raw = client.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.writer.transport.abort()


def half_close(client: RawClient) -> None:
    client.writer.write_eof()


def cut_in_mid_frame(client: RawClient) -> None:
    client.send(client_frame(BINARY, CHUNK)[:-100])
    client.writer.transport.abort()


def reset_in_mid_message(client: RawClient) -> None:
    client.send(client_frame(TEXT, b'{"type":', final=False))
    reset(client)


def close_politely(client: RawClient) -> None:
    client.send(client_frame(CLOSE, close_payload(1000, "bye")))


def close_and_cut(client: RawClient) -> None:
    client.send(client_frame(CLOSE, close_payload(1001)))
    reset(client)


def break_a_rule(client: RawClient) -> None:
    client.send(client_frame(BINARY, CHUNK, masked=False))
    half_close(client)


WAYS = [
    reset,
    half_close,
    cut_in_mid_frame,
    reset_in_mid_message,
    close_politely,
    close_and_cut,
    break_a_rule,
]


async def warm_up(house: House, upstream: FakeUpstream) -> Ground:
    """A call from beginning to end, so that all that is made once is there; then the ground."""
    client = await house.connected()
    await client.audio(CHUNK)
    await upstream.next_event("input_audio_buffer.append")
    client.socket.close(1000)
    await client.closed()
    await upstream.connections[0].ended.wait()
    await until(lambda: not house.gateway.connections, "the first client is still there")
    return await Ground.settled()


@pytest.mark.parametrize("vanish", WAYS)
@pytest.mark.gen_test
async def test_a_client_that_is_gone(vanish):
    """The model hears a close frame, the place is free, and threads, sockets and tasks are gone."""
    async with FakeUpstream() as upstream, House(upstream.url, limits_connections=1) as house:
        ground = await warm_up(house, upstream)
        client = await house.raw()
        peer = await upstream.connection(1)
        await peer.next_event("session.update")
        client.send(client_frame(BINARY, CHUNK))
        await peer.next_event("input_audio_buffer.append")

        vanish(client)
        goodbye = await peer.next_frame(UPSTREAM_CLOSE)
        await client.close()
        await ground.regained()
        again = await house.connected()
        await again.say("get_status")
        status = await again.next("status")

    assert struct.pack("!H", 1000) == goodbye
    assert 1 == status["data"]["limits"]["connections"]["used"]


@pytest.mark.parametrize("dialled", [True, False])
@pytest.mark.gen_test
async def test_what_belonged_to_a_call_is_freed_without_the_collector(dialled):
    """Cycles would keep a call's 100 KB until the collector comes, some hundred calls later."""
    async with FakeUpstream() as upstream, House(upstream.url) as house:
        await warm_up(house, upstream)
        gc.collect()
        gc.disable()
        before = parts_alive()
        try:
            for number, vanish in enumerate(WAYS, 1):
                client = await house.raw()
                if dialled:
                    client.send(client_frame(BINARY, CHUNK))
                    peer = await upstream.connection(number)
                    await peer.next_event("input_audio_buffer.append")
                vanish(client)
                await client.close()
            await until(lambda: parts_alive() <= before, "a part of a call is still there")
        finally:
            gc.enable()


def parts_alive() -> int:
    """In this process: other tests may have left some in what is shown of their failures."""
    return sum(type(part) in PARTS for part in gc.get_objects())


@pytest.mark.parametrize("vanish", [reset, half_close, close_politely])
@pytest.mark.parametrize("handshake", ["silent", "accept"])
@pytest.mark.gen_test
async def test_a_client_that_is_gone_before_the_model_is_there(vanish, handshake):
    """A dial that nobody waits for any more is broken off, at whatever point it is."""

    async def script(peer) -> None:
        """The session is never created."""

    async with FakeUpstream() as upstream, House(upstream.url, limits_connections=1) as house:
        ground = await warm_up(house, upstream)
        upstream.handshake, upstream.script = handshake, script
        client = await house.raw()
        await client.receive()
        if handshake == "accept":
            await upstream.connection(1)
        vanish(client)
        await until(lambda: not house.gateway.connections, "the session is still there")
        await client.close()
        await ground.regained()
        upstream.handshake, upstream.script = "accept", realtime
        again = await house.connected()

    assert ["connection_status"] * 2 == again.types


@pytest.mark.parametrize("vanish", [reset, half_close, cut_in_mid_frame, close_politely])
@pytest.mark.gen_test
async def test_a_client_that_is_gone_during_an_answer(vanish):
    """The rest of the answer is for nobody, and holds nothing up."""
    async with FakeUpstream() as upstream, House(upstream.url, limits_connections=1) as house:
        ground = await warm_up(house, upstream)
        client = await house.raw("output_rate=16000")
        peer = await upstream.connection(1)
        await peer.next_event("session.update")
        speaking = asyncio.ensure_future(speak_on(peer))
        while (await client.receive()).payload.find(b'"audio"') < 0:
            pass

        vanish(client)
        await peer.next_frame(UPSTREAM_CLOSE)
        await peer.ended.wait()
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)
        await client.close()
        await ground.regained()
        await house.connected()


async def speak_on(peer) -> None:
    """An answer without an end."""
    await peer.send({"type": "response.created", "response": {"id": "resp_1"}})
    delta = base64.b64encode(bytes(4800)).decode()
    while True:
        await peer.send(
            {
                "type": "response.output_audio.delta",
                "response_id": "resp_1",
                "item_id": "item_1",
                "delta": delta,
            }
        )
        await asyncio.sleep(0.005)


@pytest.mark.gen_test
async def test_a_client_that_is_gone_in_its_handshake():
    """Half a request holds no place."""
    async with FakeUpstream() as upstream, House(upstream.url, limits_connections=1) as house:
        ground = await warm_up(house, upstream)
        _, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(b"GET /ws HTTP/1.1\r\nHost: here\r\nAuthorization: Bear")
        await writer.drain()
        writer.transport.abort()
        await ground.regained()
        await house.connected()

    assert 2 == len(upstream.connections)


@pytest.mark.gen_test
async def test_a_client_that_is_gone_while_its_model_is_dialled_again():
    """Nothing is dialled for a client that is not there."""
    settings = {"upstream_reconnect_initial_ms": 100, "upstream_reconnect_max_ms": 100}
    async with FakeUpstream() as upstream, House(upstream.url, **settings) as house:
        ground = await warm_up(house, upstream)
        client = await house.connected()
        upstream.drop(rst=True)
        await client.status("reconnecting")
        client.socket.close(1000)
        await client.closed()
        await until(lambda: not house.gateway.connections, "the session is still there")
        await ground.regained()
        await house.connected()

    assert 3 == len(upstream.connections)
