"""`openai` for Python, unchanged, against the local model."""

import base64
import json

import pytest

from tests.clients.openai_calls import ask, calling, speak, until, write
from tests.clients.program import BYTES_PER_MS
from tests.local_realtime.wording import TEXTS, errors

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
HEARING = {"type": "realtime", "audio": {"input": {"transcription": {"model": "whisper-1"}}}}
MANUAL = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}


@pytest.mark.gen_test
async def test_text_turn(speaking):
    """Asked in writing, answered in speech, or in writing if that is asked for."""
    async with calling(speaking) as connection:
        await write(connection, "What is twelve times seven?")
        await connection.response.create()
        spoken = await until(connection, "response.done")
        await connection.response.create(response={"output_modalities": ["text"]})
        written = await until(connection, "response.done")

    answer = "12 times 7 is 84."
    assert spoken["response.output_audio_transcript.done"].transcript == answer
    assert len(spoken.pcm) > 1000 * BYTES_PER_MS
    assert written["response.output_text.done"].text == answer
    assert written["response.done"].response.usage.output_token_details.text_tokens > 0


@pytest.mark.gen_test
async def test_voice_turn_with_server_vad(speaking, recording, silence, chunks):
    """The end of speech is found, the words are told, and the answer is spoken."""
    async with calling(speaking) as connection:
        await connection.session.update(session=HEARING)
        await speak(connection, chunks(recording("amiable") + silence(900)))
        heard = "conversation.item.input_audio_transcription.completed"
        events = await until(connection, "response.done", heard)

    started = events["input_audio_buffer.speech_started"]
    assert started.item_id == events[heard].item_id
    assert events["input_audio_buffer.speech_stopped"].audio_end_ms > started.audio_start_ms
    assert errors(TEXTS["amiable"], events[heard].transcript) <= 1
    said = events["response.output_audio_transcript.done"].transcript
    assert said == f"I heard you say: {events[heard].transcript}"


@pytest.mark.gen_test
async def test_function_call_round_trip(speaking):
    """A function is called, its output is given, and the answer tells it."""
    async with calling(speaking) as connection:
        await connection.session.update(session={"type": "realtime", "tools": [WEATHER]})
        await write(connection, "What is the weather in Paris?")
        await connection.response.create()
        called = await until(connection, "response.done")
        (call,) = called["response.done"].response.output
        output = json.dumps({"sky": "clear"})
        item = {"type": "function_call_output", "call_id": call.call_id, "output": output}
        await connection.conversation.item.create(item=item)
        await connection.response.create()
        told = await until(connection, "response.done")

    assert (call.type, call.name, call.status) == ("function_call", "get_weather", "completed")
    assert json.loads(call.arguments) == {"city": "Paris"}
    done = called["response.function_call_arguments.done"]
    assert (done.call_id, done.arguments) == (call.call_id, call.arguments)
    assert told["response.output_audio_transcript.done"].transcript == "Sky is clear."


@pytest.mark.gen_test
async def test_barge_in_with_truncation(speaking, recording, silence, chunks):
    """Speech ends a long answer; what was not heard of it leaves the conversation."""
    async with calling(speaking) as connection:
        await write(connection, f"Say {'blue and green. ' * 100}")
        await connection.response.create()
        begun = await until(connection, "response.output_audio.delta")
        item_id = begun["response.output_audio.delta"].item_id
        await speak(connection, chunks(recording("amiable")))
        cut = await until(connection, "input_audio_buffer.speech_started", "response.done")
        await connection.conversation.item.truncate(
            item_id=item_id, content_index=0, audio_end_ms=50
        )
        truncated = await until(connection, "conversation.item.truncated")
        await connection.conversation.item.retrieve(item_id=item_id)
        kept = await until(connection, "conversation.item.retrieved")
        await speak(connection, chunks(silence(900)))
        answer = await until(connection, "response.done")

    response = cut["response.done"].response
    assert (response.status, response.status_details.reason) == ("cancelled", "turn_detected")
    assert truncated["conversation.item.truncated"].audio_end_ms == 50
    (part,) = kept["conversation.item.retrieved"].item.content
    assert len(base64.b64decode(part.audio)) == 50 * BYTES_PER_MS
    assert not part.transcript
    assert answer["response.done"].response.status == "completed"


@pytest.mark.gen_test
async def test_manual_commit(echoing, recording, chunks):
    """Without turn detection a turn ends when the client says so, and not a sample is lost."""
    said = recording("amiable")
    async with calling(echoing) as connection:
        await connection.session.update(session=MANUAL)
        await speak(connection, chunks(said))
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        heard = await until(connection, "response.done")

    assert heard.pcm == said
    assert "input_audio_buffer.speech_started" not in heard


@pytest.mark.gen_test
async def test_error_recovery(speaking):
    """What is wrong is told under the client's own event id, and the session is still of use."""
    nonsense = {"type": "realtime", "audio": {"output": {"voice": "nobody"}}}
    async with calling(speaking) as connection:
        await connection.session.update(session=nonsense, event_id="voice")
        await connection.input_audio_buffer.commit(event_id="commit")
        await connection.response.cancel(event_id="cancel")
        await connection.conversation.item.retrieve(item_id="item_x", event_id="item")
        told = [(await connection.recv()).error for _ in range(4)]
        answer = await ask(connection, "Spell cab.")

    assert [(error.event_id, error.code) for error in told] == [
        ("voice", "invalid_value"),
        ("commit", "input_audio_buffer_commit_empty"),
        ("cancel", "response_cancel_not_active"),
        ("item", "item_retrieve_invalid_item_id"),
    ]
    assert told[0].param == "session.audio.output.voice"
    assert answer == "C, A, B."
