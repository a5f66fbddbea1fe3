"""Tests of tornado_app/client_side/strict_websocket.py: over real sockets and a fake stream."""

import asyncio
import itertools
import math
import socket
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.iostream import StreamClosedError
from tornado.web import Application
from tornado.websocket import WebSocketClosedError

from tests.conformance import EchoHandler
from tests.fakes.raw_websocket import (
    BINARY,
    CLOSE,
    CONTINUATION,
    DEADLINE_S,
    PING,
    PONG,
    TEXT,
    Frame,
    RawClient,
    client_frame,
    close_payload,
)
from tornado_app.client_side.frames import frame
from tornado_app.client_side.strict_websocket import FRAMES_AT_ONCE, StrictWebSocketProtocol

LIMIT_BYTES = 2**20


class RecordingHandler(EchoHandler):
    """Echoes, does what a message of a certain text asks for, and remembers what happened."""

    max_message_bytes = LIMIT_BYTES

    def initialize(self, handlers: list["RecordingHandler"]) -> None:
        handlers.append(self)
        self.messages = []
        self.errors = []
        self.fragments = 0
        self.closed = asyncio.Event()

    def open(self) -> None:
        super().open()
        if self.get_argument("fail", ""):
            raise ValueError

    def on_message(self, message):
        self.messages.append(message)
        match message if isinstance(message, str) else None:
            case "raise":
                raise ValueError
            case "raise closed":
                raise StreamClosedError
            case "close":
                return self.writer.close(1000, "bye")
            case "abort":
                return self.protocol.abort()
            case _:
                return super().on_message(message)

    def on_fragment(self) -> None:
        self.fragments += 1

    def on_message_too_large(self) -> None:
        self.writer.send(b"too large")
        if self.get_argument("hook_fails", ""):
            raise ValueError

    def log_exception(self, _type, error, _traceback) -> None:
        self.errors.append(error)

    def on_close(self) -> None:
        self.closed.set()


@pytest.fixture
def handlers() -> list[RecordingHandler]:
    return []


@pytest.fixture
def app(handlers) -> Application:
    return Application([("/", RecordingHandler, {"handlers": handlers})])


