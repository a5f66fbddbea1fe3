"""A link that is held, and reads on for the pings of its peer."""

import asyncio
from struct import pack

import pytest

from tests.fakes.upstream import BINARY, CLOSE, PING, TEXT, FakeConnection, FakeUpstream, frame
from tests.upstream.test_link import Owner, no_proxy, no_thread_left
from tornado_app.upstream.ahead import Ahead
from tornado_app.upstream.link import MESSAGE_OVERHEAD_BYTES
from tornado_app.upstream.said import LinkSaid

__all__ = ["no_proxy", "no_thread_left"]

MESSAGE_BYTES = 40_000
COUNT = 400
"""More than sockets hold."""
KEPT_BYTES = COUNT * (MESSAGE_BYTES + MESSAGE_OVERHEAD_BYTES)


def said(number: int) -> bytes:
    return frame(BINARY, pack("!I", number) + bytes(MESSAGE_BYTES - 4))


class Peer:
    """Says something at first, so that the link can be held behind it, and then all else."""

    def __init__(self, *last: bytes) -> None:
        self.may_go_on = asyncio.Event()
        self._last = last

    async def __call__(self, peer: FakeConnection) -> None:
        await peer.send_raw(said(0))
        await self.may_go_on.wait()
        for number in range(1, COUNT):
            await peer.send_raw(said(number))
        for each in self._last:
            await peer.send_raw(each)


async def held(owner: Owner, peer: Peer, allowed_bytes: int) -> None:
    """It has heard the first, reads no more, and its peer says the rest."""
    await owner.opened()
    owner.link.consumed((await owner.next(LinkSaid)).posted_bytes)
    owner.link.hold(True)
    owner.link.look()
    async with asyncio.timeout(20):
        while not owner.link.paused_s:
            await asyncio.sleep(0.005)
    owner.link.read_ahead(allowed_bytes)
    peer.may_go_on.set()


async def numbers(owner: Owner, count: int) -> list[int]:
    heard = []
    for _ in range(count):
        one = await owner.next(LinkSaid)
        owner.link.consumed(one.posted_bytes)
        heard.append(int.from_bytes(one.event[:4], "big"))
    return heard


@pytest.mark.gen_test
async def test_a_ping_behind_much_is_answered_while_nothing_is_taken() -> None:
    """And all that was said before and after it comes in its order when the link is let go."""
    peer = Peer(frame(PING, b"still there?"), said(COUNT))
    async with FakeUpstream(peer) as fake:
        owner = Owner(fake.url, lambda message: message)
        await held(owner, peer, 2 * KEPT_BYTES)
        pong = await (await fake.connection()).next_frame(10)
        while owner.link.ahead_bytes < KEPT_BYTES:
            await asyncio.sleep(0.005)
        heard_meanwhile = sum(isinstance(value, LinkSaid) for value in owner.heard)
        unread_bytes = owner.link.unread_bytes
        owner.link.hold(False)
        heard = await numbers(owner, COUNT)
        ahead_bytes = owner.link.ahead_bytes
        owner.link.abort()
        await owner.failure()

    assert (b"still there?", 1) == (pong, heard_meanwhile)
    assert KEPT_BYTES == unread_bytes
    assert list(range(1, COUNT + 1)) == heard
    assert 0 == ahead_bytes


@pytest.mark.gen_test
async def test_no_more_is_kept_than_is_allowed() -> None:
    """But for what one read brings; what is said meanwhile waits with the peer."""
    peer, allowed_bytes = Peer(), 10 * MESSAGE_BYTES
    async with FakeUpstream(peer) as fake:
        owner = Owner(fake.url, lambda message: message)
        await held(owner, peer, allowed_bytes)
        while owner.link.ahead_bytes < allowed_bytes:
            await asyncio.sleep(0.005)
        owner.link.look()  # it may turn as often as it likes
        ahead_bytes = owner.link.ahead_bytes
        owner.link.hold(False)
        heard = await numbers(owner, COUNT - 1)
        owner.link.abort()
        await owner.failure()

    assert ahead_bytes <= allowed_bytes + 3 * (MESSAGE_BYTES + MESSAGE_OVERHEAD_BYTES)
    assert list(range(1, COUNT)) == heard


@pytest.mark.gen_test
async def test_what_was_said_before_an_end_is_heard_before_it() -> None:
    """Whoever is held back: it is all that there will be of this peer."""
    peer = Peer(frame(CLOSE, pack("!H", 1011)))
    async with FakeUpstream(peer) as fake:
        owner = Owner(fake.url, lambda message: message)
        await held(owner, peer, 2 * KEPT_BYTES)
        heard = await numbers(owner, COUNT - 1)
        failure = await owner.failure()

    assert list(range(1, COUNT)) == heard
    assert ("closed", 1011) == (failure.kind, failure.close_code)


@pytest.mark.gen_test
async def test_of_a_link_that_we_end_nothing_more_is_heard() -> None:
    """Whoever ends it wants nothing of what it has read."""
    peer = Peer()
    async with FakeUpstream(peer) as fake:
        owner = Owner(fake.url, lambda message: message)
        await held(owner, peer, 2 * KEPT_BYTES)
        while owner.link.ahead_bytes < KEPT_BYTES // 2:
            await asyncio.sleep(0.005)
        owner.link.close()
        failure = await owner.failure()

    assert "ended" == failure.kind
    assert 1 == sum(isinstance(value, LinkSaid) for value in owner.heard)


@pytest.mark.gen_test
async def test_a_text_that_is_none_ends_a_link_that_is_held() -> None:
    """It does not wait until it is posted."""
    peer = Peer(frame(TEXT, b"\xff\xfe"))
    async with FakeUpstream(peer) as fake:
        owner = Owner(fake.url, lambda message: message)
        await held(owner, peer, 2 * KEPT_BYTES)
        failure = await owner.failure()

    assert "protocol" == failure.kind


def test_the_largest_message_bounds_what_is_kept() -> None:
    """Whatever is allowed; and to allow less is no reason to read."""
    ahead = Ahead(1000)

    assert ahead.allow(5000)
    assert not ahead.allow(1000)
    assert ahead.has_room
    ahead.keep(TEXT, bytes(400), 500)
    assert ahead.has_room
    ahead.keep(TEXT, bytes(401), 500)
    assert not ahead.has_room
    assert (TEXT, bytes(400)) == ahead.take()
    assert (500, True) == (ahead.held_bytes, bool(ahead))
