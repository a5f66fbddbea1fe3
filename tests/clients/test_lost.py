"""Stock clients, unchanged, whose model is lost in the midst of an answer: none of them notices.

The gateway's own model resets its first connection behind the first sound that it says.
"""

import json

import pytest

from tests.clients.node_client import NODE_SCRIPTS, needs_node_client
from tests.clients.openai_calls import calling, until, write
from tests.clients.other_clients import DEADLINE_S, needs_other_clients
from tests.clients.program import AT_GATEWAY, gateway, output_of

pytestmark = pytest.mark.skipif(not AT_GATEWAY, reason="`make clients` tries it, with the gateway")

LOST = {"PARLEY_MODEL_FAULT": "reset@response.output_audio.delta, first-connections=1"}
QUESTION, ANSWER = "What is twelve times seven?", "12 times 7 is 84."
SPELL, SPELT = "Spell cab.", "C, A, B."
HEARD = "I heard you say: "


@pytest.fixture
def house():
    pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
    with gateway("speech", **LOST) as program:
        yield program


def is_answer(said):
    """The first may be in two items, what was heard of the one before and the rest."""
    return "84" in said or ANSWER.startswith(said)


@pytest.mark.gen_test
async def test_openai(house):
    """An answer has one beginning and one end, and what it was asked for is still known."""
    async with calling(house) as connection:
        await write(connection, QUESTION)
        await connection.response.create(response={"metadata": {"k": "v"}})
        first = await until(connection, "response.done")
        await write(connection, SPELL)
        await connection.response.create()
        second = await until(connection, "response.done")

    done = first["response.done"].response
    assert ("completed", {"k": "v"}) == (done.status, done.metadata)
    assert first["response.created"].response.id == done.id
    assert 2 == len(done.output)
    assert SPELT == second["response.output_audio_transcript.done"].transcript
    assert not {"error", "session.created", "session.updated"} & {*first, *second}


@pytest.mark.gen_test
async def test_openai_agents(house, agents):
    async with agents.calling(house) as call:
        await call.session.send_message(QUESTION)
        await call.until_wire("response.done")
        assert SPELT == await call.ask(SPELL)
        assert [] == call.errors


@needs_node_client
@pytest.mark.gen_test
async def test_agents_realtime(house):
    call = json.dumps({"url": house.websocket_url, "apiKey": house.key})
    told, complaints = await output_of(
        "node", NODE_SCRIPTS / "stories.mjs", "lost", PARLEY_CALL=call
    )
    first, last = map(json.loads, told.splitlines())

    assert "" == complaints
    assert is_answer(first["first"])
    assert SPELT == first["said"]
    assert {"errors": [], "unknown": []} == last


@needs_node_client
@pytest.mark.gen_test
@pytest.mark.parametrize("kind", ["OpenAIRealtimeWS", "OpenAIRealtimeWebSocket"])
async def test_openai_npm(house, kind, npm_story):
    told = await npm_story(kind, "lost", house)

    assert [] == told["errors"]
    assert is_answer(told["first"].split(". ")[0])
    assert SPELT == told["said"]


@needs_other_clients
@pytest.mark.gen_test(timeout=DEADLINE_S + 20)
@pytest.mark.parametrize("client", ["pipecat", "livekit", "pydantic_ai", "semantic_kernel"])
async def test_others(house, client, others_story):
    told = await others_story(client, "lost", house)

    assert not told.get("errors")
    assert told["first"]
    # It asks nothing more in writing.
    assert told["said"].startswith(HEARD if client == "pipecat" else SPELT)


@needs_other_clients
@pytest.mark.gen_test(timeout=DEADLINE_S + 20)
async def test_ag2(house, others_story):
    """It hears of speech alone."""
    told = await others_story("ag2", "lost", house)

    assert all("amiable" in heard for heard in told["heard"])
    assert told["first"]
    assert told["said"].startswith(HEARD)
