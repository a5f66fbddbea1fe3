"""`pydantic-ai-slim`: an agent with a realtime session."""

from pydantic_ai import Agent
from pydantic_ai.messages import PartDeltaEvent, SpeechPart
from pydantic_ai.providers.azure import AzureProvider
from pydantic_ai.providers.openai import OpenAIProvider
from pydantic_ai.realtime import RealtimeError, RealtimeTurnCompleteEvent
from pydantic_ai.realtime.azure import AzureRealtimeModel
from pydantic_ai.realtime.openai import OpenAIRealtimeModel
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

agent = Agent(instructions="Be brief.")
provider = OpenAIProvider(base_url=BASE_URL, api_key=KEY)
model = OpenAIRealtimeModel(MODEL, provider=provider)
INTERRUPTED_AT = 5
settings = {"input_transcription_model": "gpt-transcribe"}


@agent.tool_plain
def get_weather(city: str) -> str:
    """The weather in a city."""
    tell(called="get_weather", city=city)
    return f"It is clear in {city}"


def calling():
    return agent.realtime(model, model_settings=settings).session()


async def turn(session):
    """Up to the end of one answer."""
    async for event in session:
        if isinstance(event, RealtimeTurnCompleteEvent):
            return event
    raise AssertionError("no answer")


def words(session):
    return [
        part.transcript
        for message in session.all_messages()
        for part in message.parts
        if isinstance(part, SpeechPart)
    ]


async def text():
    async with calling() as session:
        await session.send(QUESTION)
        await turn(session)
        tell(said=words(session)[-1])


async def lost():
    async with calling() as session:
        await session.send(QUESTION)
        await turn(session)
        first = words(session)[-1]
        await session.send(SPELL)
        await turn(session)
        tell(first=first, said=words(session)[-1])


async def azure():
    azure_provider = AzureProvider(azure_endpoint=HOST, api_version="v1", api_key=KEY)
    there = AzureRealtimeModel(MODEL, provider=azure_provider)
    async with agent.realtime(there, model_settings=settings).session() as session:
        await session.send(QUESTION)
        await turn(session)
        tell(said=words(session)[-1])


async def speech():
    async with calling() as session:
        await session.send_audio(spoken(SPEECH, SILENCE))
        await turn(session)
        await session.send(SPELL)
        await turn(session)
        tell(texts=words(session))


async def tool():
    async with calling() as session:
        await session.send(WEATHER)
        await turn(session)
        tell(said=words(session)[-1])


async def barge_in():
    heard = 0
    async with calling() as session:
        await session.send(LONG)
        async for event in session:
            heard += isinstance(event, PartDeltaEvent)
            if isinstance(event, PartDeltaEvent) and heard == INTERRUPTED_AT:
                await session.interrupt(played_ms=100)
                await session.send(SPELL)
            if words(session)[-1:] == ["C, A, B."]:
                break
        tell(said=words(session)[-1])


async def wrong_key():
    try:
        async with calling() as session:
            await session.send(QUESTION)
            await turn(session)
    except RealtimeError as error:
        tell(refused=str(error))


stories = {
    "text": text,
    "lost": lost,
    "azure": azure,
    "speech": speech,
    "tool": tool,
    "barge_in": barge_in,
    "wrong_key": wrong_key,
}
if __name__ == "__main__":
    run(stories)
