"""Whole calls on a gateway that goes away."""

import json

import pytest

from tests.calls.house import House, until
from tests.fakes.upstream import CLOSE, FakeUpstream

LEFT_S = 0.3
CHUNK = bytes(range(240)) * 20


@pytest.mark.gen_test
async def test_a_drain_from_beginning_to_end():
    """Each is told by when, goes on talking until then, and is closed with 1001."""
    async with FakeUpstream() as upstream, House(upstream.url) as house:
        clients = [await house.connected() for _ in range(3)]
        house.gateway.drain(LEFT_S)
        told = [await client.next("going_away") for client in clients]
        await clients[0].audio(CHUNK)
        await clients[0].next("audio_received")
        await upstream.connections[0].next_event("input_audio_buffer.append")
        ends = [await client.closed() for client in clients]
        everybody_gone = await house.gateway.clients_gone(LEFT_S)
        for client in clients:
            client.check_numbers()

    assert {"draining"} == {message["data"]["reason"] for message in told}
    for message in told:
        left_ms = message["data"]["deadline"] - message["timestamp"]
        assert 0 < left_ms <= LEFT_S * 1000
    assert [(1001, "going_away")] * 3 == ends
    assert everybody_gone


@pytest.mark.gen_test
async def test_nobody_new_is_let_in():
    """A program gets 503 and is told to come back, a page the same words and 1001."""
    async with FakeUpstream() as upstream, House(upstream.url) as house:
        house.gateway.drain(LEFT_S)
        status, body, response = await house.refusal()
        page = await house.call(subprotocols=["voice.v1", f"bearer.{house.token()}"], token="")
        closed = await page.closed()

    assert (503, "going_away") == (status, body["data"]["code"])
    assert body["data"]["retryable"]
    assert "1" == response.headers["Retry-After"]
    assert "going_away" == page.heard[0]["data"]["code"]
    assert (1001, "going_away") == closed
    assert not upstream.connections


@pytest.mark.gen_test
async def test_who_leaves_early_is_not_waited_for():
    """The drain is over with the last client, not with the deadline."""
    async with FakeUpstream() as upstream, House(upstream.url) as house:
        client = await house.connected()
        house.gateway.drain(3600)
        await client.next("going_away")
        client.socket.close(1000, "bye")
        assert await house.gateway.clients_gone(5)
        goodbye = await upstream.connections[0].next_frame(CLOSE)

    assert b"\x03\xe8" == goodbye


@pytest.mark.gen_test
async def test_a_client_that_is_still_connecting_is_told_too():
    """It hears of the drain at once, and still gets connected if the model comes."""

    async def nothing(_peer) -> None:
        """The session is not created yet."""

    async with FakeUpstream(nothing) as upstream, House(upstream.url) as house:
        client = await house.call()
        peer = await upstream.connection()
        house.gateway.drain(LEFT_S)
        await client.next("going_away")
        await peer.send({"type": "session.created", "session": {"id": "sess_1"}})
        await client.status("connected")
        closed = await client.closed()

    assert (1001, "going_away") == closed


@pytest.mark.gen_test
async def test_a_stop_without_a_drain():
    """Everybody is closed with 1001 at once, and the model hears a close frame."""
    async with FakeUpstream() as upstream:
        async with House(upstream.url) as house:
            client = await house.connected()
        closed = await client.closed()
        await upstream.connections[0].next_frame(CLOSE)

    assert (1001, "going_away") == closed
    assert not house.gateway.connections


@pytest.mark.gen_test
async def test_a_stop_with_a_client_that_does_not_listen():
    """Nobody can hold up the end of the server by not answering its close frame."""
    async with FakeUpstream() as upstream, House(upstream.url) as house:
        client = await house.raw()
        await upstream.connection()
        assert await house.gateway.stop(5)
        close = None
        while close is None or close.opcode != CLOSE:
            close = await client.receive()
        await client.close()

    assert (1001, "going_away") == (close.close_code, close.close_reason)


@pytest.mark.gen_test
async def test_the_load_balancer_hears_of_the_drain():
    """/readyz is 503 from the drain on; /healthz stays 200, for the process is well."""
    async with FakeUpstream() as upstream, House(upstream.url) as house:
        client = await house.connected()
        before = await house.get("/readyz")
        house.gateway.drain(LEFT_S)
        after = await house.get("/readyz")
        alive = await house.get("/healthz")
        client.socket.close(1000)
        await until(lambda: not house.gateway.connections, "the client is still there")

    assert (200, {"status": "ready"}) == before
    assert (503, {"status": "not_ready", "reason": "draining"}) == after
    assert (200, "ok", 1) == (alive[0], alive[1]["status"], alive[1]["connections"])
    assert "audio" not in json.dumps(alive[1])
