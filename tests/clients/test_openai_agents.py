"""`openai-agents` for Python, unchanged, against the local model."""

from contextlib import asynccontextmanager

import pytest
from agents import function_tool, set_tracing_disabled
from agents.realtime import RealtimeAgent, RealtimeModelSendRawMessage, RealtimeRunner
from websockets.exceptions import ConnectionClosedError

from tests.clients.program import AT_GATEWAY, BYTES_PER_MS
from tests.local_realtime.wording import TEXTS, errors

SERVER_VAD = {"type": "server_vad", "silence_duration_ms": 500}

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


@pytest.mark.gen_test
async def test_text_turn(speaking):
    """A message is answered, the audio is whole, and the history has both sides."""
    async with calling(speaking) as call:
        await call.session.send_message("What is twelve times seven?")
        events = await call.until(lambda event: event.type == "agent_end")

    assert call.errors == []
    kinds = {event.type for event in events}
    assert {"agent_start", "audio", "audio_end", "history_added", "history_updated"} <= kinds
    pcm = b"".join(event.audio.data for event in events if event.type == "audio")
    assert len(pcm) > 1000 * BYTES_PER_MS
    history = [event for event in events if event.type == "history_updated"][-1].history
    user, assistant = (item.content[0] for item in history)
    assert user.text == "What is twelve times seven?"
    assert assistant.transcript == "12 times 7 is 84."


@pytest.mark.gen_test
async def test_voice_turn_with_server_vad(speaking, recording, silence, chunks):
    """The end of speech is found, the words are told, and the answer is spoken."""
    async with calling(speaking, turn_detection=SERVER_VAD) as call:
        await call.speak(chunks(recording("amiable") + silence(900)))
        events = await call.until_wire("response.done")
        heard = [event["transcript"] for event in events if "transcription.c" in event["type"]]
        if not heard:
            more = await call.until_wire("conversation.item.input_audio_transcription.completed")
            heard = [more[-1]["transcript"]]

    assert call.errors == []
    assert errors(TEXTS["amiable"], *heard) <= 1
    assert said_in(events) == f"I heard you say: {heard[0]}"


@pytest.mark.gen_test
async def test_function_call_round_trip(speaking):
    """The SDK runs the function it declared, and the answer tells its output."""
    async with calling(speaking, tools=[get_weather]) as call:
        await call.session.send_message("What is the weather in Paris?")
        called = await call.until(lambda event: event.type == "tool_end")
        told = await call.until_wire("response.output_audio_transcript.done")

    assert call.errors == []
    (start,) = (event for event in called if event.type == "tool_start")
    assert (start.tool.name, start.arguments) == ("get_weather", '{"city": "Paris"}')
    assert called[-1].output == "It is clear in Paris"
    assert said_in(told) == "It is clear in Paris."


@pytest.mark.gen_test
async def test_handoff(speaking):
    """The call goes on with another agent, whose functions take the place of the first one's."""
    forecaster = RealtimeAgent(name="forecaster", tools=[get_weather])
    async with calling(speaking, handoffs=[forecaster]) as call:
        await call.session.send_message("Transfer to the forecaster, please.")
        (handoff,) = (await call.until(lambda event: event.type == "handoff"))[-1:]
        await call.until_wire("response.output_audio_transcript.done")
        await call.session.send_message("What is the weather in Paris?")
        (end,) = (await call.until(lambda event: event.type == "tool_end"))[-1:]

    assert call.errors == []
    assert (handoff.from_agent.name, handoff.to_agent.name) == ("Local", "forecaster")
    assert end.output == "It is clear in Paris"


@pytest.mark.gen_test
async def test_barge_in_with_truncation(speaking, recording, silence, chunks):
    """Speech ends a long answer, the SDK truncates it, and the next turn is answered.

    By `semantic_vad`, which is what the SDK asks for by itself.
    """
    async with calling(speaking) as call:
        await call.session.send_message(f"Say {'blue and green. ' * 100}")
        first = (await call.until(lambda event: event.type == "audio"))[-1]
        await call.speak(chunks(recording("amiable")))
        interrupted = (await call.until(lambda event: event.type == "audio_interrupted"))[-1]
        events = await call.until_wire("conversation.item.truncated")
        if not any(event["type"] == "response.done" for event in events):
            events += await call.until_wire("response.done")
        await call.speak(chunks(silence(5000)))
        answered = await call.until_wire("response.done")

    assert call.errors == []
    (truncated,) = (e for e in events if e["type"] == "conversation.item.truncated")
    assert truncated["item_id"] == interrupted.item_id == first.item_id
    (done,) = (event["response"] for event in events if event["type"] == "response.done")
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert answered[-1]["response"]["status"] == "completed"


@pytest.mark.gen_test
async def test_manual_commit(echoing, recording, chunks):
    """Without turn detection a turn ends when the client says so, and not a sample is lost."""
    said = recording("amiable")
    async with calling(echoing, turn_detection=None) as call:
        *most, last = chunks(said)
        await call.speak(most)
        await call.session.send_audio(last, commit=True)
        await call.request()
        events = await call.until(lambda event: event.type == "agent_end")

    assert call.errors == []
    assert b"".join(event.audio.data for event in events if event.type == "audio") == said


@pytest.mark.gen_test
async def test_error_recovery(speaking):
    """A refused response lets go of the SDK's queue, and the session is still of use."""
    async with calling(speaking) as call:
        await call.session.send_audio(bytes(2), commit=True)
        await call.until(lambda event: event.type == "error")
        await call.request(conversation="nowhere")
        await call.until(lambda event: event.type == "error")
        answer = await call.ask("Spell cab.")

    codes = [error.code for error in call.errors]
    assert codes == ["input_audio_buffer_commit_empty", "invalid_value"]
    assert call.errors[1].event_id.startswith("agents_py_response_create")
    assert answer == "C, A, B."


@pytest.mark.gen_test
async def test_the_model_of_the_url_stands(echoing):
    """What the SDK sets up for another one is refused whole, and the session is still of use.

    The gateway leaves the model out and takes the rest.
    """
    async with calling(echoing, model_name="another") as call:
        if not AT_GATEWAY:
            await call.until(lambda event: event.type == "error")
        answer = await call.ask("hi")

    # The SDK may set itself up a second time meanwhile.
    refused = set() if AT_GATEWAY else {"session.model"}
    assert refused == {error.param for error in call.errors}
    assert answer == "You wrote: hi"


@pytest.mark.gen_test
async def test_a_wrong_key_is_refused(echoing):
    """The SDK is told why, in an event or, if the close was faster, in what `run` raises."""
    try:
        async with calling(echoing, key="sk-wrong") as call:
            await call.until(lambda event: event.type == "error")
            why = call.errors[0].code
    except ConnectionClosedError as closed:
        why = closed.rcvd.reason

    assert why.removeprefix("invalid_request_error.") == "invalid_api_key"
