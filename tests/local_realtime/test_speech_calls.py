"""Whole calls in speech, over real sockets."""

import asyncio
import json

import pytest

pytest.importorskip("onnxruntime", reason="the packages of speech are not installed")
pytest.importorskip("hibari", reason="the packages of speech are not installed")

from local_realtime.brain.numerals import in_words, with_digits
from local_realtime.rehearsal.faults import parse_faults
from local_realtime.server import ServerConfig
from local_realtime.sound.audio import Sound, decode_base64, encode_base64
from tests.local_realtime.wording import TEXTS, error_rate, errors

FAST = ServerConfig(pace=0)
TOOL = {
    "type": "function",
    "name": "get_weather",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}


@pytest.fixture
def talking(serving, models):
    """`serving`, with speech."""
    return lambda config=FAST: serving(config, models, models.ear)


async def listen_to(client, **session):
    detail = {"transcription": {"model": "any"}}
    config = {"type": "realtime", "audio": {"input": detail}, **session}
    await client.send("session.update", session=config)


async def write(client, text):
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await client.send("conversation.item.create", item=item)
    await client.send("response.create")


def transcripts_in(events):
    return [e["transcript"] for e in events if e["type"].endswith("transcription.completed")]


def spoken_in(events):
    (done,) = (e for e in events if e["type"] == "response.output_audio_transcript.done")
    return done["transcript"]


@pytest.mark.gen_test
async def test_a_spoken_turn_is_understood_and_answered(talking, models, speech, silence, audio):
    """The transcript, its usage, and an answer that can be understood in turn."""
    async with talking() as (_, connect):
        client = await connect()
        await listen_to(client)
        await client.append(speech("amiable") + silence(900))
        events = await client.until("rate_limits.updated")
        while not transcripts_in(events):
            events.append(await client.read())

    prefix = "conversation.item.input_audio_transcription"
    deltas = [e["delta"] for e in events if e["type"] == f"{prefix}.delta"]
    (completed,) = (e for e in events if e["type"] == f"{prefix}.completed")
    assert errors(TEXTS["amiable"], completed["transcript"]) <= 1
    assert completed["usage"]["type"] == "duration"
    assert "".join(deltas) in completed["transcript"]
    assert spoken_in(events) == f"I heard you say: {completed['transcript']}"
    heard = await models.transcribe(Sound(audio(events), 24_000))
    assert error_rate([(spoken_in(events), heard)]) <= 0.2


@pytest.mark.gen_test
async def test_a_manual_turn_is_transcribed(talking, speech):
    """By commit; no response is needed for it."""
    async with talking() as (_, connect):
        client = await connect()
        await listen_to(client)
        await client.manual()
        await client.append(speech("amiable"))
        await client.send("input_audio_buffer.commit")
        kind = "conversation.item.input_audio_transcription.completed"
        events = await client.until(kind)

    assert errors(TEXTS["amiable"], *transcripts_in(events)) <= 1


@pytest.mark.gen_test
async def test_a_function_is_called_by_voice_and_its_output_told(talking, models, silence, kinds):
    """Asked aloud, called, answered by the client, and told in speech."""
    _, question = models._mouth.say("What is the weather in Paris?", "cedar", 1.0)
    async with talking() as (_, connect):
        client = await connect()
        await client.send("session.update", session={"type": "realtime", "tools": [TOOL]})
        await client.append(silence(320) + question.pcm + silence(900))
        events = await client.until("rate_limits.updated")
        (done,) = (e for e in events if e["type"] == "response.function_call_arguments.done")
        output = {"temperature": 21, "sky": "clear"}
        item = {"call_id": done["call_id"], "output": json.dumps(output)}
        await client.send("conversation.item.create", item={"type": "function_call_output", **item})
        await client.send("response.create")
        told = await client.until("rate_limits.updated")

    assert done["name"] == "get_weather"
    assert json.loads(done["arguments"]) == {"city": "Paris"}
    assert "response.function_call_arguments.delta" in kinds(events)
    assert spoken_in(told) == "Temperature is 21, sky is clear."


@pytest.mark.gen_test
async def test_answers_of_several_sentences_interleave(talking, kinds, audio):
    """Text first, then sound, and again for the next sentence."""
    async with talking() as (_, connect):
        client = await connect()
        await write(client, "Say this is one. And this is two.")
        events = await client.until("rate_limits.updated")

    deltas = [k for k in kinds(events) if k.endswith("delta")]
    text, sound = "response.output_audio_transcript.delta", "response.output_audio.delta"
    assert deltas[:4] == [text, sound, text, sound]
    assert spoken_in(events) == "this is one. And this is two."
    assert len(audio(events)) > 48_000


@pytest.mark.gen_test
async def test_many_sessions_at_once_are_not_mixed_up(talking, models):
    """Each is answered what it asked, though there are more than threads."""

    async def ask(connect, number):
        client = await connect()
        await write(client, f"What is {number} times {number}?")
        return spoken_in(await client.until("response.done"))

    async with talking() as (_, connect):
        answers = await asyncio.gather(*(ask(connect, number) for number in range(2, 10)))

    assert answers == [f"{n} times {n} is {n * n}." for n in range(2, 10)]


