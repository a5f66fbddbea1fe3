"""Tests of tornado_app/unsent.py: over real sockets."""

import select
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tornado_app import unsent
from tornado_app.unsent import UNSENT_BYTES

PIECE = bytes(4096)
ROOM_MS = 50
"""A socket with room says so at once; one without would never."""

needs_linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux counts it when something is sent"
)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A bounded one, and the other, which can hold little itself."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.socket())
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        server.bind(("127.0.0.1", 0))
        server.listen()
        ours = stack.enter_context(socket.create_connection(server.getsockname()))
        other, _ = server.accept()
        stack.enter_context(other)
        unsent.bound(ours)
        ours.setblocking(False)
        yield ours, other


def fill(end: socket.socket) -> int:
    """How much it takes."""
    taken = 0
    try:
        while True:
            taken += end.send(PIECE)
    except BlockingIOError:
        return taken


@needs_linux
def test_it_is_full_when_some_seconds_of_audio_wait(ends: tuple[socket.socket, socket.socket]):
    """Without it, it takes 4 MB."""
    assert UNSENT_BYTES <= fill(ends[0]) <= 8 * UNSENT_BYTES


@needs_linux
def test_there_is_room_again_when_about_as_much_was_read(
    ends: tuple[socket.socket, socket.socket],
):
    """Without it, when a third of 4 MB was read: 20 s of a model that reads as it is spoken to."""
    ours, other = ends
    fill(ours)
    room = select.poll()
    room.register(ours, select.POLLOUT)
    read = 0
    while not room.poll(ROOM_MS):
        read += len(other.recv(len(PIECE)))

    assert read <= 4 * UNSENT_BYTES


def test_what_is_no_connection_of_tcp_is_left_alone():
    """No error, and it works."""
    ours, other = socket.socketpair()
    with ours, other:
        unsent.bound(ours)
        ours.send(b"well")

        assert b"well" == other.recv(4)
