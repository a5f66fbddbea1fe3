"""Many calls at once, and many after each other."""

import asyncio
import base64
import hashlib

import numpy as np
import pytest

from tests.calls.house import Ground, House, VoiceClient
from tests.fakes.upstream import FakeConnection, FakeUpstream

SESSIONS = 30
CHUNKS = 20
ROWS = 4
RATES_HZ = (24_000, 16_000, 48_000, 8_000, 44_100)
STEP = 500
"""Each session speaks one level of its own, so many steps apart; resampling keeps a level."""


def level(session: int) -> int:
    return (session - SESSIONS // 2) * STEP


def speech(session: int) -> bytes:
    """20 ms of the session's level at its rate."""
    frames = RATES_HZ[session % len(RATES_HZ)] // 50
    return np.full(frames, level(session), "<i2").tobytes()


def levels(pcm: bytes) -> set[int]:
    """The levels in *pcm*, in steps, without the 20 ms at both ends where resampling begins."""
    samples = np.frombuffer(pcm, "<i2")[480:-480].astype(float)
    return {int(number) for number in np.unique(np.rint(samples / STEP))}


def audio_of(peer: FakeConnection) -> bytes:
    return b"".join(
        base64.b64decode(event["audio"])
        for event in peer.events
        if event["type"] == "input_audio_buffer.append"
    )


def echo(event: dict) -> list[dict]:
    return [
        {
            "type": "response.output_audio.delta",
            "response_id": "resp_1",
            "item_id": "item_1",
            "delta": event["audio"],
        }
    ]


async def talk(house: House, session: int) -> VoiceClient:
    """One call: all chunks, then everything that comes back until the answer is complete."""
    rate_hz = RATES_HZ[session % len(RATES_HZ)]
    client = await house.connected(f"input_rate={rate_hz}", user=f"user-{session}")
    for _ in range(CHUNKS):
        await client.audio(speech(session))
    await client.say("commit_audio")
    await client.next("audio_committed")
    client.check_numbers()
    return client


@pytest.mark.gen_test
async def test_thirty_at_once_are_not_mixed_up():
    """Each model hears its own client only, whole, and each client its own model."""
    async with FakeUpstream() as upstream, House(upstream.url) as house:
        upstream.answers["input_audio_buffer.append"] = echo
        upstream.answers["input_audio_buffer.commit"] = lambda _: [
            {"type": "input_audio_buffer.committed", "item_id": "item_0"}
        ]
        clients = await asyncio.gather(*(talk(house, session) for session in range(SESSIONS)))
        peers = {peer.headers["openai-safety-identifier"]: peer for peer in upstream.connections}

    assert SESSIONS == len(peers)
    for session, client in enumerate(clients):
        user = hashlib.sha256(f"parley:user-{session}".encode()).hexdigest()
        sent = audio_of(peers[user])
        heard = b"".join(
            base64.b64decode(message["data"]["audio"])
            for message in client.heard
            if message["type"] == "audio"
        )
        assert CHUNKS == client.types.count("audio_received")
        assert {level(session) // STEP} == levels(sent)
        assert CHUNKS * 960 == len(sent)
        assert sent == heard


@pytest.mark.gen_test
async def test_a_hundred_after_each_other_leave_nothing():
    """Threads, descriptors and tasks are what they were, to the last one."""

    async def calls(count: int) -> None:
        for _ in range(count):
            client = await house.connected()
            await client.audio(speech(0))
            await client.say("ping")
            await client.next("pong")
            client.socket.close(1000, "bye")
            await client.closed()

    async def rows(count: int) -> None:
        await asyncio.gather(*(calls(count // ROWS) for _ in range(ROWS)))

    async with FakeUpstream() as upstream, House(upstream.url) as house:
        await rows(2 * ROWS)
        ground = await Ground.settled()
        await rows(100)
        await ground.regained()
        after = await Ground.settled()

        assert vars(ground) == vars(after)
        assert not house.gateway.connections
    assert 100 + 2 * ROWS == len(upstream.connections)
