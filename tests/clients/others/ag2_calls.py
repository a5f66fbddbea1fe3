"""`ag2`: a live agent."""

import asyncio
import sys

# It takes a missing package, and no package without its library.
sys.modules["sounddevice"] = None

from ag2.events import (
    ModelResponse,
    RecordedAudioEvent,
    SynthesizedAudioEvent,
    TranscriptionCompletedEvent,
)
from ag2.live import LiveAgent, OpenAIRealTimeConfig
from ag2.live.openai import InputConfig
from openai import AsyncOpenAI
from story import (
    BASE_URL,
    KEY,
    MODEL,
    QUESTION_ABOUT_PARIS,
    SILENCE,
    SPEECH,
    run,
    spoken,
    tell,
)
from websockets.exceptions import ConnectionClosed

DETECTION = {"type": "server_vad", "silence_duration_ms": 500}


def get_weather(city: str) -> str:
    """The weather in a city."""
    tell(called="get_weather", city=city)
    return f"It is clear in {city}"


def agent(*tools):
    hearing = InputConfig(
        transcription={"model": "gpt-4o-mini-transcribe"}, turn_detection=DETECTION
    )
    client = AsyncOpenAI(base_url=BASE_URL, api_key=KEY)
    config = OpenAIRealTimeConfig(MODEL, client=client, input=hearing)
    return LiveAgent("local", "Be brief.", config=config, tools=tools)


async def say(context, *parts):
    async for piece in spoken(*parts):
        await context.send(RecordedAudioEvent(piece))


async def speech():
    heard, answered, audio = asyncio.Queue(), asyncio.Queue(), []
    async with agent().run() as context:
        context.stream.where(TranscriptionCompletedEvent).subscribe(heard.put_nowait)
        context.stream.where(ModelResponse).subscribe(answered.put_nowait)
        context.stream.where(SynthesizedAudioEvent).subscribe(
            lambda e: audio.append(len(e.content))
        )
        await say(context, SPEECH, SILENCE)
        text, answer = await heard.get(), await answered.get()
        tell(heard=str(text.content), said=str(answer.message.content), bytes=sum(audio))


async def lost():
    heard, answered = asyncio.Queue(), asyncio.Queue()
    async with agent().run() as context:
        context.stream.where(TranscriptionCompletedEvent).subscribe(heard.put_nowait)
        context.stream.where(ModelResponse).subscribe(answered.put_nowait)
        await say(context, SPEECH, SILENCE)
        text, answer = await heard.get(), await answered.get()
        await say(context, SPEECH, SILENCE)
        text_again, answer_again = await heard.get(), await answered.get()
        tell(first=str(answer.message.content), said=str(answer_again.message.content))
        tell(heard=[str(text.content), str(text_again.content)])


async def tool():
    answered = asyncio.Queue()
    async with agent(get_weather).run() as context:
        context.stream.where(ModelResponse).subscribe(answered.put_nowait)
        await say(context, QUESTION_ABOUT_PARIS, SILENCE)
        while (answer := await answered.get()).message is None:
            pass
        tell(said=str(answer.message.content))


async def wrong_key():
    try:
        async with agent().run() as context:
            while True:
                await say(context, SPEECH)
    except ConnectionClosed as closed:
        tell(refused=closed.rcvd.reason)


stories = {"speech": speech, "lost": lost, "tool": tool, "wrong_key": wrong_key}
if __name__ == "__main__":
    run(stories)
