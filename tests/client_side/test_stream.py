"""Tests of tornado_app/client_side/stream.py: over real sockets."""

import asyncio
import contextlib
import os
import resource
import select
import socket
import struct
import sys
import time

import pytest
from tornado.iostream import IOStream, StreamBufferFullError, StreamClosedError

from tornado_app import unsent
from tornado_app.client_side.read_watch import GatheredReadWatch, LoopReadWatch, ReadWatch
from tornado_app.client_side.stream import TURN_S, ClientStream

WAIT_S = 60.0
READ_BYTES = 1 << 16


class Line:
    """A stream on one end of a TCP connection; the test has the other."""

    def __init__(self, stream: ClientStream, other: socket.socket) -> None:
        self.stream = stream
        self.other = other
        self.received = bytearray()
        self.gone = asyncio.Event()
        self._came = asyncio.Event()

    @classmethod
    def connected(
        cls, read_bytes: int = 4096, early: bytes = b"", read_watch: ReadWatch | None = None
    ) -> "Line":
        with socket.create_server(("127.0.0.1", 0)) as server:
            other = socket.create_connection(server.getsockname())
            ours, _ = server.accept()
        ours.setblocking(False)
        read_watch = read_watch or LoopReadWatch(asyncio.get_running_loop())
        return cls(ClientStream(ours, early, read_watch, read_bytes), other)

    def start(self) -> None:
        self.stream.start(self.receive, self.gone.set)

    def receive(self, data: bytes, _until: float) -> bool:
        self.received += data
        self._came.set()
        return False

    async def until_received(self, size: int) -> bytearray:
        async with asyncio.timeout(WAIT_S):
            while len(self.received) < size:
                self._came.clear()
                await self._came.wait()
        return self.received

    async def fill(self) -> "asyncio.Future[None]":
        """Write until something has to wait."""
        while (written := self.stream.write(bytes(1 << 16))).done():
            pass
        return written

    async def drain(self) -> None:
        """Read at the other end what there is, until nothing waits at ours."""
        loop = asyncio.get_running_loop()
        self.other.setblocking(False)
        async with asyncio.timeout(WAIT_S):
            while self.stream.unsent_bytes:
                await loop.sock_recv(self.other, 1 << 20)

    async def until_gone(self) -> None:
        await asyncio.wait_for(self.gone.wait(), WAIT_S)
        self.other.close()


def watch_of(kind: str) -> ReadWatch:
    loop = asyncio.get_running_loop()
    if kind == "epoll" and not hasattr(select, "epoll"):
        pytest.skip("there is no epoll here")
    return LoopReadWatch(loop) if kind == "loop" else GatheredReadWatch(loop, 0.0)


@pytest.mark.gen_test
async def test_what_was_read_ahead_comes_first():
    """A client may speak before it has seen the answer to its handshake."""
    line = Line.connected(early=b"before ")
    line.other.send(b"after")
    line.start()

    assert b"before after" == await line.until_received(12)
    line.stream.close()
    await line.until_gone()


@pytest.mark.gen_test
async def test_everything_is_read_in_pieces_of_the_size_that_is_set():
    """A read that is full is followed by another in the same turn."""
    line = Line.connected(read_bytes=10)
    line.start()
    line.other.sendall(bytes(range(200)))

    assert bytes(range(200)) == await line.until_received(200)
    line.stream.close()
    await line.until_gone()


@pytest.mark.gen_test
async def test_a_client_that_costs_much_lets_others_have_their_turn():
    """However little it sends: what it has sent is not all read before another is heard."""
    flood, other = Line.connected(read_bytes=10), Line.connected()
    flood.other.sendall(bytes(200))
    read_before = []

    def dwell(data: bytes, turn_ends: float) -> bool:
        if not flood.received:
            other.other.send(b"!")
        flood.receive(data, turn_ends)
        until = time.monotonic() + TURN_S
        while time.monotonic() < until:
            pass
        return False

    flood.stream.start(dwell, flood.gone.set)
    other.stream.start(lambda *_: read_before.append(len(flood.received)), other.gone.set)
    await flood.until_received(200)

    assert [] != read_before
    assert 200 > read_before[0]
    for line in (flood, other):
        line.stream.close()
        await line.until_gone()


