"""Buffers act as they are set, and a client that does not read costs nobody else anything."""

import asyncio
import base64
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest

from tests.calls.house import WAIT_S, House, until
from tests.fakes.raw_websocket import TEXT, RawClient, client_frame
from tests.fakes.upstream import FakeConnection, FakeUpstream
from tornado_app.client_side.stream import ClientStream

DELTA = base64.b64encode(bytes(48_000)).decode()
"""One second of the model's audio, 64 KB as base64."""
FAST = {"limits_messages_per_s": 100_000, "limits_message_burst": 1_000_000}


def server_side(house: House):
    """The gateway's end of its only client: the one place where reads and writes can be seen."""
    (connection,) = house.gateway.connections
    return connection._taker


@contextmanager
def written(side) -> Iterator[list[int]]:
    """The sizes of what is written to that client meanwhile."""
    stream, write = side._protocol.stream, ClientStream.write
    sizes: list[int] = []

    def recording(self: ClientStream, data: bytes):
        if self is stream:
            sizes.append(len(data))
        return write(self, data)

    with mock.patch.object(ClientStream, "write", recording):
        yield sizes


class RecordedReads:
    """A socket that remembers what was asked of it and what it gave."""

    def __init__(self, sock) -> None:
        self._socket = sock
        self.asked = []
        self.got = []

    def __getattr__(self, name):
        return getattr(self._socket, name)

    def recv(self, size: int) -> bytes:
        self.asked.append(size)
        data = self._socket.recv(size)
        self.got.append(len(data))
        return data


@pytest.mark.gen_test
@pytest.mark.parametrize("read_bytes", [512, 4096, 65_536])
async def test_reads_are_as_large_as_is_set(read_bytes):
    """No read asks for more, and one that finds enough gets that much."""
    async with FakeUpstream() as fake, House(fake.url, buffers_read_bytes=read_bytes) as house:
        client = await house.connected()
        stream = server_side(house)._protocol.stream
        stream.socket = reads = RecordedReads(stream.socket)
        for _ in range(3):
            await client.audio(bytes(100_000))
        for _ in range(3):
            await client.next("audio_received")

        assert {read_bytes} == set(reads.asked)
        assert read_bytes == max(reads.got)
        assert sum(reads.got) >= 300_000


@pytest.mark.gen_test
@pytest.mark.parametrize(("write_bytes", "writes"), [(512, 17), (4096, 3), (65_536, 1)])
async def test_what_is_not_urgent_is_gathered_up_to_what_is_set(write_bytes, writes):
    """A hundred messages of 102 bytes: six of them pass 512, 41 of them 4096."""
    async with FakeUpstream() as fake, House(fake.url, buffers_write_bytes=write_bytes) as house:
        client = await house.connected()
        side = server_side(house)
        message = b'{"type":"x"}'.ljust(100)
        with written(side) as sizes:
            for _ in range(100):
                side.send(message, urgent=False)
            for _ in range(100):
                await client.next("x")

        assert writes == len(sizes)
        assert 10_200 == sum(sizes)
        assert max(sizes) < write_bytes + 102 + 1


@pytest.mark.gen_test
async def test_acknowledgements_wait_for_company_and_answers_do_not():
    """What is urgent takes along, in order, what was waiting."""
    async with FakeUpstream() as fake, House(fake.url, buffers_write_bytes=65_536) as house:
        client = await house.connected()
        side = server_side(house)
        with written(side) as sizes:
            side.send(b'{"type":"ack"}', urgent=False)
            side.send(b'{"type":"answer"}')
            assert {"type": "ack"} == await client.read()
            assert {"type": "answer"} == await client.read()

        assert 1 == len(sizes)


@pytest.mark.gen_test
async def test_a_burst_is_no_fault_of_a_client_that_reads():
    """More than may wait, in one turn of the loop: its socket takes it, so it is not cut."""
    async with FakeUpstream() as fake, House(fake.url, limits_outbound_bytes=50_000) as house:
        client = await house.connected()
        side = server_side(house)
        message = b'{"type":"x"}'.ljust(10_000)
        for _ in range(10):
            side.send(message)
        for _ in range(10):
            await client.next("x")

        await client.say("ping")
        await client.next("pong")


