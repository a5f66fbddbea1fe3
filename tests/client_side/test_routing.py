"""Which connections go to another process, and that nothing of them is lost on the way."""

import asyncio
import contextlib
import os
import selectors
import socket
import time

import pytest

from tests.calls.house import until
from tests.client_side.test_front_door import few_descriptors
from tornado_app.client_side.routing import Routing, ticket_prefix

HEADER_BYTES = 24_576
HOST = b" HTTP/1.1\r\nHost: x\r\n\r\n"
BEGINS = b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
RESUMES = b"GET /ws?token=x&resume=1.abc" + HOST


@contextlib.contextmanager
def two(fewest=0, dead=()):
    """Two processes' ends, in this one, and both ends of a client's connection.

    The next call is for process *fewest*; nobody's call is at one of the *dead*.
    """
    pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
    outboxes = [ours.fileno() for ours, _ in pairs]
    routes = [
        Routing(
            index,
            os.dup(pairs[index][1].fileno()),
            [*map(os.dup, outboxes)],
            lambda: fewest,
            has_died=dead.__contains__,
            header_bytes=HEADER_BYTES,
        )
        for index in range(2)
    ]
    client, server = tcp_pair()
    server.setblocking(False)
    yield routes, client, server
    for route in routes:
        for each in (route._inbox, *route._outboxes):
            each.close()
    for each in (client, server, *pairs[0], *pairs[1]):
        each.close()


class Taken(list[socket.socket]):
    """What a process has been handed."""

    def __init__(self):
        super().__init__()
        self.shortages = []

    def begin(self, there: Routing) -> None:
        there.start(
            lambda connection, _: self.append(connection),
            self.shortages.append,
            asyncio.get_running_loop(),
        )


def tcp_pair():
    """Both ends of a connection, as the gateway has them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        client = socket.create_connection(listening.getsockname())
        return client, listening.accept()[0]


def has_news(server: socket.socket) -> bool:
    """Whether its loop would be told of it."""
    with selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        return bool(selector.select(0))


def arrived(server: socket.socket, size: int) -> None:
    """Wait until so many bytes are there, which the system need not say."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(BlockingIOError):
            if len(server.recv(size, socket.MSG_PEEK)) == size:
                return
    raise AssertionError(f"{size} bytes do not arrive")


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
    ],
)
@pytest.mark.gen_test
async def test_who_goes(request_line, goes):
    with two() as ([here, there], client, server):
        taken = Taken()
        taken.begin(there)
        assert here.hand_over(server) is None, "what comes behind this look would be read here"
        client.sendall(request_line + HOST)
        arrived(server, len(request_line + HOST))
        assert goes == here.hand_over(server)
        if goes:
            await until(lambda: taken, "it does not arrive")
            server.close()
            assert request_line + HOST == taken[0].recv(4096)
            taken[0].sendall(b"hello")
            assert b"hello" == client.recv(10)
            taken[0].close()
        else:
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
        whole = request_line + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n"
        client.sendall(whole)
        arrived(server, len(whole))

        assert goes == here.hand_over(server)


def test_who_begins_where_the_fewest_are():
    """Stays."""
    with two(fewest=0) as ([here, _], client, server):
        client.sendall(BEGINS)
        arrived(server, len(BEGINS))

        assert here.hand_over(server) is False


@pytest.mark.parametrize("cut", [1, 3, 4, 11, 25, 26, 27, 30, len(RESUMES) - 1])
def test_a_request_in_pieces(cut):
    """Nobody is told of the first, and it is read by whom the whole is for."""
    with two() as ([here, _], client, server):
        client.sendall(RESUMES[:cut])
        arrived(server, cut)
        assert here.hand_over(server) is None
        assert not has_news(server)
        client.sendall(RESUMES[cut:])
        arrived(server, len(RESUMES))
        assert has_news(server)
        assert here.hand_over(server) is True
        assert RESUMES == server.recv(4096)
        client.sendall(b"x")
        arrived(server, 1)
        assert has_news(server)


@pytest.mark.parametrize(
    ("said", "goes"),
    [(b"", False), (b"G", False), (b"GET /ws?resume=1.", True), (RESUMES[:-1], True)],
)
def test_a_request_that_ends_in_its_middle(said, goes):
    """Waits for nothing: it goes by what can be seen."""
    with two() as ([here, _], client, server):
        client.sendall(said)
        if said:
            arrived(server, len(said))
            assert here.hand_over(server) is None
        client.close()
        arrived_end(server)
        assert here.hand_over(server) is goes
        assert said == server.recv(4096)
        assert has_news(server)


