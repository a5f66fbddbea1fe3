"""Tests of tornado_app/client_side/front_door.py: crowds before a real door."""

import asyncio
import json
import os
import resource
import socket
from collections import deque
from contextlib import contextmanager
from pathlib import Path

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.iostream import StreamClosedError

from tests.calls.house import WAIT_S, House, house_settings, until, whole_log
from tests.fakes.upstream import FakeUpstream
from tornado_app.client_side.front_door import Doorstep, DoorStream


async def crowd(house: House, size: int) -> list[asyncio.StreamWriter]:
    """So many sockets that say nothing."""
    made = await asyncio.gather(
        *(asyncio.open_connection("127.0.0.1", house.port) for _ in range(size))
    )
    return [writer for _, writer in made]


def leave(visitors: list[asyncio.StreamWriter]) -> None:
    for writer in visitors:
        writer.close()


@contextmanager
def few_descriptors(spare: int):
    """Let this process open only so many more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open() as lowest:
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest.fileno() + spare, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def events(log) -> list[str]:
    return [json.loads(line)["event"] for line in log.getvalue().splitlines()]


@pytest.mark.gen_test
async def test_a_crowd_that_says_nothing_keeps_no_client_out():
    """The silent ones give way, with one line, and a client gets in."""
    async with FakeUpstream() as fake, House(fake.url, limits_unauthenticated=16) as house:
        with whole_log("warning") as log:
            visitors = await crowd(house, 100)
            client = await house.connected()
            assert len(house.doorstep.waiting) <= 16
            leave(visitors)
        client.check_numbers()

    assert ["visitors_cut"] == events(log)


@pytest.mark.gen_test
async def test_one_address_fills_only_its_part_of_the_room():
    """The line names the setting and the address."""
    bounds = {"limits_unauthenticated": 64, "limits_unauthenticated_per_address": 8}
    async with House("ws://127.0.0.1:9/", **bounds) as house:
        with whole_log() as log:
            visitors = await crowd(house, 32)
            await until(lambda: "visitors_cut" in log.getvalue(), "nobody gave way")
        assert 8 == len(house.doorstep.waiting)
        leave(visitors)

    [line] = [json.loads(x) for x in log.getvalue().splitlines() if "visitors_cut" in x]
    assert ("unauthenticated_per_address", "127.0.0.1") == (line["limit"], line["ip"])


@pytest.mark.gen_test
async def test_calls_do_not_stand_at_the_door():
    """A call leaves its place to others; so does whoever goes away."""
    async with FakeUpstream() as fake, House(fake.url, limits_unauthenticated=16) as house:
        calls = [await house.connected(user=f"user-{n // 5}") for n in range(20)]
        [visitor] = await crowd(house, 1)
        await until(lambda: len(house.doorstep.waiting) == 1, "the visitor has no place")
        leave([visitor])
        await until(lambda: len(house.doorstep.waiting) == 0, "a place is left behind")
        for client in calls:
            assert client.socket.close_code is None


@pytest.mark.gen_test
async def test_a_refused_browser_has_a_place_until_it_goes():
    """101, an error and a close cost a socket, too, for as long as the client does not answer."""
    async with House("ws://127.0.0.1:9/", limits_unauthenticated=16) as house:
        raw = b"Sec-WebSocket-Protocol: voice.v1\r\n"
        visitors = await crowd(house, 40)
        for writer in visitors:
            writer.write(
                b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                + raw
                + b"\r\n"
            )
            await writer.drain()
            assert len(house.doorstep.waiting) <= 16
        assert (200, {"status": "ready"}) == await house.get("/readyz")
        assert len(house.doorstep.waiting) <= 16
        leave(visitors)
        await until(lambda: len(house.doorstep.waiting) == 0, "a place is left behind")


@pytest.mark.gen_test
async def test_without_descriptors_it_says_so_once():
    """Accepting rests, those who wait longest are cut, and a client gets in all the same."""
    loop = asyncio.get_running_loop()
    # Theirs are there before: only the gateway's run out.
    visitors = [socket.socket() for _ in range(100)]
    async with House("ws://127.0.0.1:9/") as house:
        with whole_log("warning") as log:
            with few_descriptors(40):
                for sock in visitors:
                    sock.setblocking(False)
                    await loop.sock_connect(sock, ("127.0.0.1", house.port))
                await until(lambda: "accepting_rests" in log.getvalue(), "there are enough")
            answer = await asyncio.wait_for(house.get("/healthz"), WAIT_S)
        for sock in visitors:
            sock.close()

    assert 200 == answer[0]
    assert ["accepting_rests"] == events(log)


@pytest.mark.gen_test
async def test_what_a_client_leaves_behind_is_no_fault():
    """It has gone, and what was read of it is too long: nobody is there to be told."""
    ours, its = socket.socketpair()
    stream = DoorStream(ours, str.encode, 100)
    its.sendall(bytes(1000))
    await stream.read_bytes(1)
    its.close()
    stream.close()

    with pytest.raises(StreamClosedError):
        await stream.read_until_regex(b"\r\n", max_bytes=100)


HEAD = b"GET / HTTP/1.1\r\n\r\n"


async def head(stream: DoorStream) -> bytes:
    """As Tornado reads it."""
    return await asyncio.wait_for(stream.read_until_regex(b"\r?\n\r?\n", max_bytes=100), WAIT_S)


@pytest.mark.gen_test
async def test_what_may_be_for_another_process_stays_in_its_socket():
    """Until it is known that it is not."""
    ours, its = socket.socketpair()
    fates = deque([None, None, False])
    stream = DoorStream(ours, str.encode, 100, lambda _: fates.popleft())
    its.sendall(HEAD)
    assert HEAD == await head(stream)
    assert not fates
    stream.close()
    its.close()


@pytest.mark.parametrize("in_one_piece", [False, True])
@pytest.mark.gen_test
async def test_only_the_beginning_of_a_request_goes_to_another_process(in_one_piece):
    """No body, though it looks like a request, nor what was read with the one before."""
    ours, its = socket.socketpair()
    fates = deque([False, True])
    stream = DoorStream(ours, str.encode, 100, lambda _: fates.popleft())
    its.sendall(HEAD * 3 if in_one_piece else HEAD)
    assert HEAD == await head(stream)
    if not in_one_piece:
        its.sendall(HEAD)
    assert HEAD == await asyncio.wait_for(stream.read_bytes(len(HEAD)), WAIT_S)
    if in_one_piece:
        assert HEAD == await head(stream)
    assert [True] == [*fates]
    its.sendall(HEAD)
    with pytest.raises(StreamClosedError):
        await head(stream)
    its.close()


class Looks:
    """A routing that hands nobody over, and notes where it was asked to."""

    def __init__(self):
        self.seen: list[bytes] = []

    def start(self, *_) -> None: ...

    def stop(self) -> None: ...

    def hand_over(self, connection: socket.socket) -> bool | None:
        try:
            self.seen.append(connection.recv(100, socket.MSG_PEEK))
        except BlockingIOError:
            return None
        return False


@pytest.mark.gen_test
async def test_no_body_is_looked_at():
    """As the whole server reads it, behind its headers and before the next request."""
    looks = Looks()
    post = b"POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(HEAD)
    async with House("ws://127.0.0.1:9/") as house:
        house.server.route(looks)
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        for _ in range(2):
            writer.write(post)
            await until(lambda: post in looks.seen, "it is not looked at")
            writer.write(HEAD)
            answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), WAIT_S)
            length = int(answer.lower().partition(b"content-length: ")[2].split()[0])
            await reader.readexactly(length)
            assert answer.startswith(b"HTTP/1.1 405 ")
            assert [post] == looks.seen
            looks.seen.clear()
        writer.close()


@pytest.mark.gen_test
async def test_who_was_handed_over_stays_for_one_request():
    """The next in the same connection is another client's, where a load balancer keeps it."""
    ours, its = socket.socketpair()
    stream = DoorStream(ours, str.encode, 100, lambda _: True, stays_once=True)
    its.sendall(HEAD)
    assert HEAD == await head(stream)
    its.sendall(HEAD)
    with pytest.raises(StreamClosedError):
        await head(stream)
    its.close()


@pytest.mark.gen_test
async def test_headers_that_are_too_large_are_refused_in_words():
    """431, where Tornado only cuts the connection."""
    async with House("ws://127.0.0.1:9/") as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.port)
        writer.write(b"GET /ws HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 24_577)
        said = await asyncio.wait_for(reader.read(), WAIT_S)
        writer.close()

    assert said.startswith(b"HTTP/1.1 431 ")
    assert "24576 bytes" in json.loads(said.partition(b"\r\n\r\n")[2])["error"]


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("peer", "expected"),
    [("10.0.0.7", ("203.0.113.9", "https")), ("198.51.100.1", ("198.51.100.1", "http"))],
    ids=["a load balancer", "a stranger"],
)
async def test_whoever_is_refused_is_known_by_its_own_address(peer, expected):
    """Not by that of the load balancer before it; and not by what a stranger says of itself."""
    settings = house_settings(server_trusted_proxies=["10.0.0.0/8"])
    doorstep = Doorstep(settings, asyncio.get_running_loop())
    said = {"Host": "a", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    request = HTTPServerRequest(headers=HTTPHeaders(said), start_line=line)
    request.remote_ip = peer
    address = doorstep.address_of(request)
    doorstep.close()

    assert expected == (address.ip, address.scheme)
