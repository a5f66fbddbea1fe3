"""Calls that only transcribe before the local model, which hears."""

import asyncio

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from tests.calls.house import House
from tests.calls.test_opus_speech import SPEECH_S, local_model
from tests.local_realtime.wording import TEXTS, errors
from workers.recordings import read_recording

UNSURE_S = 5
"""Longer than a model of turns waits that is not sure."""


@pytest.mark.gen_test(timeout=120)
@pytest.mark.parametrize("turn_detection", ["none", "server_vad", "semantic_vad"])
async def test_the_local_model_writes_down_what_it_hears(turn_detection):
    """Every word, in pieces or at once, and not one of its own; and again after it was lost."""
    samples, rate_hz = read_recording("tests/data/amiable.wav")
    speech = (samples.ravel() * 32767).astype("<i2").tobytes()
    query = f"session=transcription&turn_detection={turn_detection}&input_rate={rate_hz}"
    async with local_model() as (url, _), House(url) as house:
        client = await house.connected(query)
        await client.audio(speech)
        if turn_detection == "none":
            await client.say("commit_audio")
        else:
            await client.audio(bytes(UNSURE_S * rate_hz * 2))
        async with asyncio.timeout(2 * SPEECH_S):
            while not (told := (await client.next("transcript", SPEECH_S))["data"])["final"]:
                pass
        assert errors(TEXTS["amiable"], told["text"]) <= 1
        assert "user" == told["role"]
        assert {"error", "response_started", "audio"}.isdisjoint(client.types)