def arrived_end(server: socket.socket) -> None:
    """Wait until the system says that there is something, which can be no more than the end."""
    with selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        assert selector.select(10)


@pytest.mark.parametrize("said", [b'{"reason":"spam"', b"POST /sess", b"\x16\x03\x01", b"GETS"])
def test_what_goes_nowhere_is_read_at_once(said):
    """The body of a request, for one; what follows it has a place here already."""
    with two() as ([here, _], client, server):
        client.sendall(said)
        arrived(server, len(said))
        assert here.hand_over(server) is False


def test_a_request_that_is_larger_than_one_may_be():
    """Goes by what can be seen."""
    with two() as ([here, _], client, server):
        client.sendall(RESUMES[:-2] + b"X: " + b"x" * HEADER_BYTES)
        arrived(server, HEADER_BYTES)
        assert here.hand_over(server) is True


def test_a_long_token_before_the_call_that_goes_on():
    """Where a token may stand in the address, it need not come last."""
    with two() as ([here, _], client, server):
        whole = b"GET /ws?token=" + b"x" * 16_384 + b"&resume=1.abc" + HOST
        client.sendall(whole)
        arrived(server, len(whole))
        assert here.hand_over(server) is True


def test_whose_process_has_died():
    """Waits for no other of its number, which may take long: it begins anew here."""
    with two(dead=(1,)) as ([here, _], client, server):
        client.sendall(RESUMES)
        arrived(server, len(RESUMES))
        assert here.hand_over(server) is False


def fill(here: Routing) -> int:
    """The box of process 1, with sockets of nobody; how many there are."""
    with socket.socket() as nobody:
        for count in range(10_000):
            try:
                socket.send_fds(here._outboxes[1], [b"\0"], [nobody.fileno()])
            except BlockingIOError:
                return count
    raise AssertionError("there is no end of it")


@pytest.mark.gen_test
async def test_a_process_that_takes_none():
    """Whose call is there waits without a word, and goes when there is room."""
    with two() as ([here, there], client, server):
        taken = Taken()
        taken.begin(here)
        others = fill(here)
        client.sendall(RESUMES)
        arrived(server, len(RESUMES))
        assert here.hand_over(server) is None
        assert not has_news(server)
        taken.begin(there)
        await until(lambda: len(taken) == others and has_news(server), "it waits for ever")
        assert here.hand_over(server) is True
        await until(lambda: len(taken) > others, "it does not arrive")
        assert RESUMES == taken[-1].recv(4096)
        for each in taken:
            each.close()
        here.stop()
        there.stop()


@pytest.mark.gen_test
async def test_a_process_without_descriptors():
    """Has those who are for it wait, and says so; nobody is lost."""
    with two() as ([here, there], client, server):
        taken = Taken()
        client.sendall(RESUMES)
        arrived(server, len(RESUMES))
        assert here.hand_over(server) is True
        with few_descriptors(0):
            taken.begin(there)
            await until(lambda: taken.shortages, "there are enough")
        await until(lambda: taken, "it does not arrive")
        assert RESUMES == taken[0].recv(4096)
        taken[0].close()
        there.stop()


def test_a_descriptor_that_another_thread_took(monkeypatch):
    """The system has dropped what came, and that is told of as any shortage is."""
    with two() as ([_, there], *_):
        monkeypatch.setattr(socket, "recv_fds", lambda *_: (b"\0", [], socket.MSG_CTRUNC, None))
        with pytest.raises(OSError, match="Too many open files"):
            there._inbox.accept()


@pytest.mark.gen_test
async def test_who_gives_up_while_a_process_takes_none():
    """Is answered here, and once: nothing is left of it."""
    with two() as ([here, _], client, server):
        Taken().begin(here)
        fill(here)
        client.sendall(RESUMES)
        arrived(server, len(RESUMES))
        assert here.hand_over(server) is None
        client.close()
        arrived_end(server)
        assert here.hand_over(server) is False
        assert [[]] == [*here._waiting.values()]
        assert RESUMES == server.recv(4096)
        here.stop()


def test_a_call_that_begins_waits_for_nobody():
    """It begins here."""
    with two(fewest=1) as ([here, _], client, server):
        fill(here)
        client.sendall(BEGINS)
        arrived(server, len(BEGINS))
        assert here.hand_over(server) is False


def test_what_resume_tokens_begin_with():
    assert "1." == ticket_prefix(1)
