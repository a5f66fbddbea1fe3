"""`livekit-plugins-openai`: its realtime model, driven as an agent's session does it."""

import asyncio
import contextlib

import aiohttp
from livekit import rtc
from livekit.agents import APIError, function_tool
from livekit.agents.llm import FunctionCallOutput
from livekit.plugins import openai
from openai.types.beta.realtime.session import TurnDetection
from story import (
    BASE_URL,
    HOST,
    KEY,
    LONG,
    MODEL,
    QUESTION,
    SILENCE,
    SPEECH,
    SPELL,
    WEATHER,
    run,
    spoken,
    tell,
)

HZ = 24_000


@function_tool
async def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"It is clear in {city}"


def of_openai(http, **options):
    return openai.realtime.RealtimeModel(
        model=MODEL, base_url=BASE_URL, api_key=KEY, http_session=http, **options
    )


def of_azure(http):
    return openai.realtime.RealtimeModel.with_azure(
        azure_deployment=MODEL, azure_endpoint=HOST, api_key=KEY, http_session=http
    )


@contextlib.asynccontextmanager
async def calling(make=of_openai, **options):
    async with aiohttp.ClientSession() as http:
        session = make(http, **options).session()
        errors = []
        session.on("error", lambda said: errors.append(f"{said.error} {said.error.body}"))
        try:
            yield session, errors
        finally:
            await session.aclose()


async def add(session, role, words):
    context = session.chat_ctx.copy()
    context.add_message(role=role, content=words)
    await session.update_chat_ctx(context)


async def listen(stream, enough_ms=None):
    """How much is heard of a stream, to its end or a little more than is *enough_ms*."""
    heard_ms = 0
    async for frame in stream:
        heard_ms += frame.duration * 1000
        if enough_ms is not None and heard_ms > enough_ms:
            break
    return heard_ms


async def said_in(generation):
    """The words of an answer, and how long its sound is."""
    words, heard_ms = "", 0
    async for message in generation.message_stream:
        listening = asyncio.ensure_future(listen(message.audio_stream))
        async for piece in message.text_stream:
            words += piece
        heard_ms += await listening
    return words.strip(), heard_ms


async def azure():
    await text(of_azure)


async def text(make=of_openai):
    async with calling(make) as (session, errors):
        await add(session, "user", QUESTION)
        words, heard_ms = await said_in(await session.generate_reply())
        tell(said=words, heard_ms=heard_ms, errors=errors)


async def lost():
    async with calling() as (session, errors):
        said = []
        for question in (QUESTION, SPELL):
            await add(session, "user", question)
            words, _ = await said_in(await session.generate_reply())
            said.append(words)
        tell(first=said[0], said=said[1], errors=errors)


async def speak(session, *parts):
    async for piece in spoken(*parts):
        session.push_audio(rtc.AudioFrame(piece, HZ, 1, len(piece) // 2))


async def speech():
    detection = TurnDetection(type="server_vad", silence_duration_ms=500)
    async with calling(turn_detection=detection) as (session, errors):
        begun, heard = asyncio.Queue(), asyncio.Queue()
        session.on("generation_created", begun.put_nowait)
        session.on(
            "input_audio_transcription_completed",
            lambda said: heard.put_nowait(said.transcript) if said.is_final else None,
        )
        await speak(session, SPEECH, SILENCE)
        words, _ = await said_in(await begun.get())
        tell(said=words, heard=await heard.get(), errors=errors)


async def tool():
    async with calling() as (session, errors):
        await session.update_tools([get_weather])
        await add(session, "user", WEATHER)
        generation = await session.generate_reply()
        (call,) = [call async for call in generation.function_stream]
        context = session.chat_ctx.copy()
        context.items.append(
            FunctionCallOutput(
                call_id=call.call_id, name=call.name, output="It is clear in Paris", is_error=False
            )
        )
        await session.update_chat_ctx(context)
        words, _ = await said_in(await session.generate_reply())
        tell(called=call.name, arguments=call.arguments, said=words, errors=errors)


async def barge_in():
    detection = TurnDetection(type="server_vad", silence_duration_ms=500)
    async with calling(turn_detection=detection) as (session, errors):
        begun, started = asyncio.Queue(), asyncio.Event()
        session.on("input_speech_started", lambda _: started.set())
        await add(session, "user", LONG)
        generation = await session.generate_reply()
        message = await anext(aiter(generation.message_stream))
        await listen(message.audio_stream, enough_ms=300)
        session.on("generation_created", begun.put_nowait)
        await speak(session, SPEECH)
        await started.wait()
        session.truncate(message_id=message.message_id, modalities=["audio"], audio_end_ms=200)
        await speak(session, SILENCE)
        words, _ = await said_in(await begun.get())
        tell(said=words, errors=errors)


async def transcription():
    async with aiohttp.ClientSession() as http:
        ears = openai.STT(
            model="gpt-4o-mini-transcribe", use_realtime=True, base_url=BASE_URL, api_key=KEY
        )
        ears._session = http
        async with ears.stream() as stream:

            async def say():
                async for piece in spoken(SPEECH, SILENCE):
                    stream.push_frame(rtc.AudioFrame(piece, HZ, 1, len(piece) // 2))

            saying = asyncio.ensure_future(say())
            async for event in stream:
                if event.type == "final_transcript":
                    tell(heard=event.alternatives[0].text)
                    break
            await saying


async def wrong_key():
    # A session that could not begin says so once more when it is closed.
    with contextlib.suppress(APIError):
        async with calling() as (_, errors):
            while not errors:
                await asyncio.sleep(0.02)
            tell(refused=errors[0])


stories = {
    "text": text,
    "lost": lost,
    "speech": speech,
    "tool": tool,
    "barge_in": barge_in,
    "transcription": transcription,
    "wrong_key": wrong_key,
    "azure": azure,
}
if __name__ == "__main__":
    run(stories)