async def deaf_client(house: House, query: str = "") -> RawClient:
    """A client with a small receive buffer that never reads what it gets."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", house.port))
    headers = f"Authorization: Bearer {house.token('deaf')}\r\n"
    client = await RawClient.connect(house.port, f"/ws?{query}", headers=headers, sock=sock)
    client.writer.transport.pause_reading()
    return client


async def talk(link: FakeConnection) -> None:
    """Send more audio than sockets hold (tcp_wmem and tcp_rmem: some 10 MB)."""
    ids = {"response_id": "r", "item_id": "a"}
    await link.send({"type": "response.created", "response": {"id": "r"}})
    for _ in range(250):
        await link.send({"type": "response.output_audio.delta", **ids, "delta": DELTA})


async def ask(client: RawClient, link: FakeConnection) -> None:
    """Ask for answers without ever reading one."""
    questions = client_frame(TEXT, b'{"type":"get_status"}') * 50
    while not link.ended.is_set():
        client.send(questions)
        await client.writer.drain()


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("limits", "does"),
    [
        (
            {"limits_outbound_bytes": 300_000, "heartbeat_write_timeout_s": 600},
            ask,
        ),
        (
            {"limits_outbound_bytes": 2**28, "heartbeat_write_timeout_s": 0.3},
            lambda _, link: talk(link),
        ),
    ],
    ids=["queue full", "write timeout"],
)
async def test_a_client_that_never_reads_is_cut(limits, does):
    """Its link to the model closes, its place is free, and others go on meanwhile."""
    async with FakeUpstream() as fake, House(fake.url, **limits, **FAST) as house:
        other = await house.connected()
        deaf = await deaf_client(house)
        link = await fake.connection(1)
        await link.next_event("session.update")
        busy = asyncio.ensure_future(does(deaf, link))
        try:
            while not link.ended.is_set():
                await other.say("ping")
                await other.next("pong")
        finally:
            busy.cancel()
            await asyncio.gather(busy, return_exceptions=True)
        assert 1000 == link.close_code
        assert 1 == len(house.gateway.connections)

        # The place is given back when the socket is gone, which may wait for a last write.
        async with asyncio.timeout(2 * WAIT_S):
            used = 2
            while used == 2:
                await other.say("get_status")
                status = await other.next("status")
                used = status["data"]["limits"]["connections"]["used"]
        assert 1 == used
        other.check_numbers()

        deaf.writer.transport.resume_reading()
        await deaf.received_to_the_end()
        await deaf.close()


@pytest.mark.gen_test
async def test_a_client_that_reads_slowly_gets_everything():
    """What has no room stays with the model, and nothing is lost: 16 times what may wait."""
    limits = {"limits_outbound_bytes": 1_000_000, "heartbeat_write_timeout_s": 600}
    async with FakeUpstream() as fake, House(fake.url, **limits) as house:
        client = await deaf_client(house)
        link = await fake.connection()
        await link.next_event("session.update")
        side = server_side(house)
        talking = asyncio.ensure_future(talk(link))
        other = await house.connected()
        while not side.is_full:
            assert not talking.done()
            await other.say("ping")
            await other.next("pong")

        client.writer.transport.resume_reading()
        offset_ms = 0.0
        while offset_ms < 250_000.0:
            frame = await client.receive()
            if b'"type":"audio"' in frame.payload[:40]:
                assert b'"offset_ms":%.1f,' % offset_ms in frame.payload
                offset_ms += 1000.0
        await talking
        await client.close()


@pytest.mark.gen_test
async def test_a_client_that_reads_slowly_gets_everything_in_the_largest_format():
    """What would be 15 times the queue waits for it, behind one delta of the model."""
    query = "output_format=float32&output_rate=192000"
    async with FakeUpstream() as fake, House(fake.url) as house:
        client = await deaf_client(house, query)
        link = await fake.connection()
        await link.next_event("session.update")
        ids = {"response_id": "r", "item_id": "a"}
        await link.send({"type": "response.created", "response": {"id": "r"}})
        delta = base64.b64encode(bytes(48 * 15_000)).decode()
        await link.send({"type": "response.output_audio.delta", **ids, "delta": delta})
        done = {"id": "r", "status": "completed"}
        await link.send({"type": "response.done", "response": done})
        side = server_side(house)
        await until(lambda: side.is_full, "the client is never full")
        client.writer.transport.resume_reading()
        played_ms, type_ = 0.0, ""
        while type_ != "response_done":
            message = json.loads((await client.receive()).payload)
            type_ = message["type"]
            played_ms += message["data"].get("duration_ms", 0.0)
        await client.close()

    assert 15_000 == pytest.approx(played_ms, abs=0.5)
