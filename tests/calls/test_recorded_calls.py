"""What clients said in recorded calls, through the gateway and without it: they hear the same.

With the gateway it is what the local model says to them without it, but for ids and times; and it
is what the API said, in order and fields, but for what the local model does otherwise.
"""

import asyncio
import base64
import json
import wave
from collections import Counter
from contextlib import asynccontextmanager

import numpy as np
import pytest
from websockets.asyncio.client import connect

from tests.calls.house import House
from tests.calls.recorded_calls import CALLS, DELTA, FIELDS, HEARD, Result, Until
from tests.clients.conftest import DATA
from tests.clients.program import KEY, MODEL, running
from tests.on_demand import scipy_signal

DEADLINE_S = 60.0
CHUNK_BYTES = 4800
SILENCE_BYTES = 900 * 48
AS_THE_API_BEGINS = {"session_instructions": "", "session_max_output_tokens": 0}
"""What is the operator's, set to what is the API's own."""
NAMES = {"id", "item_id", "previous_item_id", "response_id", "conversation_id", "call_id"}
TIMES = {"event_id", "expires_at", "obfuscation", "remaining", "reset_seconds"}


@pytest.fixture(scope="module")
def model():
    pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
    pytest.importorskip("hibari", reason="the packages of speech are not installed")
    with running("speech") as program:
        yield program


@pytest.fixture(scope="module")
def talkative():
    """It says a word before it calls a function."""
    pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
    pytest.importorskip("hibari", reason="the packages of speech are not installed")
    with running("speech", "--fault", "commentary") as program:
        yield program


@pytest.fixture(scope="module")
def speech():
    with wave.open(str(DATA / "amiable.wav")) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    spoken = np.rint(scipy_signal().resample_poly(samples.astype(float), 3, 2)).clip(-32768, 32767)
    return spoken.astype("<i2").tobytes() + bytes(SILENCE_BYTES)


@asynccontextmanager
async def calling(port, key):
    address = f"ws://127.0.0.1:{port}/v1/realtime?model={MODEL}"
    bearer = {"Authorization": f"Bearer {key}"}
    async with (
        asyncio.timeout(DEADLINE_S),
        connect(address, additional_headers=bearer, max_size=None) as socket,
    ):
        yield socket


async def replay(socket, says, speech):
    """All that is heard, to `rate_limits.updated` behind the last answer."""
    heard, waited_for = [], Counter()

    async def until(kind):
        waited_for[kind] += 1
        while kinds(heard).count(kind) < waited_for[kind]:
            heard.append(json.loads(await socket.recv()))

    for step in says:
        match step:
            case Until(kind):
                await until(kind)
            case Result(output):
                calls = [e["call_id"] for e in heard if "function_call_arguments.done" in e["type"]]
                item = {"type": "function_call_output", "call_id": calls[-1], "output": output}
                await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
            case dict():
                await socket.send(json.dumps(step))
            case _:
                for start in range(0, len(speech), CHUNK_BYTES):
                    audio = base64.b64encode(speech[start : start + CHUNK_BYTES]).decode()
                    append = {"type": "input_audio_buffer.append", "audio": audio}
                    await socket.send(json.dumps(append))
    if heard[-1]["type"] != "rate_limits.updated":
        heard.append(json.loads(await socket.recv()))
    return heard


def paths(value, at=""):
    """Every path in it, those in lists as if each entry stood alone."""
    if isinstance(value, list):
        return {path for entry in value for path in paths(entry, at)}
    if not isinstance(value, dict):
        return set()
    found = set()
    for name, part in value.items():
        found |= {f"{at}{name}"} | paths(part, f"{at}{name}.")
    return found


def without_names(heard):
    """With a number for each id, and without times."""
    numbers = {}

    def told(value, name=""):
        if isinstance(value, dict):
            return {each: told(part, each) for each, part in value.items() if each not in TIMES}
        if isinstance(value, list):
            return [told(part) for part in value]
        if name in NAMES and value is not None:
            return numbers.setdefault(value, len(numbers))
        # The model's own prompt, where nobody has set one, is none of the client's.
        return "" if name == "instructions" and "stand-in" in value else value

    return [told(event) for event in in_order(heard)]


def kinds(heard):
    return [event["type"] for event in heard]


def in_order(heard):
    """Without what comes beside all else."""
    return [
        event
        for event in heard
        if not event["type"].endswith(DELTA) and not event["type"].startswith((HEARD, "rate_"))
    ]


@pytest.mark.gen_test(timeout=3 * DEADLINE_S)
@pytest.mark.parametrize("name", CALLS)
async def test_a_recorded_call(request, speech, name):
    call = CALLS[name]
    port = request.getfixturevalue("talkative" if call.talks_before_tools else "model").port
    async with calling(port, KEY) as socket:
        without = await replay(socket, call.says, speech)
    address = f"ws://127.0.0.1:{port}/v1/realtime"
    async with (
        House(address, KEY, **AS_THE_API_BEGINS) as house,
        calling(house.port, house.token(scopes=("parley.conduct",))) as socket,
    ):
        heard = await replay(socket, call.says, speech)

    for one, other in zip(without_names(without), without_names(heard), strict=True):
        assert one == other
    assert set(kinds(without)) == set(kinds(heard))
    assert call.hears == kinds(in_order(heard))
    assert call.deltas == {kind for kind in kinds(heard) if kind.endswith(DELTA)}
    for event in heard:
        missing = FIELDS[event["type"]] - paths(event)
        assert not missing, event["type"]
