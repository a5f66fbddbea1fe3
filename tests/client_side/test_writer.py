"""Tests of tornado_app/client_side/writer.py: with a fake loop and protocol, once over a socket."""

import asyncio
import heapq
import itertools
import socket
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.iostream import StreamBufferFullError, StreamClosedError
from tornado.web import Application
from tornado.websocket import WebSocketClosedError

from tests.conformance import EchoHandler
from tests.fakes.raw_websocket import DEADLINE_S, TEXT, RawClient, client_frame
from tornado_app.client_side.frames import BINARY, frame
from tornado_app.client_side.gathered_writes import GatheredWrites
from tornado_app.client_side.writer import LEAST_BYTES_PER_S, PART_BYTES, ClientWriter

GATHER_BYTES = 100
QUEUE_BYTES = 1000
WRITE_TIMEOUT_S = 5.0
GATHER_S = 0.05


class Timer(SimpleNamespace):
    """A callback the fake loop will run, unless cancelled."""

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    """Runs what is due when it is told to; its time is what the test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers = []
        self.order = itertools.count()

    def call_later(self, delay, callback, *args) -> Timer:
        timer = Timer(callback=callback, args=args, cancelled=False)
        heapq.heappush(self.timers, (self.now + delay, next(self.order), timer))
        return timer

    def call_soon(self, callback, *args, context=None) -> Timer:
        return self.call_later(0.0, callback, *args)

    def get_debug(self) -> bool:
        return False

    def run(self, seconds: float = 0.0) -> None:
        """Let that much time go by."""
        end = self.now + seconds
        while self.timers and self.timers[0][0] <= end:
            self.now, _, timer = heapq.heappop(self.timers)
            if not timer.cancelled:
                timer.callback(*timer.args)
        self.now = end

    @property
    def pending(self) -> int:
        return sum(not timer.cancelled for _, _, timer in self.timers)


class FakeProtocol:
    """Remembers what is written; a blocked one leaves its writes undrained."""

    def __init__(self, loop: FakeLoop) -> None:
        self.stream = SimpleNamespace(max_write_buffer_size=None, untaken_bytes=0)
        self.before_close = None
        self.loop = loop
        self.log = []
        self.undrained = []
        self.blocked = False
        self.error = None
        self.aborted = False

    @property
    def written(self) -> bytes:
        return b"".join(part for part in self.log if isinstance(part, bytes))

    def write_frames(self, data: bytes) -> asyncio.Future:
        if self.error is not None:
            raise self.error
        assert not self.undrained, "a second write before the first has drained"
        self.log.append(data)
        future = asyncio.Future(loop=self.loop)
        if self.blocked:
            self.undrained.append(future)
            self.stream.untaken_bytes = len(data)
        else:
            future.set_result(None)
        return future

    def drain(self, error: Exception | None = None) -> None:
        for future in self.undrained:
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)
        self.undrained = []
        self.stream.untaken_bytes = 0
        self.loop.run()

    def close(self, code: int, reason: str) -> None:
        finish, self.before_close = self.before_close, None
        if finish is not None:
            finish()
            self.log.append((code, reason))

    def abort(self) -> None:
        self.aborted = True


class Client(SimpleNamespace):
    """A writer with the fakes around it."""

    @classmethod
    def new(
        cls,
        loop: FakeLoop | None = None,
        gathered: GatheredWrites | None = None,
        write_timeout_s: float = WRITE_TIMEOUT_S,
    ) -> "Client":
        loop = loop or FakeLoop()
        gathered = gathered or GatheredWrites(loop, GATHER_S)
        protocol, slow, room = FakeProtocol(loop), [], []
        writer = ClientWriter(
            protocol,
            gather_bytes=GATHER_BYTES,
            queue_bytes=QUEUE_BYTES,
            write_timeout_s=write_timeout_s,
            loop=loop,
            gathered=gathered,
            on_slow=slow.append,
            on_room=lambda: room.append(writer.queued_bytes),
        )
        return cls(
            loop=loop, protocol=protocol, slow=slow, room=room, writer=writer, gathered=gathered
        )

    def block(self) -> None:
        """Let the socket be full, with one message on its way."""
        self.protocol.blocked = True
        self.writer.send(b"first")
        self.loop.run()


@pytest.fixture
def client() -> Client:
    return Client.new()


FIRST = frame(TEXT, b"first")
A, B, C = (frame(TEXT, payload) for payload in (b"a", b"b", b"c"))


def test_sends_of_one_turn_become_one_write(client: Client) -> None:
    """Text and binary messages sent in one turn of the loop are written together, in order."""
    client.writer.send(b"a")
    client.writer.send(b"b", binary=True)
    assert client.loop.pending == 1

    client.loop.run()

    assert [A + frame(BINARY, b"b")] == client.protocol.log
    assert client.writer.queued_bytes == 0
    assert client.loop.pending == 0


def test_write_is_about_gather_bytes(client: Client) -> None:
    """A write takes whole frames until it has gather_bytes, and one frame at least."""
    small, large = b"s" * 58, b"l" * 300
    for payload in (small, small, large, small):
        client.writer.send(payload)
    client.loop.run()

    assert [len(data) for data in client.protocol.log] == [120, 304, 60]


def test_acknowledgement_waits_for_company(client: Client) -> None:
    """A message that is not urgent goes with the next urgent one, before it."""
    client.writer.send(b"a", urgent=False)
    client.loop.run(GATHER_S / 2)
    assert client.protocol.log == []

    client.writer.send(b"b")
    client.loop.run()
    assert client.protocol.log == [A + B]

    client.loop.run(GATHER_S)
    assert client.protocol.log == [A + B]
    assert client.loop.pending == 0


def test_acknowledgements_wait_no_longer_than_gather_s(client: Client) -> None:
    """Without company they go gather_s after the first of them."""
    client.writer.send(b"a", urgent=False)
    client.loop.run(GATHER_S * 0.9)
    client.writer.send(b"b", urgent=False)
    assert client.protocol.log == []
    assert client.loop.pending == 1

    client.loop.run(GATHER_S * 0.2)

    assert client.protocol.log == [A + B]


def test_acknowledgements_of_all_clients_have_one_timer() -> None:
    """They go together; one whose own has gone already has nothing more to write."""
    first = Client.new()
    loop, second = first.loop, Client.new(first.loop, first.gathered)
    first.writer.send(b"a", urgent=False)
    loop.run(GATHER_S / 2)
    second.writer.send(b"b", urgent=False)
    assert loop.pending == 1
    first.writer.send(b"c")

    loop.run(GATHER_S)

    assert first.protocol.log == [A + C]
    assert second.protocol.log == [B]
    assert loop.pending == 0


def test_acknowledgements_go_when_there_are_gather_bytes_of_them(client: Client) -> None:
    """Enough of them are written at once."""
    for _ in range(3):
        client.writer.send(b"s" * 40, urgent=False)
    client.loop.run()

    assert [len(data) for data in client.protocol.log] == [3 * 42]


def test_messages_wait_while_the_socket_is_full(client: Client) -> None:
    """Nothing more is handed to the stream before the last write drained; then all of it is."""
    client.block()
    client.writer.send(b"a", urgent=False)
    client.writer.send(b"b")
    assert client.loop.pending == 1  # the deadline of the write
    client.loop.run(1.0)
    assert client.protocol.log == [FIRST]
    assert len(FIRST + A + B) == client.writer.queued_bytes

    client.protocol.drain()
    client.protocol.blocked = False
    client.protocol.drain()

    assert client.protocol.log == [FIRST, A + B]
    assert client.loop.pending == 0


def test_full_queue_is_told_once_and_nothing_follows_a_lost_message(client: Client) -> None:
    """The message that does not fit is the first one dropped; the verdict comes later, once."""
    client.block()
    for _ in range(9):
        client.writer.send(b"f" * 98)
    client.writer.send(b"f" * (100 - 2 * len(FIRST)))
    client.writer.send(b"lost")
    client.writer.send(b"")
    assert client.slow == []

    client.loop.run(2 * WRITE_TIMEOUT_S)

    assert client.slow == ["queue_full"]
    assert client.writer.dropped_messages == 2
    assert client.writer.queued_bytes <= QUEUE_BYTES


def test_write_that_does_not_drain_in_time_is_told_once(client: Client) -> None:
    """Each write has write_timeout_s; the clock starts anew with the next one."""
    client.block()
    client.loop.run(WRITE_TIMEOUT_S * 0.9)
    client.writer.send(b"a")
    client.protocol.drain()
    client.loop.run(WRITE_TIMEOUT_S * 0.9)
    assert client.slow == []

    client.loop.run(WRITE_TIMEOUT_S)

    assert client.slow == ["write_timeout"]
    client.writer.send(b"b")
    assert client.writer.dropped_messages == 1


def test_a_large_message_counts_for_an_eighth(client: Client) -> None:
    """More than may wait, to one that has little to read; and small ones still find room."""
    client.block()
    client.writer.send(b"f" * (3 * QUEUE_BYTES))
    client.protocol.drain()  # it is the write under way now
    for _ in range(8):
        client.writer.send(b"a" * 98)
    client.loop.run()
    assert client.slow == []
    assert client.writer.is_full

    client.writer.send(b"a" * 98)
    client.loop.run()
    assert client.slow == ["queue_full"]
    assert client.writer.dropped_messages == 1


def test_what_a_large_message_did_not_count_for_is_forgotten(client: Client) -> None:
    """When it has gone, was lost with others, or went at once, the bound is what it was."""
    stream = client.protocol.stream
    least_bytes = stream.max_write_buffer_size
    for blocked in (False, True):
        client.protocol.blocked = blocked
        client.writer.send(b"f" * (9 * QUEUE_BYTES))
        client.loop.run()
        assert (stream.max_write_buffer_size > 9 * QUEUE_BYTES) == blocked
        client.protocol.drain()
        assert client.writer.queued_bytes == client.writer.counted_bytes == 0
        assert least_bytes == stream.max_write_buffer_size
    client.block()
    client.writer.send(b"f" * (3 * QUEUE_BYTES))
    client.writer.close(1000, "bye")
    assert client.writer.queued_bytes == client.writer.counted_bytes == len(FIRST)


@pytest.mark.parametrize(
    ("write_timeout_s", "part_bytes"),
    [(WRITE_TIMEOUT_S, int(WRITE_TIMEOUT_S * LEAST_BYTES_PER_S)), (60.0, PART_BYTES)],
)
def test_a_large_write_has_its_time_for_each_part(write_timeout_s: float, part_bytes: int) -> None:
    """A client that takes it as fast as is spoken is not given up, one that stops half way is."""
    client = Client.new(write_timeout_s=write_timeout_s)
    client.protocol.blocked = True
    client.writer.send(b"f" * (3 * part_bytes))
    client.loop.run()
    for left_bytes in (2 * part_bytes, part_bytes):
        client.protocol.stream.untaken_bytes = left_bytes
        client.loop.run(write_timeout_s)
        assert client.slow == []
    client.protocol.stream.untaken_bytes = 1

    client.loop.run(write_timeout_s)
    assert client.slow == ["write_timeout"]


def test_who_plays_as_it_reads_is_fast_enough() -> None:
    """Of G.711, with a second of leave for how a system tells of room."""
    assert 8000 * (WRITE_TIMEOUT_S - 1) >= LEAST_BYTES_PER_S * WRITE_TIMEOUT_S


def test_close_writes_what_is_queued_first(client: Client) -> None:
    """Messages sent just before a close are ahead of the close frame; later ones are dropped."""
    client.writer.send(b"a", urgent=False)
    client.writer.send(b"b")
    client.writer.close(1000, "bye")
    client.writer.send(b"c")
    client.writer.close(1011, "internal")
    client.loop.run(10.0)

    assert client.protocol.log == [A + B, (1000, "bye")]
    assert client.writer.dropped_messages == 1
    assert not client.protocol.aborted
    assert client.loop.pending == 0


def test_close_of_a_full_socket_drops_the_queue_and_gives_a_second(client: Client) -> None:
    """The close frame follows the write under way; not drained in 1 s, the connection is cut."""
    client.block()
    client.writer.send(b"a")
    client.writer.close(1013, "server_busy")
    client.loop.run(0.9)
    assert not client.protocol.aborted

    client.loop.run(10.0)

    assert client.protocol.log == [FIRST, (1013, "server_busy")]
    assert client.protocol.aborted
    assert client.slow == []
    assert client.writer.dropped_messages == 1


def test_socket_that_fills_on_the_last_write_is_cut_too(client: Client) -> None:
    """What no longer fits when closing is dropped, and the rest has a second."""
    client.protocol.blocked = True
    for _ in range(3):
        client.writer.send(b"s" * GATHER_BYTES)
    client.writer.close(1000, "bye")
    client.loop.run(1.1)

    assert client.writer.dropped_messages == 2
    assert client.protocol.aborted


def test_closed_client_that_drains_in_time_is_not_cut(client: Client) -> None:
    """The grace ends when the client has taken the last write."""
    client.block()
    client.writer.close(1000, "bye")
    client.protocol.drain()
    client.loop.run(10.0)

    assert not client.protocol.aborted
    assert client.loop.pending == 0


@pytest.mark.parametrize("error", [StreamClosedError(), WebSocketClosedError()])
def test_message_to_a_dead_stream_is_dropped(client: Client, error: Exception) -> None:
    """A stream that is gone raises nothing, and is no slow client."""
    client.protocol.error = error
    for _ in range(3):
        client.writer.send(b"a")
        client.loop.run()

    assert client.writer.dropped_messages == 3
    assert client.slow == []
    assert client.loop.pending == 0


def test_stream_that_dies_with_a_write_under_way_drops_the_queue(client: Client) -> None:
    """The queue is let go, and the write's deadline with it."""
    client.block()
    client.writer.send(b"a")
    client.protocol.drain(StreamClosedError())
    client.writer.send(b"b")

    assert client.writer.dropped_messages == 2
    assert client.writer.queued_bytes == 0
    assert client.loop.pending == 0


