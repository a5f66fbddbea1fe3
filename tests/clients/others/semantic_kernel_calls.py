"""`semantic-kernel`: its realtime client, with functions of a plugin."""

import base64

from openai import AsyncOpenAI
from semantic_kernel import Kernel
from semantic_kernel.connectors.ai.function_choice_behavior import FunctionChoiceBehavior
from semantic_kernel.connectors.ai.open_ai import (
    ListenEvents,
    OpenAIRealtimeExecutionSettings,
    OpenAIRealtimeWebsocket,
    SendEvents,
)
from semantic_kernel.contents import (
    AudioContent,
    RealtimeAudioEvent,
    RealtimeTextEvent,
    TextContent,
)
from semantic_kernel.contents.realtime_events import RealtimeEvent
from semantic_kernel.functions import kernel_function
from story import (
    BASE_URL,
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

HEARING = {
    "transcription": {"model": "gpt-4o-mini-transcribe"},
    "turn_detection": {"type": "server_vad", "silence_duration_ms": 500},
}


class Weather:
    @kernel_function(name="get_weather", description="The weather in a city.")
    def get_weather(self, city: str) -> str:
        tell(called="get_weather", city=city)
        return f"It is clear in {city}"


def calling(*plugins):
    kernel = Kernel()
    for plugin in plugins:
        kernel.add_plugin(plugin, plugin_name="weather")
    settings = OpenAIRealtimeExecutionSettings(
        instructions="Be brief.",
        audio={"input": HEARING},
        function_choice_behavior=FunctionChoiceBehavior.Auto(),
    )
    client = AsyncOpenAI(base_url=BASE_URL, api_key=KEY)
    service = OpenAIRealtimeWebsocket(ai_model_id=MODEL, client=client, api_key=KEY)
    return service(settings=settings, kernel=kernel)


async def until(session, *kinds):
    """What the server says until all of *kinds* have come, the last of each."""
    heard = {}
    async for event in session.receive():
        said = getattr(event, "service_event", None)
        if getattr(said, "type", None):
            heard[said.type] = said
        if getattr(said, "type", None) == "error":
            raise AssertionError(said)
        if set(kinds) <= heard.keys():
            return heard
    raise AssertionError(f"closed after {sorted(heard)}")


async def ask(session, question):
    await session.send(RealtimeTextEvent(text=TextContent(text=question)))
    await session.send(RealtimeEvent(service_type=SendEvents.RESPONSE_CREATE))


async def speak(session, *parts):
    async for piece in spoken(*parts):
        audio = AudioContent(data=base64.b64encode(piece).decode(), data_format="base64")
        await session.send(RealtimeAudioEvent(audio=audio))


SAID = "response.output_audio_transcript.done"


async def text():
    async with calling() as session:
        await ask(session, QUESTION)
        heard = await until(session, SAID, "response.done")
        tell(said=heard[SAID].transcript)


async def lost():
    async with calling() as session:
        said = []
        for question in (QUESTION, SPELL):
            await ask(session, question)
            heard = await until(session, SAID, "response.done")
            said.append(heard[SAID].transcript)
        tell(first=said[0], said=said[1])


async def speech():
    async with calling() as session:
        await speak(session, SPEECH, SILENCE)
        heard = await until(session, SAID)
        tell(said=heard[SAID].transcript)


async def tool():
    async with calling(Weather()) as session:
        await ask(session, WEATHER)
        heard = await until(session, SAID)
        tell(said=heard[SAID].transcript)


async def barge_in():
    async with calling() as session:
        await ask(session, LONG)
        heard = await until(session, ListenEvents.RESPONSE_AUDIO_DELTA.value)
        item_id = heard[ListenEvents.RESPONSE_AUDIO_DELTA.value].item_id
        await speak(session, SPEECH)
        await until(session, "input_audio_buffer.speech_started")
        data = {"item_id": item_id, "audio_end_ms": 50}
        await session.send(
            RealtimeEvent(service_type=SendEvents.CONVERSATION_ITEM_TRUNCATE, service_event=data)
        )
        await until(session, "conversation.item.truncated")
        await speak(session, SILENCE)
        heard = await until(session, SAID)
        tell(said=heard[SAID].transcript)


async def wrong_key():
    try:
        async with calling() as session:
            await until(session, "session.updated")
    except AssertionError as error:
        tell(refused=str(error))


stories = {
    "text": text,
    "lost": lost,
    "speech": speech,
    "tool": tool,
    "barge_in": barge_in,
    "wrong_key": wrong_key,
}
if __name__ == "__main__":
    run(stories)
