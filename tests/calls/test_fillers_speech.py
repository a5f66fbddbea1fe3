"""A sentence while a tool takes long, said by the local model in speech."""

import importlib

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.calls.house import House
from tests.calls.test_opus_speech import SPEECH_S, final_words, local_model

MODULE = '''
import threading

from parley_tools import tool

found = threading.Event()

@tool(timeout_s=60, filler="One moment, I am asking.", filler_after_ms=100, shown=("speak",))
def get_weather(city: str) -> dict:
    """The weather in a city."""
    found.wait(60)
    return {"city": city, "sky": "sunny", "temperature": 21}
'''


@pytest.mark.gen_test(timeout=120)
async def test_a_sentence_is_heard_while_the_tool_runs_and_then_the_answer(tmp_path):
    """Three answers to one turn, of which the last does not continue; and what the tool does."""
    (tmp_path / "slow_weather.py").write_text(MODULE)
    (tmp_path / "tools.toml").write_text('[python]\nmodule = "slow_weather"\n')
    file = str(tmp_path / "tools.toml")
    async with local_model() as (url, _), House(url, tools_file=file) as house:
        client = await house.call(token=house.token(scopes=("speak",)))
        await client.status("connected")
        await client.say("text", text="What is the weather in Paris?", id="t1")
        activity = (await client.next("tool_activity", SPEECH_S))["data"]
        assert {"name": "get_weather", "status": "running"} == activity
        for _ in range(2):
            done = (await client.next("response_done", SPEECH_S))["data"]
            assert (True, "t1") == (done["continues"], done["ref"])
        assert "One moment, I am asking." == final_words(client, "assistant")
        assert "audio" in client.types

        importlib.import_module("slow_weather").found.set()
        activity = (await client.next("tool_activity", SPEECH_S))["data"]
        assert {"name": "get_weather", "status": "done"} == activity
        done = (await client.next("response_done", SPEECH_S))["data"]
        assert "t1" == done["ref"]
        assert "continues" not in done
        assert "sunny" in final_words(client, "assistant")
        messages = [m for m in client.heard if isinstance(m, dict) and m["type"] == "audio"]
        waits = [m["data"]["wait"] for m in messages if "wait" in m["data"]]
        assert 2 == len(waits)  # of the sentence, and of the answer
        assert waits[0]["tools_ms"] < waits[1]["tools_ms"]
        assert all(part >= 0 for wait in waits for part in wait.values())
        assert "error" not in client.types
        client.check_numbers()