@pytest.fixture
def connect(io_loop, http_server, http_port, handlers):
    """Opens connections; they are closed, on both sides, when the test is over."""
    clients = []

    async def connect(path: str = "/", headers: str = "") -> RawClient:
        clients.append(await RawClient.connect(http_port, path, headers))
        return clients[-1]

    async def close() -> None:
        for client in clients:
            await client.close()
        for handler in handlers:
            if not handler.get_argument("fail", ""):
                await asyncio.wait_for(handler.closed.wait(), DEADLINE_S)

    yield connect
    io_loop.run_sync(close)


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, b"\x82\x00"),
        (125, b"\x82\x7d"),
        (126, b"\x82\x7e\x00\x7e"),
        (65535, b"\x82\x7e\xff\xff"),
        (65536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_frame_has_the_shortest_length_field(size: int, header: bytes) -> None:
    """A frame is final, unmasked, and its length takes the fewest bytes possible."""
    payload = b"a" * size

    assert header + payload == frame(BINARY, payload)


@pytest.mark.gen_test
async def test_text_and_binary_arrive_as_what_they_are(connect) -> None:
    """Text comes back as text and bytes as bytes, many frames in one packet too."""
    client = await connect()

    client.send(client_frame(TEXT, "hé".encode()), client_frame(BINARY, b"\xff"))

    assert Frame(TEXT, "hé".encode()) == await client.receive()
    assert Frame(BINARY, b"\xff") == await client.receive()


@pytest.mark.parametrize("size", [0, 125, 126, 4096, 65535, 65536, LIMIT_BYTES])
@pytest.mark.gen_test
async def test_message_of_any_size_up_to_the_limit(connect, size: int) -> None:
    """Messages up to and with the limit come through whole."""
    client = await connect()
    payload = bytes(range(256)) * (size // 256) + b"a" * (size % 256)

    client.send(client_frame(BINARY, payload))

    assert Frame(BINARY, payload) == await client.receive()


@pytest.mark.gen_test
async def test_fragments_are_joined_with_a_ping_between(connect) -> None:
    """Fragments make one message, and a ping between them is answered first."""
    client = await connect()

    client.send(
        client_frame(TEXT, b"one ", final=False),
        client_frame(PING, b"?"),
        client_frame(CONTINUATION, b"two ", final=False),
        client_frame(CONTINUATION, b"three"),
    )

    assert Frame(PONG, b"?") == await client.receive()
    assert Frame(TEXT, b"one two three") == await client.receive()


@pytest.mark.gen_test
async def test_forty_thousand_fragments_make_one_message(connect, handlers) -> None:
    """Tiny fragments in any number cost time in proportion, and are one message."""
    client = await connect()
    fragment = client_frame(CONTINUATION, b"ab", final=False)

    client.send(client_frame(BINARY, final=False), fragment * 40_000, client_frame(CONTINUATION))

    assert Frame(BINARY, b"ab" * 40_000) == await client.receive()
    assert handlers[0].fragments == 40_001


@pytest.mark.gen_test
async def test_frame_sent_byte_by_byte(connect) -> None:
    """A frame that comes one byte at a time is the same frame."""
    client = await connect()

    await client.send_in_pieces(client_frame(TEXT, b"slow" * 50), [1] * 208)

    assert Frame(TEXT, b"slow" * 50) == await client.receive()


@pytest.mark.gen_test
async def test_every_whole_fragment_is_told(connect, handlers) -> None:
    """A message that comes slowly is a sign of life; half a frame is none."""
    client = await connect()

    client.send(
        client_frame(TEXT, b"a", final=False),
        client_frame(CONTINUATION, b"b", final=False),
        client_frame(CONTINUATION, b"c"),
        client_frame(TEXT, b"half", final=False)[:-1],
    )

    assert Frame(TEXT, b"abc") == await client.receive()
    assert handlers[0].fragments == 2


@pytest.mark.gen_test
async def test_compression_is_never_negotiated(connect) -> None:
    """An offer of permessage-deflate is not taken up."""
    client = await connect(headers="Sec-WebSocket-Extensions: permessage-deflate\r\n")

    assert b"deflate" not in client.response


@pytest.mark.gen_test
async def test_stream_is_tuned_before_the_first_message(connect, handlers) -> None:
    """Reads are of the size asked for, and small frames are not held back by the kernel."""
    await connect()
    stream = handlers[0].protocol.stream

    assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


PROTOCOL_ERRORS = {
    "unmasked frame": client_frame(TEXT, b"a", masked=False),
    "unmasked close": client_frame(CLOSE, close_payload(1000), masked=False),
    "reserved bit 1": client_frame(TEXT, b"a", reserved=4),
    "reserved bit 3": client_frame(PING, reserved=1),
    "unknown opcode 3": client_frame(0x3),
    "unknown opcode 15": client_frame(0xF),
    "nothing to continue": client_frame(CONTINUATION, b"a"),
    "message in a message": client_frame(TEXT, b"a", final=False) + client_frame(TEXT, b"b"),
    "fragmented ping": client_frame(PING, final=False),
    "ping of 126 bytes": client_frame(PING, b"a" * 126),
    "close of 1 byte": client_frame(CLOSE, b"\x03"),
} | {
    f"close code {code}": client_frame(CLOSE, close_payload(code))
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
}
INVALID_UTF8 = {
    "invalid text": client_frame(TEXT, b"\xff"),
    "text cut in a character": client_frame(TEXT, b"\xc3"),
    "surrogate": client_frame(TEXT, b"\xed\xa0\x80"),
    "close reason": client_frame(CLOSE, close_payload(1000) + b"\xff"),
}
VIOLATIONS = [
    pytest.param(data, 1002, "protocol_error", id=name) for name, data in PROTOCOL_ERRORS.items()
] + [pytest.param(data, 1007, "invalid_utf8", id=name) for name, data in INVALID_UTF8.items()]


@pytest.mark.parametrize(("data", "code", "reason"), VIOLATIONS)
@pytest.mark.gen_test
async def test_violation_is_answered_with_its_close_code(
    connect, handlers, data: bytes, code: int, reason: str
) -> None:
    """What came before is echoed, then comes the close frame; what comes after is ignored."""
    client = await connect()

    client.send(client_frame(TEXT, b"before"), data, client_frame(TEXT, b"after") * 1000)

    assert Frame(TEXT, b"before") == await client.receive()
    assert Frame(CLOSE, close_payload(code, reason)) == await client.receive()
    assert await client.received_to_the_end() == b""
    assert handlers[0].messages == ["before"]


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1011, 1012, 1014, 3000, 4999])
@pytest.mark.gen_test
async def test_legal_close_code_is_echoed(connect, handlers, code: int) -> None:
    """A client's close is answered with its own code, after what was said before."""
    client = await connect()

    client.send(client_frame(TEXT, b"last"), client_frame(CLOSE, close_payload(code, "why")))

    assert Frame(TEXT, b"last") == await client.receive()
    assert Frame(CLOSE, close_payload(code)) == await client.receive()
    assert await client.received_to_the_end() == b""
    assert (code, "why") == (handlers[0].close_code, handlers[0].close_reason)