def test_overfull_stream_is_a_slow_client(client: Client) -> None:
    """Tornado's own limit leaves room for control frames; met all the same, it is a verdict too."""
    assert client.protocol.stream.max_write_buffer_size > QUEUE_BYTES + 125
    client.protocol.error = StreamBufferFullError()
    client.writer.send(b"a")
    client.loop.run()

    assert client.slow == ["queue_full"]
    assert client.writer.dropped_messages == 1


def test_a_client_is_full_from_a_half_to_a_quarter_of_the_bound(client: Client) -> None:
    """Then it is told that there is room, once."""
    client.block()
    while client.writer.queued_bytes <= QUEUE_BYTES // 2:
        assert not client.writer.is_full
        client.writer.send(b"." * 98)
    assert client.writer.is_full

    while client.writer.queued_bytes > QUEUE_BYTES // 4:
        assert client.writer.is_full
        assert client.room == []
        client.protocol.drain()
    assert not client.writer.is_full
    assert [client.writer.queued_bytes] == client.room


def test_a_socket_that_takes_all_at_once_has_room(client: Client) -> None:
    """Nothing drained, because nothing had to wait: whoever saw it full is told all the same."""
    client.writer.send(b"." * (QUEUE_BYTES // 2))
    assert client.writer.is_full

    client.loop.run()

    assert not client.writer.is_full
    assert client.room == [0]


def test_a_client_that_is_gone_has_room(client: Client) -> None:
    """What waited for it is dropped, so nobody has to wait for it."""
    client.block()
    client.writer.send(b"." * (QUEUE_BYTES // 2))
    assert client.writer.is_full

    client.protocol.drain(StreamClosedError())

    assert client.room == [0]


STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(0, 400), st.booleans()),
    st.tuples(st.sampled_from(["block", "drain", "turn", "wait", "close"])),
)


@given(st.lists(STEPS, max_size=60))
def test_what_is_written_is_the_beginning_of_what_was_sent(steps) -> None:
    """Whatever happens: in order, without a gap, within the bound, and dropped or written."""
    client = Client.new()
    sent = []
    for step in steps:
        match step:
            case ("send", size, urgent):
                payload = b"%d " % len(sent) + b"." * size
                sent.append(frame(TEXT, payload))
                client.writer.send(payload, urgent=urgent)
            case ("block",):
                client.protocol.blocked = True
            case ("drain",):
                client.protocol.blocked = False
                client.protocol.drain()
            case ("close",):
                client.writer.close(1000, "bye")
            case _:
                client.loop.run(GATHER_S if step == ("wait",) else 0.0)
        assert 0 <= client.writer.counted_bytes <= QUEUE_BYTES
    client.protocol.blocked = False
    client.protocol.drain()
    client.loop.run(GATHER_S)

    kept = sent[: len(sent) - client.writer.dropped_messages]
    assert b"".join(kept) == client.protocol.written
    assert client.writer.queued_bytes == 0


class FloodHandler(EchoHandler):
    """Sends without end to a client that does not read."""

    def initialize(self, flood: SimpleNamespace) -> None:
        self.flood = flood

    def open(self) -> None:
        self.protocol.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.flood.writer = self.writer = ClientWriter(
            self.protocol,
            gather_bytes=4096,
            queue_bytes=10**6,
            write_timeout_s=self.flood.write_timeout_s,
            on_slow=self.on_slow,
            loop=asyncio.get_running_loop(),
            gathered=GatheredWrites(asyncio.get_running_loop()),
        )

    def on_message(self, _message) -> None:
        for _ in range(self.flood.messages):
            self.writer.send(b"f" * 200_000)

    def on_slow(self, why: str) -> None:
        self.flood.why = why
        self.flood.buffered_bytes = self.protocol.stream.unsent_bytes
        self.writer.close(1013, "server_busy")

    def on_close(self) -> None:
        self.flood.closed.set()


@pytest.fixture
def flood() -> SimpleNamespace:
    return SimpleNamespace(closed=asyncio.Event())


@pytest.fixture
def app(flood) -> Application:
    return Application([("/", FloodHandler, {"flood": flood})])


# Messages of 200 kB, and the write timeout in seconds, that bring each verdict about.
FLOODS = {"queue_full": (100, 5.0), "write_timeout": (4, 0.05)}


@pytest.mark.parametrize("why", FLOODS)
@pytest.mark.gen_test
async def test_client_that_never_reads_is_cut(http_server, http_port, flood, why: str) -> None:
    """Over a real socket: Tornado holds one write, the queue its bound, and then it is cut."""
    flood.messages, flood.write_timeout_s = FLOODS[why]
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.connect(("127.0.0.1", http_port))
    client = await RawClient.connect(http_port, sock=sock)
    client.writer.transport.pause_reading()

    client.send(client_frame(TEXT, b"go"))
    await asyncio.wait_for(flood.closed.wait(), DEADLINE_S)

    assert why == flood.why
    assert flood.buffered_bytes <= 200_010
    assert flood.writer.dropped_messages > 0
    assert flood.writer.queued_bytes == 0
    await client.close()
