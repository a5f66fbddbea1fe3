"""Random frames over sockets, from clients of the API and from their model: no other call notices.

`make fuzz` sends 10,000 (`PARLEY_FUZZ_FRAMES`); here it is a few hundred.
"""

import asyncio
import json
import os
from contextlib import asynccontextmanager, suppress
from random import Random

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from tests.calls.house import House, whole_log
from tests.session.relaying.any_events import FROM_CLIENT, FROM_MODEL, frame

FRAMES = int(os.environ.get("PARLEY_FUZZ_FRAMES", "400"))
FRAMES_A_CALL = 100
DEADLINE_S = 60.0 + FRAMES / 10
CALM = "calm"
LIMITS = {
    "limits_errors_per_minute": 100_000,
    "limits_messages_per_s": 100_000,
    "limits_message_burst": 1_000_000,
    "limits_audio_rate": 1000,
    "limits_connections_per_user": 100,
    "upstream_reconnect_initial_ms": 10,
    "upstream_reconnect_max_ms": 100,
    "session_models": [CALM],
}
CONDUCTING = ("parley.conduct",)
ODD_FRAMES = [
    b"\x00\xff",
    b"{}",
    "",
    "[]",
    "null",
    "{",
    '{"type": 5}',
    '{"type": "' + "x" * 5000 + '"}',
]
"""What is no event at all."""
OPENING = [
    {"type": "session.created", "session": {"id": "sess_m", "model": "m"}},
    {"type": "session.updated", "session": {"id": "sess_m", "type": "realtime"}},
]


@asynccontextmanager
async def odd_model():
    """For each frame one at random; in calls with the model `CALM` it answers as it should."""
    calls = 0

    async def serve_call(socket):
        nonlocal calls
        calls += 1
        with suppress(ConnectionClosed):
            await answer(socket, Random(calls))

    async def answer(socket, random):
        is_calm = CALM in socket.request.path
        async for text in socket:
            event = json.loads(text)
            if event.get("event_id") == "parley_session":
                for told in OPENING:
                    await socket.send(json.dumps(told))
            elif is_calm:
                item = {"id": event["item_id"], "type": "message", "role": "user", "content": []}
                await socket.send(json.dumps({"type": "conversation.item.retrieved", "item": item}))
            else:
                await socket.send(any_frame(random, FROM_MODEL))

    async with serve(serve_call, "127.0.0.1", 0, max_size=None, ping_interval=None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime"


def any_frame(random, kinds):
    return random.choice(ODD_FRAMES) if random.random() < 0.03 else frame(random, kinds)


def calling(house, model="gpt-realtime-2.1"):
    bearer = {"Authorization": f"Bearer {house.token(scopes=CONDUCTING)}"}
    address = f"ws://127.0.0.1:{house.port}/v1/realtime?model={model}"
    return connect(address, additional_headers=bearer, max_size=None, ping_interval=None)


async def talk_nonsense(house, seed):
    """A call with so many frames; how it was closed, if the gateway did that."""
    random = Random(seed)
    try:
        async with calling(house) as socket:
            assert "session.created" == json.loads(await socket.recv())["type"]
            hearing = asyncio.ensure_future(_drain(socket))
            for _ in range(FRAMES_A_CALL):
                await socket.send(any_frame(random, FROM_CLIENT))
                # A frame for each, and the loop is for others too.
                await asyncio.sleep(0)
            if seed % 2:
                socket.transport.abort()
            await socket.close()
            await hearing
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None
    return None


async def _drain(socket):
    async for _ in socket:
        pass


async def be_calm(house, over):
    """Ask, and have the answer; how often, until it is *over*."""
    answers = 0
    async with calling(house, CALM) as socket:
        assert "session.created" == json.loads(await socket.recv())["type"]
        while not over.is_set() or not answers:
            name = f"item_{answers}"
            await socket.send(json.dumps({"type": "conversation.item.retrieve", "item_id": name}))
            told = json.loads(await socket.recv())
            assert ("conversation.item.retrieved", name) == (told["type"], told["item"]["id"])
            answers += 1
            await asyncio.sleep(0.01)
    return answers


@pytest.mark.gen_test(timeout=DEADLINE_S + 30)
async def test_no_frame_is_another_calls_business():
    over, codes = asyncio.Event(), []
    with whole_log() as log:
        async with (
            asyncio.timeout(DEADLINE_S),
            odd_model() as model,
            House(model, **LIMITS) as house,
        ):
            calm = asyncio.ensure_future(be_calm(house, over))
            for seed in range(FRAMES // FRAMES_A_CALL):
                codes.append(await talk_nonsense(house, seed))
                assert not calm.done(), calm.result()
            over.set()
            assert await calm

    assert 1011 not in codes
    assert "session_failed" not in log.getvalue()
    assert [] == [line for line in log.getvalue().splitlines() if "Traceback" in line]
