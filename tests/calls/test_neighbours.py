"""A client that reads nothing and a model that reads nothing, among calls as they should be.

Nobody's time is looked at here; `python -m bench.neighbours` does that.
"""

import asyncio
import base64
import hashlib
import json
import socket

import pytest

from tests.calls.house import House, VoiceClient, whole_log
from tests.fakes.raw_websocket import RawClient
from tests.fakes.upstream import FakeConnection, FakeUpstream

SESSIONS = 50
CHUNKS = 10
CHUNK_BYTES = 960
SETTINGS = {
    "heartbeat_write_timeout_s": 1.5,
    "upstream_write_timeout_s": 1.5,
    "upstream_reconnect_attempts": 0,
    "audio_hold_ms": 5000,
    "limits_audio_rate": 1000,
    "limits_messages_per_s": 100_000,
    "limits_message_burst": 1_000_000,
}


def echo(event: dict) -> list[dict]:
    ids = {"response_id": "resp_1", "item_id": "item_1"}
    return [{"type": "response.output_audio.delta", **ids, "delta": event["audio"]}]


def peer_of(upstream: FakeUpstream, user: str) -> FakeConnection:
    """The model's end of the call of *user*."""
    name = hashlib.sha256(f"parley:{user}".encode()).hexdigest()
    [peer] = [p for p in upstream.connections if p.headers["openai-safety-identifier"] == name]
    return peer


def chunk_of(session: int, number: int) -> bytes:
    """20 ms that no other chunk of the test is equal to."""
    return (session.to_bytes(1) + number.to_bytes(3)) * (CHUNK_BYTES // 4)


async def speak(client: VoiceClient, session: int, over: asyncio.Event) -> int:
    """Send chunk after chunk, each acknowledged, while the two are there; return how many."""
    sent = 0
    while sent < CHUNKS or not over.is_set():
        await client.audio(chunk_of(session, sent))
        await client.next("audio_received")
        sent += 1
    await client.say("commit_audio")
    await client.next("audio_committed")
    client.check_numbers()
    return sent


async def flood(client: VoiceClient) -> tuple[int | None, str | None]:
    """Send 100 times as fast as speech until the call is over; return how it ended."""

    async def send() -> None:
        while True:
            await client.audio(bytes(48_000))
            await asyncio.sleep(0.01)

    sending = asyncio.ensure_future(send())
    try:
        return await client.closed(timeout_s=20)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def call_without_reading(house: House) -> RawClient:
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", house.port))
    headers = f"Authorization: Bearer {house.token('reads-nothing')}\r\n"
    client = await RawClient.connect(house.port, "/ws", headers=headers, sock=sock)
    client.writer.transport.pause_reading()
    return client


async def talk_until_cut(link: FakeConnection) -> None:
    """Send answers until the gateway closes: more than all buffers on the way hold."""
    [answer] = echo({"audio": base64.b64encode(bytes(48_000)).decode()})
    while not link.ended.is_set():
        sending = asyncio.ensure_future(link.send(answer))
        ended = asyncio.ensure_future(link.ended.wait())
        await asyncio.wait([sending, ended], return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if link.ended.is_set():
            sending.cancel()
        await asyncio.gather(sending, ended, return_exceptions=True)


def audio_at(peer: FakeConnection) -> bytes:
    return b"".join(
        base64.b64decode(event["audio"])
        for event in peer.events
        if event["type"] == "input_audio_buffer.append"
    )


def audio_heard(client: VoiceClient) -> bytes:
    return b"".join(
        base64.b64decode(message["data"]["audio"])
        for message in client.heard
        if message["type"] == "audio"
    )


@pytest.mark.gen_test
async def test_two_that_read_nothing_end_by_the_rules_and_cost_nobody_a_sample():
    """The client is cut with 4429, the model's call ends with 4502; fifty others go on whole."""
    with whole_log() as log:
        async with (
            FakeUpstream(receive_buffer_bytes=4096) as upstream,
            House(upstream.url, **SETTINGS) as house,
        ):
            upstream.answers["input_audio_buffer.append"] = echo
            upstream.answers["input_audio_buffer.commit"] = lambda _: [
                {"type": "input_audio_buffer.committed", "item_id": "item_0"}
            ]
            clients = [await house.connected(user=f"user-{n}") for n in range(SESSIONS)]
            unheard = await house.connected(user="unheard")
            mute = await call_without_reading(house)
            link = await upstream.connection(SESSIONS + 1)
            await link.next_event("session.update")
            peer_of(upstream, "unheard").reading.clear()

            over = asyncio.Event()
            others = [
                asyncio.ensure_future(speak(client, session, over))
                for session, client in enumerate(clients)
            ]
            ending, _ = await asyncio.gather(flood(unheard), talk_until_cut(link))
            over.set()
            counts = await asyncio.gather(*others)

            mute.writer.transport.resume_reading()
            await mute.received_to_the_end()
            await mute.close()
            peers = [peer_of(upstream, f"user-{n}") for n in range(SESSIONS)]

    assert (4502, "upstream_failed") == ending
    errors = [heard["data"]["code"] for heard in unheard.heard if heard["type"] == "error"]
    assert ["audio_backlog", "upstream_timeout"] == [errors[0], errors[-1]]
    assert {"audio_backlog", "upstream_unavailable", "upstream_timeout"} >= set(errors)
    closed = [json.loads(line) for line in log.getvalue().splitlines() if "session_closed" in line]
    causes = {(line["cause"], line["close_code"]) for line in closed[:2]}
    assert {("client_slow_write_timeout", 4429), ("stalled", 4502)} == causes
    for session, (client, peer, count) in enumerate(zip(clients, peers, counts, strict=True)):
        said = b"".join(chunk_of(session, number) for number in range(count))
        assert said == audio_at(peer)
        assert said == audio_heard(client)
        assert "error" not in client.types
