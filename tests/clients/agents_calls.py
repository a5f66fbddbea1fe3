"""Calls of `openai-agents` for Python, a package that takes two seconds to import."""

from contextlib import asynccontextmanager

from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeModelSendRawMessage, RealtimeRunner

# The SDK's own spans go to the web; what it asks the model to trace does not concern them.
set_tracing_disabled(True)


@function_tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return f"It is clear in {city}"


class Call:
    """A session whose events are read until something has happened."""

    def __init__(self, session):
        self.session = session
        self._events = aiter(session)
        self.errors = []

    async def until(self, is_last):
        """All events up to the one for which *is_last* is true."""
        events = []
        async for event in self._events:
            events.append(event)
            if event.type == "error":
                self.errors.append(event.error)
            if is_last(event):
                return events
        raise AssertionError(f"closed after {[event.type for event in events]}")

    async def until_wire(self, kind):
        """The wire events up to the first of *kind*."""
        events = await self.until(lambda event: wire(event).get("type") == kind)
        return [wire(event) for event in events if wire(event)]

    async def ask(self, text):
        """What is said in answer to *text*."""
        await self.session.send_message(text)
        return said_in(await self.until_wire("response.done"))

    async def speak(self, pieces):
        for piece in pieces:
            await self.session.send_audio(piece)

    async def request(self, **response):
        """Ask for a response; the SDK has no method of its own for that."""
        message = {"type": "response.create", "other_data": {"response": response}}
        await self.session.model.send_event(RealtimeModelSendRawMessage(message=message))


def wire(event):
    """The server's own event in one of the SDK's, if it is there."""
    if event.type == "raw_model_event" and event.data.type == "raw_server_event":
        return event.data.data
    return {}


def said_in(events):
    kind = "response.output_audio_transcript.done"
    (done,) = (event for event in events if event["type"] == kind)
    return done["transcript"]


@asynccontextmanager
async def calling(program, tools=(), handoffs=(), key=None, **settings):
    """A session of a stock runner; *settings* are those of the model."""
    agent = RealtimeAgent(
        name="Local", instructions="Be brief.", tools=list(tools), handoffs=list(handoffs)
    )
    runner = RealtimeRunner(agent, config={"model_settings": settings})
    model_config = {"url": program.websocket_url, "api_key": key or program.key}
    async with await runner.run(model_config=model_config) as session:
        yield Call(session)
