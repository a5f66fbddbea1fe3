"""A spoken question that needs a tool of the client, before the local model in speech."""

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.calls.house import House
from tests.calls.test_opus_speech import SPEECH_S, final_words, local_model

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOLS = [
    {"name": "get_weather", "description": "The weather in a city.", "parameters": CITY},
    {"name": "hang_up", "description": "End the call."},
]


@pytest.mark.gen_test(timeout=120)
async def test_a_spoken_question_is_answered_with_what_the_client_found():
    """The token names the tool, the client performs it, and the answer has its result."""
    async with (
        local_model() as (url, speech),
        House(url, session_transcription_model="any") as house,
    ):
        token = house.token(parley_session={"tools": TOOLS, "turn_detection": "none"})
        client = await house.call(token=token)
        await client.status("connected")
        _, spoken = speech._mouth.say("What is the weather in Paris?", "cedar", 1.0)
        await client.audio(spoken.pcm)
        await client.say("commit_audio")
        call = (await client.next("tool_call", SPEECH_S))["data"]
        assert ("get_weather", {"city": "Paris"}) == (call["name"], call["arguments"])

        found = {"city": "Paris", "sky": "sunny", "temperature": 21}
        await client.say("tool_result", call_id=call["call_id"], output=found)
        first = await client.next("response_done", SPEECH_S)
        assert first["data"]["continues"] is True
        second = await client.next("response_done", SPEECH_S)
        assert "continues" not in second["data"]
        said = final_words(client, "assistant")
        assert "sunny" in said, said
        assert "21" in said, said
        assert "error" not in client.types


@pytest.mark.gen_test(timeout=120)
async def test_one_function_is_called_whatever_is_asked():
    """The choice of the token, and another one while the call runs; the result is told freely."""
    choice = {"type": "function", "name": "hang_up"}
    said = {"tools": TOOLS, "tool_choice": choice, "client_may": {"tool_choice": True}}
    async with local_model() as (url, _), House(url) as house:
        client = await house.call(token=house.token(parley_session=said))
        await client.status("connected")
        await client.say("text", text="What is the weather in Paris?")
        call = (await client.next("tool_call", SPEECH_S))["data"]
        assert ("hang_up", {}) == (call["name"], call["arguments"])
        await client.say("tool_result", call_id=call["call_id"], output="Goodbye.")
        assert (await client.next("response_done", SPEECH_S))["data"]["continues"] is True
        assert "continues" not in (await client.next("response_done", SPEECH_S))["data"]

        await client.say("configure", tool_choice={"type": "function", "name": "boop"}, id="no")
        error = (await client.next("error"))["data"]
        assert ("no", "tool_choice") == (error["ref"], error["field"])
        await client.say("configure", tool_choice={"type": "function", "name": "get_weather"})
        await client.next("configured")
        await client.say("text", text="Hang up, Paris.")
        call = (await client.next("tool_call", SPEECH_S))["data"]
        assert "get_weather" == call["name"]
