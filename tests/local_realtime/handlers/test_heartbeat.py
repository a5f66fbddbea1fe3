"""Tests of local_realtime/handlers/heartbeat.py: a client that says nothing is gone."""

import asyncio

import pytest
from tornado.websocket import WebSocketClosedError

from local_realtime.handlers.heartbeat import GONE, Heartbeat
from local_realtime.server import LocalRealtime, ServerConfig
from tests.fakes.raw_websocket import CLOSE, PING, PONG, TEXT, RawClient, client_frame

PING_S = 1
SIGNS = {
    "message": client_frame(TEXT, b'{"type": "input_audio_buffer.clear"}'),
    "ping": client_frame(PING, b"there?"),
    "pong": client_frame(PONG, b""),
}


class Client:
    """Says something behind each of its first pings."""

    def __init__(self, signs: int, closed_after: int = 100) -> None:
        self.signs, self.closed_after = signs, closed_after
        self.heartbeat = Heartbeat(self, 0.0)
        self.pings, self.closes = 0, []

    def ping(self, data: bytes = b"") -> None:
        if self.pings == self.closed_after:
            raise WebSocketClosedError
        self.pings += 1
        if self.pings <= self.signs:
            asyncio.get_running_loop().call_soon(self.heartbeat.heard)

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        self.closes.append((code, reason))


class ReadLate(Client):
    """What it has said is read behind the time for it, as of a server that stood still."""

    def ping(self, data: bytes = b"") -> None:
        super().ping(data)
        if self.pings == 1:
            asyncio.get_running_loop().call_later(0.01, self.heartbeat.heard)


@pytest.mark.parametrize(
    ("new", "signs", "pings"),
    [(Client, 3, 4), (ReadLate, 0, 2)],
    ids=["in time", "while the server stood still"],
)
@pytest.mark.gen_test
async def test_it_is_pinged_for_as_long_as_it_says_anything(new, signs, pings):
    """And closed behind the first ping that brings nothing; what came is heard before."""
    client = new(signs)
    await client.heartbeat.beat()

    assert pings == client.pings
    assert [GONE] == client.closes


@pytest.mark.gen_test
async def test_one_that_has_closed_is_let_go():
    """Nobody is there to be told."""
    client = Client(signs=9, closed_after=2)
    await client.heartbeat.beat()

    assert [] == client.closes


@pytest.mark.gen_test
@pytest.mark.parametrize("sign", SIGNS.values(), ids=SIGNS)
async def test_over_a_socket_it_is_ended_as_one_that_is_gone(sign):
    """By 1011, not by 1000, which is a good end; whatever it says first, it is there."""
    server = LocalRealtime(ServerConfig(ping_interval_s=PING_S))
    port = server.listen("127.0.0.1", 0)
    try:
        client = await RawClient.connect(port, "/v1/realtime?model=any")
        pings = 0
        while (frame := await client.receive()).opcode != CLOSE:
            pings += frame.opcode == PING
            if frame.opcode == PING and pings == 1:
                client.send(sign)
        client.writer.close()
    finally:
        await server.close()

    assert GONE == (frame.close_code, frame.close_reason)
    assert 2 == pings
