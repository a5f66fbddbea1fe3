"""Spoken questions that need tools of the server, before the local model in speech."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.calls.house import House
from tests.calls.test_opus_speech import SPEECH_S, final_words, local_model
from tests.fakes.upstream import unused_port

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef0123456789abcdef"


@pytest.mark.gen_test(timeout=120)
async def test_spoken_questions_are_answered_with_what_tools_found(tmp_path, monkeypatch):
    """Over HTTP, signed, and in Python, as conf/tools.toml has them."""
    port = unused_port()
    monkeypatch.setenv("WEATHER_SIGNING_KEY", KEY)
    text = (ROOT / "conf/tools.toml").read_text()
    text = text.replace(":9000/", f":{port}/").replace("../examples", str(ROOT / "examples"))
    (tmp_path / "tools.toml").write_text(text)
    program = ROOT / "examples/tools/weather_endpoint.py"
    environ = dict(os.environ, WEATHER_SIGNING_KEY=KEY, WEATHER_PORT=str(port))
    process = await asyncio.create_subprocess_exec(sys.executable, program, env=environ)
    try:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
            else:
                break
        writer.close()
        file = str(tmp_path / "tools.toml")
        async with (
            local_model() as (url, speech),
            House(url, tools_file=file, session_transcription_model="any") as house,
        ):
            client = await house.connected("turn_detection=none")
            for question, found in (
                ("What is the weather in Paris?", ("sunny", "21")),
                ("Get the stock of tea.", ("12",)),
            ):
                client.heard.clear()
                _, spoken = speech._mouth.say(question, "cedar", 1.0)
                await client.audio(spoken.pcm)
                await client.say("commit_audio")
                first = await client.next("response_done", SPEECH_S)
                assert first["data"].get("continues") is True, client.heard
                second = await client.next("response_done", SPEECH_S)
                assert "continues" not in second["data"]
                said = final_words(client, "assistant")
                assert all(word in said for word in found), said
                assert "get_weather" not in json.dumps([m for m in client.heard if m])
    finally:
        process.terminate()
        await process.wait()
