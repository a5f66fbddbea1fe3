"""Which connections go to another process, and that nothing of them is lost on the way."""

import asyncio
import contextlib
import os
import socket

import pytest

from tests.calls.house import until
from tornado_app.client_side.routing import Routing, ticket_prefix

HOST = b" HTTP/1.1\r\nHost: x\r\n\r\n"


@contextlib.contextmanager
def two(fewest=0):
    """Two processes' ends, in this one, and both ends of a client's connection.

    The next call is for process *fewest*.
    """
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
    outboxes = [ours.fileno() for ours, _ in pairs]
    routes = [
        Routing(index, os.dup(pairs[index][1].fileno()), [*map(os.dup, outboxes)], lambda: fewest)
        for index in range(2)
    ]
    client, server = socket.socketpair()
    server.setblocking(False)
    yield routes, client, server
    for route in routes:
        for each in (route._inbox, *route._outboxes):
            each.close()
    for each in (client, server, *pairs[0], *pairs[1]):
        each.close()


@pytest.mark.parametrize(
    ("request_line", "goes"),
    [
        (b"GET /ws?resume=1.abc-_", True),
        (b"GET /ws?input_rate=16000&resume=1.abc&last_seq=4", True),
        (b"GET http://x/ws?resume=1.abc", True),
        (b"GET /ws?resume=0.abc", False),  # its own
        (b"GET /ws?resume=2.abc", False),  # of nobody
        (b"GET /ws?resume=999.abc", False),
        (b"GET /ws?resume=1", False),
        (b"GET /ws?resume=abc1.x", False),
        (b"GET /ws?xresume=1.abc", False),
        (b"GET /ws", False),
        (b"GET /ws?x= HTTP/1.1\r\nX: /?resume=1.abc", False),
        (b"POST /ws?resume=1.abc", False),
        (b"", False),
    ],
)
@pytest.mark.gen_test
async def test_who_goes(request_line, goes):
    with two() as ([here, there], client, server):
        taken: list[socket.socket] = []
        there.start(taken.append, asyncio.get_running_loop())
        if request_line:
            client.sendall(request_line + HOST)
        assert goes == here.hand_over(server)
        if goes:
            await until(lambda: taken, "it does not arrive")
            server.close()
            assert request_line + HOST == taken[0].recv(4096)
            taken[0].sendall(b"hello")
            assert b"hello" == client.recv(10)
            taken[0].close()
        elif request_line:
            assert request_line + HOST == server.recv(4096)
        there.stop()


@pytest.mark.parametrize(
    ("request_line", "headers", "goes"),
    [
        (b"GET /ws", b"Upgrade: websocket\r\n", True),
        (b"GET /ws?token=x", b"Authorization: Bearer x\r\nUPGRADE:WebSocket\r\nX: y\r\n", True),
        (b"GET /v1/realtime?model=x", b"Upgrade: websocket\r\n", True),
        (b"GET /ws?resume=0.abc", b"Upgrade: websocket\r\n", False),  # whose call is here
        (b"GET /healthz", b"", False),
        (b"GET /ws", b"X-Upgrade: websocket\r\n", False),
        (b"GET /ws", b"Upgrade: h2c\r\n", False),
        (b"GET /ws", b"\r\nUpgrade: websocket\r\n", False),  # behind the headers
        (b"POST /sessions", b"Upgrade: websocket\r\n", False),
    ],
)
def test_who_begins(request_line, headers, goes):
    """A call goes where the fewest are; whatever else is asked is answered where it came."""
    with two(fewest=1) as ([here, _], client, server):
        client.sendall(request_line + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n")

        assert goes == here.hand_over(server)


def test_who_begins_where_the_fewest_are():
    """Stays."""
    with two(fewest=0) as ([here, _], client, server):
        client.sendall(b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n")

        assert not here.hand_over(server)


@pytest.mark.gen_test
async def test_a_process_that_takes_none():
    """Its box is full: whoever comes is answered here."""
    with two() as ([here, _], client, server):
        client.sendall(b"GET /ws?resume=1.abc" + HOST)
        went = 0
        while here.hand_over(server):
            went += 1
            assert went < 10_000
        assert server.recv(3) == b"GET"
    assert "1." == ticket_prefix(1)