@pytest.mark.gen_test
async def test_many_callers_who_speak_at_once_are_each_understood(talking, models, silence):
    """With six times as many as threads they are answered later, and none of them wrongly."""
    questions = {f"Count from one to {in_words(n)}.": n for n in range(2, 14)}
    said = {text: models._mouth.say(text, "marin", 1.0)[1].pcm for text in questions}

    async def ask(connect, text):
        client = await connect()
        await listen_to(client)
        await client.append(silence(320) + said[text] + silence(900))
        events = await client.until("rate_limits.updated")
        while not transcripts_in(events):
            events.append(await client.read())
        return spoken_in(events), with_digits(*transcripts_in(events))

    async with talking() as (_, connect):
        answers = await asyncio.gather(*(ask(connect, text) for text in questions))

    counted = [", ".join(map(in_words, range(1, n + 1))).capitalize() for n in questions.values()]
    assert [f"{words}." for words in counted] == [spoken for spoken, _ in answers]
    assert [f"Count from 1 to {n}." for n in questions.values()] == [heard for _, heard in answers]


@pytest.mark.gen_test
async def test_a_cancelled_answer_is_not_spoken_on(talking, models):
    """What comes of it later is dropped, and the next one is answered."""
    async with talking(ServerConfig(pace=1)) as (_, connect):
        client = await connect()
        await write(client, f"Say {'blue and green. ' * 50}")
        await client.until("response.output_audio.delta")
        await client.send("response.cancel")
        cancelled = (await client.until("response.done"))[-1]["response"]
        session = {"type": "realtime", "output_modalities": ["text"]}
        await client.send("session.update", session=session)
        await write(client, "Goodbye.")
        done = (await client.until("response.done"))[-1]["response"]

    assert cancelled["status"] == "cancelled"
    assert done["output"][0]["content"][0]["text"] == "Goodbye!"


@pytest.mark.parametrize(
    "fault", ["", "slow-answers=50,slow-events=1", "late-deltas,done-delay=50"]
)
@pytest.mark.gen_test
async def test_a_pause_for_thought_ends_no_turn(talking, models, silence, fault):
    """By meaning, "I would like to" and what comes a second later are one turn; faults or not."""
    if not models.hears_endings:
        pytest.skip("pipecat-ai with its model is not installed")
    parts = [
        models._mouth.say(text, "marin", 1.0)[1].pcm
        for text in ("I would like to", "count from three to seven.")
    ]
    async with talking(ServerConfig(pace=0, faults=parse_faults(fault))) as (_, connect):
        client = await connect()
        await client.send(
            "session.update",
            session={
                "type": "realtime",
                "audio": {"input": {"turn_detection": {"type": "semantic_vad"}}},
            },
        )
        await client.append(silence(320) + parts[0] + silence(1000) + parts[1] + silence(900))
        events = await client.until("rate_limits.updated")

    assert [1] == [sum(e["type"].endswith("committed") for e in events)]
    assert spoken_in(events) == "Three, four, five, six, seven."


@pytest.mark.parametrize("modality", ["audio", "text"])
@pytest.mark.gen_test
async def test_a_commentary_and_a_call_in_one_answer(talking, modality):
    """A message that says so from its beginning, then the call; spoken or written."""
    tool = {
        "type": "function",
        "name": "weather-get_weather",
        "parameters": {"properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    content = [{"type": "input_text", "text": "What's the weather in Paris?"}]
    async with talking(ServerConfig(pace=0, faults=parse_faults("commentary"))) as (_, connect):
        client = await connect()
        session = {"type": "realtime", "tools": [tool], "output_modalities": [modality]}
        await client.send("session.update", session=session)
        item = {"type": "message", "role": "user", "content": content}
        await client.send("conversation.item.create", item=item)
        await client.send("response.create")
        events = await client.until("response.done")

    begun = next(e["item"] for e in events if e["type"] == "response.output_item.added")
    said, call = events[-1]["response"]["output"]
    assert (begun["phase"], said["phase"]) == ("commentary", "commentary")
    assert (call["name"], json.loads(call["arguments"])) == (tool["name"], {"city": "Paris"})


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
@pytest.mark.gen_test
async def test_a_telephone_call_is_understood_and_answered(talking, models, silence, law):
    """G.711 in and out, and `speed` as asked for."""
    _, question = models._mouth.say("Count from one to seven.", "cedar", 1.0)
    said = Sound(silence(300) + question.pcm + silence(900), 24_000)
    end = said.samples // 2400 * 2400
    answers = {}
    async with talking() as (_, connect):
        for speed in (0.75, 1.5):
            client = await connect()
            output = {"format": {"type": law}, "speed": speed, "voice": "echo"}
            await client.send(
                "session.update",
                session={
                    "type": "realtime",
                    "audio": {"input": {"format": {"type": law}}, "output": output},
                },
            )
            audio = encode_base64(said, {"type": law}, 0, end)
            await client.send("input_audio_buffer.append", audio=audio)
            events = await client.until("rate_limits.updated")
            deltas = [e["delta"] for e in events if e["type"] == "response.output_audio.delta"]
            pcm = b"".join(decode_base64(delta, {"type": law}, "delta") for delta in deltas)
            answers[speed] = Sound(pcm, 8_000), spoken_in(events)

    counted = "One, two, three, four, five, six, seven."
    for sound, text in answers.values():
        assert counted == text
        assert error_rate([(counted, await models.transcribe(sound))]) <= 0.15
    assert answers[0.75][0].seconds > 1.5 * answers[1.5][0].seconds
