"""`openai-agents` for Python, unchanged, against the local model."""

import pytest
from websockets.exceptions import ConnectionClosedError

from tests.clients.program import AT_GATEWAY, BYTES_PER_MS
from tests.local_realtime.wording import TEXTS, errors

SERVER_VAD = {"type": "server_vad", "silence_duration_ms": 500}


@pytest.mark.gen_test
async def test_text_turn(agents, speaking):
    """A message is answered, the audio is whole, and the history has both sides."""
    async with agents.calling(speaking) as call:
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
async def test_voice_turn_with_server_vad(agents, speaking, recording, silence, chunks):
    """The end of speech is found, the words are told, and the answer is spoken."""
    async with agents.calling(speaking, turn_detection=SERVER_VAD) as call:
        await call.speak(chunks(recording("amiable") + silence(900)))
        events = await call.until_wire("response.done")
        heard = [event["transcript"] for event in events if "transcription.c" in event["type"]]
        if not heard:
            more = await call.until_wire("conversation.item.input_audio_transcription.completed")
            heard = [more[-1]["transcript"]]

    assert call.errors == []
    assert errors(TEXTS["amiable"], *heard) <= 1
    assert agents.said_in(events) == f"I heard you say: {heard[0]}"


@pytest.mark.gen_test
async def test_function_call_round_trip(agents, speaking):
    """The SDK runs the function it declared, and the answer tells its output."""
    async with agents.calling(speaking, tools=[agents.get_weather]) as call:
        await call.session.send_message("What is the weather in Paris?")
        called = await call.until(lambda event: event.type == "tool_end")
        told = await call.until_wire("response.output_audio_transcript.done")

    assert call.errors == []
    (start,) = (event for event in called if event.type == "tool_start")
    assert (start.tool.name, start.arguments) == ("get_weather", '{"city": "Paris"}')
    assert called[-1].output == "It is clear in Paris"
    assert agents.said_in(told) == "It is clear in Paris."


@pytest.mark.gen_test
async def test_handoff(agents, speaking):
    """The call goes on with another agent, whose functions take the place of the first one's."""
    forecaster = agents.RealtimeAgent(name="forecaster", tools=[agents.get_weather])
    async with agents.calling(speaking, handoffs=[forecaster]) as call:
        await call.session.send_message("Transfer to the forecaster, please.")
        (handoff,) = (await call.until(lambda event: event.type == "handoff"))[-1:]
        await call.until_wire("response.output_audio_transcript.done")
        await call.session.send_message("What is the weather in Paris?")
        (end,) = (await call.until(lambda event: event.type == "tool_end"))[-1:]

    assert call.errors == []
    assert (handoff.from_agent.name, handoff.to_agent.name) == ("Local", "forecaster")
    assert end.output == "It is clear in Paris"


@pytest.mark.gen_test
async def test_barge_in_with_truncation(agents, speaking, recording, silence, chunks):
    """Speech ends a long answer, the SDK truncates it, and the next turn is answered.

    By `semantic_vad`, which is what the SDK asks for by itself.
    """
    async with agents.calling(speaking) as call:
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
async def test_manual_commit(agents, echoing, recording, chunks):
    """Without turn detection a turn ends when the client says so, and not a sample is lost."""
    said = recording("amiable")
    async with agents.calling(echoing, turn_detection=None) as call:
        *most, last = chunks(said)
        await call.speak(most)
        await call.session.send_audio(last, commit=True)
        await call.request()
        events = await call.until(lambda event: event.type == "agent_end")

    assert call.errors == []
    assert b"".join(event.audio.data for event in events if event.type == "audio") == said


@pytest.mark.gen_test
async def test_error_recovery(agents, speaking):
    """A refused response lets go of the SDK's queue, and the session is still of use."""
    async with agents.calling(speaking) as call:
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
async def test_the_model_of_the_url_stands(agents, echoing):
    """What the SDK sets up for another one is refused whole, and the session is still of use.

    The gateway leaves the model out and takes the rest.
    """
    async with agents.calling(echoing, model_name="another") as call:
        if not AT_GATEWAY:
            await call.until(lambda event: event.type == "error")
        answer = await call.ask("hi")

    # The SDK may set itself up a second time meanwhile.
    refused = set() if AT_GATEWAY else {"session.model"}
    assert refused == {error.param for error in call.errors}
    assert answer == "You wrote: hi"


@pytest.mark.gen_test
async def test_a_wrong_key_is_refused(agents, echoing):
    """The SDK is told why, in an event or, if the close was faster, in what `run` raises."""
    try:
        async with agents.calling(echoing, key="sk-wrong") as call:
            await call.until(lambda event: event.type == "error")
            why = call.errors[0].code
    except ConnectionClosedError as closed:
        why = closed.rcvd.reason

    assert why.removeprefix("invalid_request_error.") == "invalid_api_key"
