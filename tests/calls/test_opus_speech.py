"""A whole call in raw Opus before the local model that hears and speaks."""

from contextlib import asynccontextmanager

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.responders.speech import Speech
from local_realtime.server import LocalRealtime, ServerConfig
from local_realtime.sound.audio import Sound
from tests.calls.house import House
from tests.fakes.opus import Decoder, Encoder
from tests.local_realtime.wording import TEXTS, error_rate, errors
from workers.recordings import read_recording

SPEECH_S = 30.0
"""The models of speech, on a machine that may be busy."""
MALFORMED = [b"\xfb", b"\xfb\0", b"\xfb\x07" + bytes(40), b"\xfa\xff\xff\0", b"\xf9\0\0\0", b""]
QUERY = (
    "turn_detection=none&input_format=opus&input_rate=16000"
    "&output_format=opus&output_encoding=binary"
)


@asynccontextmanager
async def local_model():
    """The address of a local model with its ears and mouth, and these."""
    speech = Speech(threads=2)
    server = LocalRealtime(ServerConfig(pace=0), speech, speech.ear)
    port = server.listen("127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{port}/v1/realtime", speech
    finally:
        await server.close()
        speech.close()


def final_words(client, role: str) -> str:
    told = [m["data"] for m in client.heard if isinstance(m, dict) and m["type"] == "transcript"]
    return "".join(data["text"] for data in told if data["role"] == role and data["final"])


@pytest.mark.gen_test(timeout=120)
async def test_a_call_in_opus_is_understood_and_so_is_its_answer():
    """The client hears and speaks nothing else; malformed packets fly between its words."""
    samples, _ = read_recording("tests/data/amiable.wav")
    packets = Encoder(16_000).packets(samples)
    plenty = {"limits_messages_per_s": 10_000, "limits_errors_per_minute": 10_000}
    async with (
        local_model() as (url, speech),
        House(url, session_transcription_model="any", **plenty) as house,
    ):
        client = await house.connected(QUERY)
        for number, packet in enumerate(packets):
            await client.audio(packet)
            if number % 10 == 0:
                await client.audio(MALFORMED[number // 10 % len(MALFORMED)])
        await client.say("commit_audio")
        await client.next("response_done", SPEECH_S)
        while not final_words(client, "user"):
            await client.next("transcript", SPEECH_S)
        answer = Decoder().samples([heard for heard in client.heard if isinstance(heard, bytes)])
        steps = np.clip(answer * 32768, -32768, 32767).astype("<i2")
        heard = await speech.transcribe(Sound(steps.tobytes(), 24_000))

    assert errors(TEXTS["amiable"], final_words(client, "user")) <= 1
    assert error_rate([(final_words(client, "assistant"), heard)]) <= 0.2
    assert -(-len(packets) // 10) == client.types.count("error")
    client.check_numbers()
