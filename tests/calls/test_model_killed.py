"""The model that hears and speaks is killed, and the call goes on with another."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.mouth.voice import Mouth
from tests.calls.house import House
from tests.calls.test_opus_speech import SPEECH_S, final_words
from tests.fakes.children import embedded_models
from tornado_app.upstream.embedded import EmbeddedModel

PATIENT = {
    "upstream_reconnect_max_ms": 300,
    "upstream_reconnect_attempts": 100,
    "session_transcription_model": "any",
}
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"name": "get_weather", "description": "The weather in a city.", "parameters": CITY}


@pytest.fixture(scope="module")
def model():
    """In a process of its own, on a loop of its own; what one test kills, the next has anew."""
    with asyncio.Runner() as runner, ThreadPoolExecutor(1, "model") as thread:
        model = EmbeddedModel("speech", 1)
        thread.submit(runner.run, model.start()).result()
        stopped = asyncio.Event()
        running = thread.submit(runner.run, stopped.wait())
        yield model
        runner.get_loop().call_soon_threadsafe(stopped.set)
        running.result()
        thread.submit(runner.run, model.stop()).result()


@pytest.fixture
def house(model):
    return House(lambda: model.endpoint, **PATIENT)


def kill() -> None:
    [process] = embedded_models()
    process.kill()


@cache
def mouth() -> Mouth:
    """It takes a second to load."""
    return Mouth()


def said(sentence: str) -> bytes:
    return mouth().say(sentence, "cedar", 1.0)[1].pcm


async def answer(client) -> None:
    while (await client.next("response_done", SPEECH_S))["data"].get("continues"):
        pass


async def come_again(client) -> None:
    await client.status("reconnecting")
    assert "rebuilt" == (await client.status("connected"))["data"]["context"]


@pytest.mark.gen_test(timeout=180)
async def test_the_first_question_is_answered_from_what_was_said_before(house):
    """Both are spoken, to two models."""
    async with house as here:
        client = await here.connected("turn_detection=none")
        await client.audio(said("My name is Anna."))
        await client.say("commit_audio")
        await answer(client)
        while not final_words(client, "user"):
            await client.next("transcript", SPEECH_S)
        kill()
        await come_again(client)
        client.heard.clear()
        await client.audio(said("What is my name?"))
        await client.say("commit_audio")
        await answer(client)

        assert "Your name is Anna." == final_words(client, "assistant")
        assert "error" not in client.types


@pytest.mark.parametrize("turns", ["none", "server_vad"])
@pytest.mark.gen_test(timeout=180)
async def test_a_question_in_the_middle_of_which_it_dies(house, turns):
    """It is understood whole."""
    question = said("What is twelve times seven?")
    half = len(question) // 4 * 2
    async with house as here:
        client = await here.connected(f"turn_detection={turns}")
        await client.audio(question[:half])
        await client.next("audio_received")
        kill()
        await client.status("reconnecting")
        await client.audio(question[half:])
        if turns == "none":
            await client.say("commit_audio")
        else:
            await client.audio(bytes(48 * 1500))
        await answer(client)

        assert "84" in final_words(client, "assistant")
        assert "error" not in client.types


@pytest.mark.gen_test(timeout=180)
async def test_an_answer_in_the_middle_of_which_it_dies(house):
    """The next one says the rest of it, and nothing twice."""
    async with house as here:
        client = await here.connected("turn_detection=none")
        await client.say("text", text="Count from one to thirty.")
        for _ in range(20):  # two seconds of it
            await client.next("audio", SPEECH_S)
        kill()
        broken = (await client.next("response_done", SPEECH_S))["data"]
        assert ("failed", True) == (broken["status"], broken["continues"])
        await client.status("connected")
        [connection] = here.gateway.connections
        first = connection._session.ledger.entries[1]
        await answer(client)
        await client.say("get_status")
        await client.next("status")
        rest = connection._session.ledger.entries[2]

    assert first.text
    assert "thirty" not in first.text
    whole = f"{first.text} {rest.text}".split()
    assert whole == list(dict.fromkeys(whole)), "a number was said twice"
    assert 30 == len(whole), whole


@pytest.mark.gen_test(timeout=180)
async def test_a_tool_in_the_middle_of_which_it_dies(house):
    """The next one is told of the call, and answers with its result."""
    async with house as here:
        token = here.token(parley_session={"tools": [TOOL], "turn_detection": "none"})
        client = await here.connected(token=token)
        await client.say("text", text="What is the weather in Paris?")
        call = (await client.next("tool_call", SPEECH_S))["data"]
        kill()
        await client.status("reconnecting")
        found = {"city": "Paris", "sky": "sunny", "temperature": 21}
        await client.say("tool_result", call_id=call["call_id"], output=found)
        while "sunny" not in final_words(client, "assistant"):
            await client.next("transcript", SPEECH_S)

        assert "tool_call_cancelled" not in client.types
        assert "error" not in client.types
