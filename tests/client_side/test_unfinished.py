"""What is kept of messages that are not whole: tornado_app/client_side/unfinished.py."""

import math
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from tests.client_side.test_strict_websocket import FakeStream
from tests.fakes.raw_websocket import BINARY, CONTINUATION, client_frame
from tornado_app.admission.budget import Budget, ProcessBudget
from tornado_app.client_side.strict_websocket import StrictWebSocketProtocol
from tornado_app.client_side.unfinished import COUNTED_BYTES

SURE_BYTES, MOST_BYTES = 100_000, 400_000


class Reader:
    """A protocol that is given bytes, and counts them."""

    def __init__(self, others_bytes: int = 0) -> None:
        self.messages: list[bytes] = []
        self.process = ProcessBudget(1 << 20, 4)
        self.process.held_bytes = others_bytes
        self.budget = Budget(1 << 20, self.process)
        self.refused = 0
        handler = SimpleNamespace(
            on_message=self.messages.append, on_message_too_large=self.refuse, on_fragment=int
        )
        self.protocol = StrictWebSocketProtocol(handler, None, max_message_bytes=MOST_BYTES)
        stream = FakeStream([])
        stream.write = lambda _: SimpleNamespace(add_done_callback=lambda _: None)
        stream.resume = lambda: None
        stream.io_loop = SimpleNamespace(time=lambda: 0.0, add_timeout=lambda *_: None)
        self.protocol.stream = self.protocol._client = stream
        self.protocol.unfinished.count_in(self.budget, sure_bytes=SURE_BYTES)

    def refuse(self) -> None:
        self.refused += 1

    def read(self, data: bytes, read_bytes: int = 4096) -> None:
        for at in range(0, len(data), read_bytes):
            self.protocol._receive(data[at : at + read_bytes], math.inf)


def test_a_large_message_is_counted_until_it_is_whole():
    """From its first bytes on, with what it says of itself."""
    reader = Reader()
    data = client_frame(BINARY, bytes(90_000))
    reader.read(data[:-1])
    assert 90_000 == reader.budget.held_bytes

    reader.read(data[-1:])
    assert [90_000] == [len(message) for message in reader.messages]
    assert 0 == reader.budget.held_bytes


def test_fragments_are_counted_until_they_are_a_message():
    """However small each is."""
    reader = Reader()
    reader.read(client_frame(BINARY, bytes(5000), final=False))
    for _ in range(9):
        reader.read(client_frame(CONTINUATION, bytes(5000), final=False))
    assert 50_000 == reader.budget.held_bytes

    reader.read(client_frame(CONTINUATION, b""))
    assert 0 == reader.budget.held_bytes


def test_a_message_within_its_bound_is_read_whatever_others_keep():
    """Else a client could be silenced by strangers."""
    reader = Reader(others_bytes=1 << 30)
    reader.read(client_frame(BINARY, bytes(SURE_BYTES)))

    assert (1, 0) == (len(reader.messages), reader.refused)


def test_one_that_is_too_large_is_read_only_while_there_is_room():
    """It is read to be refused in words; without room the connection ends."""
    too_large = client_frame(BINARY, bytes(MOST_BYTES))
    reader = Reader()
    reader.read(too_large)
    assert (1, 0) == (len(reader.messages), reader.refused)

    reader = Reader(others_bytes=1 << 20)
    reader.read(too_large)
    assert (0, 1) == (len(reader.messages), reader.refused)
    assert 0 == reader.budget.held_bytes


def test_the_end_gives_back_what_there_was():
    """A client goes in the middle of a message."""
    reader = Reader()
    reader.read(client_frame(BINARY, bytes(9000), final=False))
    reader.read(client_frame(CONTINUATION, bytes(90_000))[:40_000])
    assert 99_000 == reader.budget.held_bytes

    reader.protocol._forget()
    assert 0 == reader.budget.held_bytes == reader.process.held_bytes


@given(
    st.lists(st.tuples(st.integers(0, 3 * COUNTED_BYTES), st.booleans()), max_size=8),
    st.integers(1, 5000),
)
def test_nothing_is_counted_when_nothing_is_kept(frames, read_bytes):
    """Any fragments, cut in any way."""
    reader = Reader()
    is_open = False
    for size, final in frames:
        opcode = CONTINUATION if is_open else BINARY
        reader.read(client_frame(opcode, bytes(size), final=final), read_bytes)
        is_open = not final
        kept_bytes = len(reader.protocol._fragments or b"")
        assert kept_bytes == reader.budget.held_bytes
