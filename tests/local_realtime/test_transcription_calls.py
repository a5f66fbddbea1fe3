"""Transcription sessions, and images, with the models of speech, over real sockets."""

import asyncio

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.server import ServerConfig
from tests.local_realtime.wording import TEXTS, errors

FAST = ServerConfig(pace=0)
ASR = "conversation.item.input_audio_transcription"


async def speak(client, models, said):
    """Send speech as it is spoken: what was read of it so far is there before more of it is."""
    step = 800 * 48
    for start in range(0, len(said), step):
        await client.append(said[start : start + step])
        await client.send("hello", event_id="so far")
        for event in await client.until("error"):
            yield event
        while models._at_work:
            await asyncio.sleep(0.01)


@pytest.mark.gen_test
async def test_a_streaming_transcription_is_told_before_its_end(serving, models, speech):
    """The words told before the commit are the beginning of the transcript."""
    async with serving(FAST, models, models.ear) as (_, connect):
        client = await connect("?intent=transcription")
        heard = {"transcription": {"model": "gpt-live-transcribe"}, "turn_detection": None}
        config = {"type": "transcription", "audio": {"input": heard}}
        await client.send("session.update", session=config)
        before = [event async for event in speak(client, models, speech("leisure"))]
        await client.send("input_audio_buffer.commit")
        *late, committed = await client.until("input_audio_buffer.committed")
        completed = (await client.until(f"{ASR}.completed"))[-1]

    deltas = [event for event in before + late if event["type"] == f"{ASR}.delta"]
    told = "".join(event["delta"] for event in deltas)
    assert errors(TEXTS["leisure"], completed["transcript"]) <= 3
    assert told
    assert completed["transcript"].startswith(told)
    assert {event["item_id"] for event in [*deltas, committed]} == {completed["item_id"]}


@pytest.mark.gen_test
async def test_who_shows_an_image_is_told_that_nobody_sees_it(serving, models):
    """And is not answered as if somebody had."""
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBO"}
    content = [{"type": "input_text", "text": "What is in this picture?"}, image]
    async with serving(FAST, models, models.ear) as (_, connect):
        client = await connect()
        item = {"type": "message", "role": "user", "content": content}
        await client.send("conversation.item.create", item=item)
        await client.send("response.create", response={"output_modalities": ["text"]})
        done = (await client.until("response.done"))[-1]["response"]

    assert "cannot look at pictures" in done["output"][0]["content"][0]["text"]
    assert done["usage"]["input_token_details"]["image_tokens"] == 765