@pytest.mark.gen_test
async def test_a_paused_stream_holds_the_other_end_back():
    """Nothing is read, the other end's sending waits, and nothing is lost."""
    line = Line.connected()
    line.start()
    line.stream.pause()
    line.other.setblocking(False)
    sent = bytearray()
    with contextlib.suppress(BlockingIOError):
        while len(sent) < 1 << 26:
            piece = len(sent).to_bytes(8) * 8192
            sent += piece[: line.other.send(piece)]
    await asyncio.sleep(0)
    assert len(sent) < 1 << 26
    assert b"" == line.received

    line.stream.resume()
    line.stream.resume()  # once more does nothing
    assert sent == await line.until_received(len(sent))
    line.stream.close()
    line.stream.resume()  # nor does this
    await line.until_gone()


@pytest.mark.skipif(not hasattr(select, "epoll"), reason="there is no epoll here")
@pytest.mark.gen_test
async def test_that_a_paused_stream_is_cut_is_noticed():
    """It need not be read for that, or written to."""
    read_watch = GatheredReadWatch(asyncio.get_running_loop(), 0.0)
    line = Line.connected(read_watch=read_watch)
    line.start()
    line.stream.pause()
    line.other.send(b"unread")
    line.other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.other.close()
    await line.until_gone()

    assert b"" == line.received
    read_watch.close()


@pytest.mark.parametrize("kind", ["loop", "epoll"])
@pytest.mark.gen_test
async def test_an_end_behind_what_a_paused_stream_has_not_read_waits(kind):
    """Nothing that was sent before it is lost."""
    read_watch = watch_of(kind)
    line = Line.connected(read_watch=read_watch)
    line.stream.pause()
    line.start()
    line.other.send(b"unread")
    line.other.close()
    for _ in range(3):
        await asyncio.sleep(0)
    assert not line.stream.closed()

    line.stream.resume()
    assert b"unread" == await line.until_received(6)
    await line.until_gone()
    read_watch.close()


@pytest.mark.gen_test
async def test_a_reader_may_pause_its_stream():
    """What is behind the piece in hand stays in the socket, even of one turn's reading."""
    line = Line.connected(read_bytes=10)

    def pause(data: bytes, until: float) -> bool:
        line.stream.pause()
        return line.receive(data, until)

    line.stream.start(pause, line.gone.set)
    line.other.sendall(bytes(range(30)))
    assert bytes(range(10)) == await line.until_received(10)

    line.stream.resume()
    assert bytes(range(20)) == await line.until_received(20)
    line.stream.close()
    await line.until_gone()