@pytest.mark.gen_test
async def test_close_without_a_code_is_legal(connect) -> None:
    """An empty close frame is answered with an empty close frame."""
    client = await connect()

    client.send(client_frame(CLOSE))

    assert Frame(CLOSE, b"") == await client.receive()


HALF = LIMIT_BYTES // 2
TOO_LARGE = {
    "one frame": client_frame(BINARY, b"a" * (LIMIT_BYTES + 1)),
    "a header alone": client_frame(BINARY, b"a" * (LIMIT_BYTES + 1))[:10],
    "two fragments": client_frame(BINARY, b"a" * HALF, final=False)
    + client_frame(CONTINUATION, b"a" * (HALF + 1)),
    "many fragments": client_frame(BINARY, final=False)
    + client_frame(CONTINUATION, b"a" * 64, final=False) * (LIMIT_BYTES // 64 + 1),
}


@pytest.mark.parametrize("query", ["", "?hook_fails=yes"], ids=["", "failing hook"])
@pytest.mark.parametrize("data", TOO_LARGE.values(), ids=TOO_LARGE.keys())
@pytest.mark.gen_test
async def test_message_too_large_is_told_before_the_close(
    connect, handlers, data: bytes, query: str
) -> None:
    """The handler may send an error, then comes 1009, and a client that sent all reads both."""
    client = await connect("/" + query)

    client.send(data)

    assert Frame(TEXT, b"too large") == await client.receive()
    assert Frame(CLOSE, close_payload(1009, "message_too_large")) == await client.receive()
    assert await client.received_to_the_end() == b""
    assert handlers[0].messages == []


@pytest.mark.gen_test
async def test_control_frame_fits_beside_a_message_at_the_limit(connect) -> None:
    """A ping between fragments does not count towards the size of the message."""
    client = await connect()

    client.send(client_frame(BINARY, b"a" * LIMIT_BYTES, final=False), client_frame(PING, b"?"))

    assert Frame(PONG, b"?") == await client.receive()


@pytest.mark.gen_test
async def test_exception_in_a_callback_closes_with_1011(connect, handlers) -> None:
    """A handler that fails is logged, and its client told; what follows is not delivered."""
    client = await connect()

    client.send(client_frame(TEXT, b"raise"))

    assert Frame(CLOSE, close_payload(1011, "internal")) == await client.receive()
    client.send(client_frame(TEXT, b"more"), client_frame(CLOSE, close_payload(1011)))
    assert await client.received_to_the_end() == b""
    assert ["raise"] == handlers[0].messages
    assert isinstance(handlers[0].errors[0], ValueError)


@pytest.mark.gen_test
async def test_closed_stream_in_a_callback_still_sends_a_close_frame(connect) -> None:
    """A StreamClosedError that is not about this client does not end without a close frame."""
    client = await connect()

    client.send(client_frame(TEXT, b"raise closed"))

    assert Frame(CLOSE, close_payload(1011, "internal")) == await client.receive()


@pytest.mark.gen_test
async def test_exception_in_open_closes_with_1011(connect) -> None:
    """A client whose `open()` failed is told so."""
    client = await connect("/?fail=yes")

    assert Frame(CLOSE, close_payload(1011, "internal")) == await client.receive()
    assert await client.received_to_the_end() == b""


@pytest.mark.gen_test
async def test_nothing_is_delivered_after_our_close(connect, handlers) -> None:
    """After our close frame messages are dropped, pings unanswered, and no frame can be written."""
    client = await connect()

    client.send(client_frame(TEXT, b"close"), client_frame(TEXT, b"late"), client_frame(PING))

    assert Frame(CLOSE, close_payload(1000, "bye")) == await client.receive()
    with pytest.raises(WebSocketClosedError):
        handlers[0].protocol.write_frames(frame(TEXT, b"late too"))
    client.send(client_frame(CLOSE, close_payload(1000)))
    assert await client.received_to_the_end() == b""
    assert handlers[0].messages == ["close"]


@pytest.mark.gen_test
async def test_violation_after_our_close_ends_the_connection(connect) -> None:
    """A client that breaks the protocol when it has been sent a close gets no second one."""
    client = await connect()

    client.send(client_frame(TEXT, b"close"), client_frame(0x3))

    assert Frame(CLOSE, close_payload(1000, "bye")) == await client.receive()
    assert await client.received_to_the_end() == b""


@pytest.mark.gen_test
async def test_abort_cuts_without_a_close_frame(connect, handlers) -> None:
    """An aborted client gets a reset, and the handler learns that it is gone."""
    client = await connect()

    client.send(client_frame(TEXT, b"abort"))

    with pytest.raises(ConnectionResetError):
        await client.receive()
    await asyncio.wait_for(handlers[0].closed.wait(), DEADLINE_S)
    handlers[0].protocol.abort()  # once more does nothing


@pytest.mark.gen_test
async def test_lost_client_lets_go_of_its_writer(connect, handlers) -> None:
    """When a client is gone, its protocol and its writer do not keep each other alive."""
    client = await connect()
    await client.close()

    await asyncio.wait_for(handlers[0].closed.wait(), DEADLINE_S)

    assert handlers[0].protocol.before_close is None


class FakeStream:
    """Hands out pieces of a byte stream as they would come from the network, then ends."""

    def __init__(self, pieces: list[bytes], read_bytes: int = 4096) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.read_bytes = read_bytes
        self.reads = 0

    def start(self, receive, on_gone, until=math.inf) -> None:
        while self.pieces:
            piece = self.pieces.pop(0)
            if piece[self.read_bytes :]:
                self.pieces.insert(0, piece[self.read_bytes :])
            self.reads += 1
            is_behind = receive(piece[: self.read_bytes], until)
            while is_behind:
                is_behind = receive(b"", until)
        on_gone()

    def closed(self) -> bool:
        return False

    def close(self) -> None:
        self.pieces = []


def receive_all(stream: FakeStream, until: float = math.inf) -> list[str | bytes]:
    """All messages a handler is given of a stream, of which nothing may be kept."""
    messages = []
    handler = SimpleNamespace(
        on_message=messages.append, on_ping=messages.append, on_pong=messages.append
    )
    protocol = StrictWebSocketProtocol(
        handler, None, max_message_bytes=LIMIT_BYTES, read_bytes=stream.read_bytes
    )
    protocol.stream = protocol._client = stream
    stream.start(protocol._receive, lambda: None, until)
    assert protocol._pieces == []
    return messages


@given(
    payloads=st.lists(st.binary(max_size=300), max_size=8),
    big=st.integers(0, 20_000),
    pieces=st.lists(st.integers(1, 5000), max_size=30),
    read_bytes=st.sampled_from([1, 7, 64, 4096]),
    until=st.sampled_from([0.0, math.inf]),
)
def test_cutting_does_not_matter(payloads, big, pieces, read_bytes, until) -> None:
    """Any way of cutting the stream into segments, and into turns, gives the same messages."""
    payloads = [*payloads, b"b" * big]
    data = b"".join(
        client_frame(BINARY, payload[:5], final=False)
        + client_frame(PONG, payload[:9])
        + client_frame(CONTINUATION, payload[5:])
        for payload in payloads
    )
    cuts = [*itertools.accumulate(pieces, initial=0), len(data)]
    pieces = [data[start:end] for start, end in itertools.pairwise(cuts)]

    messages = receive_all(FakeStream(pieces, read_bytes), until)

    assert [part for payload in payloads for part in (payload[:9], payload)] == messages


def test_frame_costs_one_read() -> None:
    """A frame that comes in one segment is read at once, as are several in one segment."""
    one = client_frame(TEXT, b"a" * 1000)
    stream = FakeStream([one, one, one * 4])

    assert receive_all(stream) == ["a" * 1000] * 6
    assert stream.reads == 3


def test_large_frame_is_joined_once() -> None:
    """However many pieces it comes in, so that the work grows with its size and not faster."""
    large = client_frame(BINARY, b"a" * LIMIT_BYTES)
    stream = FakeStream([large])

    assert receive_all(stream) == [b"a" * LIMIT_BYTES]
    assert stream.reads == -(-len(large) // 4096)


def test_many_small_frames_are_more_than_one_turn():
    """One read has room for hundreds, and each may cost as much as a chunk of audio."""
    heard = []
    handler = SimpleNamespace(on_ping=heard.append, on_message=heard.append)
    protocol = StrictWebSocketProtocol(handler, None, max_message_bytes=LIMIT_BYTES)
    protocol.stream = protocol._client = FakeStream([])
    data = b"".join(client_frame(BINARY, bytes([number])) for number in range(20))

    assert protocol._receive(data, 0.0)
    assert FRAMES_AT_ONCE == len(heard)
    assert protocol._receive(b"", 0.0)
    assert 2 * FRAMES_AT_ONCE == len(heard)
    assert not protocol._receive(b"", 0.0)
    assert [bytes([number]) for number in range(20)] == heard
