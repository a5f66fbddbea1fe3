"""Whole calls with clients that live, that only seem to, and that do not read."""

import asyncio
import json
import socket

import pytest

from tests.calls.house import WAIT_S, House, until
from tests.fakes.raw_websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Frame,
    RawClient,
    client_frame,
)
from tests.fakes.upstream import FakeUpstream

QUICK = {"heartbeat_interval_s": 0.1, "heartbeat_read_timeout_s": 0.5}
PATIENT = {"heartbeat_interval_s": 0.3, "heartbeat_read_timeout_s": 4.0}
"""For those who are to stay: a busy computer may have no time for a call while it opens others."""
PINGS = 15
"""More of them than fit into that."""


def say(**message: object) -> bytes:
    return client_frame(TEXT, json.dumps(message).encode())


SIGNS = {
    "pong": lambda: client_frame(PONG),
    "ping": lambda: client_frame(PING, b"alive"),
    "pong message": lambda: say(type="pong"),
    "ping message": lambda: say(type="ping"),
    "audio": lambda: client_frame(BINARY, bytes(960)),
    "mistake": lambda: say(type="no such type"),
}


async def up_to(client: RawClient, opcode: int, *, message: str = "") -> Frame:
    """The next frame of this kind; of text, the next message of that type."""
    while True:
        frame = await client.receive()
        if frame.opcode == opcode and (not message or message == type_of(frame)):
            return frame


def type_of(frame: Frame) -> str:
    return str(json.loads(frame.payload)["type"])


@pytest.mark.gen_test
async def test_every_sign_of_life_counts():
    """Whatever frame a client sends keeps it connected beyond the read timeout."""

    async def live(house: House, sign: str) -> str:
        client = await house.raw(user=sign)
        for _ in range(PINGS):
            await up_to(client, PING)
            client.send(SIGNS[sign]())
        client.send(say(type="get_status"))
        status = await up_to(client, TEXT, message="status")
        await client.close()
        return str(json.loads(status.payload)["data"]["status"])

    async with FakeUpstream() as upstream, House(upstream.url, **PATIENT) as house:
        alive = await asyncio.gather(*(live(house, sign) for sign in SIGNS))

    assert ["connected"] * len(SIGNS) == alive


@pytest.mark.gen_test
async def test_a_client_that_answers_pings_stays():
    """A library that answers pings by itself is all that a client needs."""
    async with FakeUpstream() as upstream, House(upstream.url, **PATIENT) as house:
        client = await house.connected()
        watcher = await house.raw(user="watcher")  # its pings tell the time
        for _ in range(PINGS):
            await up_to(watcher, PING)
            watcher.send(client_frame(PONG))
        await client.say("ping", id=1)
        pong = await client.next("pong")
        await watcher.close()

    assert {"id": 1} == pong["data"]


@pytest.mark.gen_test
async def test_a_silent_client_is_closed():
    """It is pinged, told why, and closed with 4408; its place and its link are free at once."""
    async with FakeUpstream() as upstream, House(upstream.url, **QUICK) as house:
        client = await house.raw()
        first = await client.receive()
        await up_to(client, PING)
        error = json.loads((await up_to(client, TEXT, message="error")).payload)
        close = await up_to(client, CLOSE)
        await (await upstream.connection()).ended.wait()
        left = len(house.gateway.connections)
        await client.close()

    assert "connection_status" == type_of(first)
    assert ("idle_timeout", True) == (error["data"]["code"], error["data"]["retryable"])
    assert "Nothing was heard for 0.5 s." == error["error"]
    assert (4408, "idle_timeout") == (close.close_code, close.close_reason)
    assert 0 == left


@pytest.mark.gen_test
async def test_pings_do_not_wait_for_the_model():
    """A client that is still connecting is pinged like any other."""
    upstream = FakeUpstream(handshake="silent")
    async with upstream, House(upstream.url, **QUICK) as house:
        client = await house.raw()
        await up_to(client, PING)
        close = await up_to(client, CLOSE)
        await client.close()

    assert 4408 == close.close_code


@pytest.mark.gen_test
async def test_a_client_that_does_not_read_is_cut():
    """Audio that does not drain within the write timeout ends the call, whatever it sends."""
    settings = {"heartbeat_write_timeout_s": 0.3}
    async with FakeUpstream() as upstream, House(upstream.url, **settings) as house:
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.connect(("127.0.0.1", house.port))
        token = f"Authorization: Bearer {house.token()}\r\n"
        client = await RawClient.connect(house.port, "/ws", token, sock=small)
        client.writer.transport.pause_reading()
        peer = await upstream.connection()
        await peer.next_event("session.update")
        await peer.send({"type": "response.created", "response": {"id": "resp_1"}})
        speaking = asyncio.ensure_future(speak_on(peer))
        await asyncio.wait_for(peer.ended.wait(), WAIT_S)
        speaking.cancel()
        await until(lambda: not house.gateway.connections, "the client is still there")
        await client.close()


async def speak_on(peer) -> None:
    """An answer without an end, faster than any client takes it."""
    delta = "A" * 6400
    while not peer.ended.is_set():
        await peer.send(
            {
                "type": "response.output_audio.delta",
                "response_id": "resp_1",
                "item_id": "item_1",
                "delta": delta,
            }
        )
        await asyncio.sleep(0)