class Slow:
    """Acts on one byte in a turn."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.kept = b""

    def receive(self, data: bytes, until: float) -> bool:
        self.kept += data
        self.line.receive(self.kept[:1], until)
        self.kept = self.kept[1:]
        return bool(self.kept)


@pytest.mark.parametrize("kind", ["loop", "epoll"])
@pytest.mark.gen_test
async def test_who_is_behind_goes_on_though_nothing_more_comes(kind):
    """Also behind a pause; nothing else is read before that, and an end waits."""
    line = Line.connected(early=b"early ", read_watch=watch_of(kind), read_bytes=10)
    slow = Slow(line)
    line.stream.start(slow.receive, line.gone.set)
    line.other.sendall(b"said before it leaves")
    line.other.close()
    assert b"early sa" == (await line.until_received(8))[:8]

    line.stream.pause()
    held = bytes(line.received)
    for _ in range(3):
        await asyncio.sleep(0)
    assert held == line.received
    assert not line.stream.closed()

    line.stream.resume()
    assert b"early said before it leaves" == await line.until_received(27)
    await line.until_gone()


@pytest.mark.parametrize("kind", ["loop", "epoll"])
@pytest.mark.gen_test
async def test_who_is_behind_may_be_cut(kind):
    """What it had said then is as lost as what it had not."""
    line = Line.connected(read_watch=watch_of(kind))
    slow = Slow(line)
    line.stream.start(slow.receive, line.gone.set)
    line.other.sendall(bytes(1000))
    await line.until_received(1)
    line.stream.close()
    await line.until_gone()
    heard = len(line.received)
    for _ in range(3):
        await asyncio.sleep(0)

    assert heard == len(line.received) < 1000


@pytest.mark.gen_test
@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
async def test_the_other_end_goes(reset):
    """By an end or by a reset: told once, and writing is refused from then on."""
    line = Line.connected()
    line.start()
    if reset:
        line.other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.other.close()
    await line.until_gone()

    assert line.stream.closed()
    assert reset == isinstance(line.stream.error, ConnectionResetError)
    with pytest.raises(StreamClosedError):
        line.stream.write(b"late")
    line.stream.close()  # once more does nothing


@pytest.mark.gen_test
async def test_what_the_socket_does_not_take_waits_its_turn():
    """The future resolves when all has gone, and order is kept."""
    line = Line.connected()
    line.start()
    first = await line.fill()
    second = line.stream.write(b"end")
    waiting = (first.done(), second.done(), line.stream.unsent_bytes > 0)
    await line.drain()
    await asyncio.wait_for(asyncio.gather(first, second), WAIT_S)

    assert (False, False, True) == waiting
    assert line.stream.write(b"more").done()
    line.stream.close()
    await line.until_gone()


@pytest.mark.skipif(sys.platform != "linux", reason="as of tests/test_unsent.py")
@pytest.mark.gen_test
async def test_that_a_client_reads_is_seen_before_its_socket_has_room():
    """A third of what the system holds has to go before that: up to 20 s of an answer."""
    line = Line.connected()
    line.start()
    line.stream.write(bytes(8 << 20))
    untaken_bytes = line.stream.untaken_bytes
    read = 0
    while line.stream.untaken_bytes > untaken_bytes - READ_BYTES:
        read += len(line.other.recv(READ_BYTES))

    assert read < 1 << 20
    line.stream.close()
    assert 0 == unsent.held_bytes(line.stream.socket)
    await line.until_gone()


@pytest.mark.gen_test
async def test_more_than_may_wait_is_refused():
    """And what waits already is not touched."""
    line = Line.connected()
    line.start()
    await line.fill()
    unsent_bytes = line.stream.unsent_bytes
    line.stream.max_write_buffer_size = unsent_bytes + 10
    with pytest.raises(StreamBufferFullError):
        line.stream.write(bytes(11))
    line.stream.write(bytes(10))

    assert unsent_bytes + 10 == line.stream.unsent_bytes
    line.stream.close()
    await line.until_gone()


@pytest.mark.gen_test
async def test_closing_ends_a_write_that_waits():
    """Whoever waits for it is told."""
    line = Line.connected()
    line.start()
    written = await line.fill()
    line.stream.close()

    with pytest.raises(StreamClosedError):
        await written
    await line.until_gone()


@pytest.mark.gen_test
async def test_a_stream_of_tornado_that_is_gone_cannot_be_taken_over():
    """The client left during its own handshake."""
    ours, other = socket.socketpair()
    other.close()
    stream = IOStream(ours)

    with pytest.raises(StreamClosedError):
        ClientStream.take_over(stream, LoopReadWatch(asyncio.get_running_loop()), 4096)
    assert stream.closed()


@pytest.mark.gen_test
async def test_without_a_descriptor_to_spare_the_client_is_let_go():
    """It is not left with an open connection that nobody reads."""
    ours, other = socket.socketpair()
    stream = IOStream(ours)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)  # the lowest number that is free: the next to be given
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(StreamClosedError):
            ClientStream.take_over(stream, LoopReadWatch(asyncio.get_running_loop()), 4096)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert b"" == other.recv(100)
    other.close()
