"""Every event is one that the `openai` package knows.

The fixtures hold every event of every story to these types; here is one story for each kind of
event, so that none is left out, and the kinds that a WebSocket never carries.
"""

import pytest
from pydantic import ValidationError

from local_realtime.responders.echo import Echo
from local_realtime.session.responder import Answer, FunctionCall
from local_realtime.session.session_kinds import TRANSCRIPTION
from local_realtime.sound.audio import Sound
from tests.local_realtime import wire_types

WEATHER = FunctionCall("get_weather", '{"city": "Paris"}')
SENTENCE = Answer("Yes.", Sound(bytes(9600), 24_000))


class Scripted(Echo):
    """Answers with these pieces."""

    def __init__(self, *pieces):
        self._pieces = pieces

    async def answer(self, turn):
        for piece in self._pieces:
            yield piece


def a_spoken_turn(call, speech, silence):
    call.update(
        audio={"input": {"transcription": {"model": "whisper-1"}}},
        include=["item.input_audio_transcription.logprobs"],
        tracing={"workflow_name": "x", "metadata": {"a": 1}},
        truncation={"type": "retention_ratio", "retention_ratio": 0.8},
        tools=[{"type": "function", "name": "f", "parameters": {"type": "object"}}],
        tool_choice={"type": "function", "name": "f"},
        reasoning={"effort": "high"},
    )
    return call.append(speech("amiable") + silence(600)) + call.wait(10)


def a_written_turn(call):
    call.update(output_modalities=["text"])
    call.say("hello")
    return call.send("response.create", response={"metadata": {"a": "b"}}) + call.wait(5)


def items_of_all_kinds(call):
    messages = [
        ("user", {"type": "input_text", "text": "x"}),
        ("user", {"type": "input_audio", "audio": "AAAA" * 8, "transcript": "x"}),
        ("user", {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}),
        ("system", {"type": "input_text", "text": "x"}),
        ("assistant", {"type": "output_text", "text": "x"}),
    ]
    items = [{"type": "message", "role": role, "content": [part]} for role, part in messages]
    items.append({"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"})
    items.append({"type": "function_call_output", "call_id": "c", "output": "1"})
    created = [
        event for item in items for event in call.send("conversation.item.create", item=item)
    ]
    ids = {event["item"]["id"] for event in created}
    return created + [
        event
        for item_id in ids
        for kind in ("retrieve", "delete")
        for event in call.send(f"conversation.item.{kind}", item_id=item_id)
    ]


def an_answer_with_calls(call):
    call.responder = Scripted(SENTENCE, WEATHER, WEATHER)
    return call.send("response.create") + call.wait(5)


def a_cut_off_answer(call):
    call.say("hello hello hello hello")
    events = call.send("response.create")
    item_id = events[1]["item"]["id"]
    events += call.wait(0.01) + call.send("response.cancel")
    where = {"item_id": item_id, "content_index": 0, "audio_end_ms": 10}
    return events + call.send("conversation.item.truncate", **where)


def an_incomplete_answer(call):
    call.say("hello")
    return call.send("response.create", response={"max_output_tokens": 1}) + call.wait(5)


def failures(call):
    response_id = call.session.handle('{"type":"response.create"}', call.now)[-1].response_id
    events = [
        *call.session.unanswered(response_id, call.now),
        *call.session.transcribed("item_x", 1.0, None),
        *call.session.failed(),
    ]
    for event in events:
        wire_types.check(event)
    return events + call.send("hello", event_id="mine")


def a_manual_turn(call, tone):
    call.turn_detection(None)
    call.append(tone(200))
    events = call.send("input_audio_buffer.commit")
    return events + call.send("input_audio_buffer.clear")


def silence_until_the_idle_timeout(call):
    call.turn_detection({"type": "server_vad", "idle_timeout_ms": 5000})
    call.say("hello")
    call.send("response.create")
    return call.wait(20)


def a_transcription(new_call, tone):
    call = new_call(None, kind=TRANSCRIPTION)
    transcription = {"model": "gpt-4o-transcribe-diarize", "languages": ["en"], "keywords": ["x"]}
    audio_input = {"transcription": transcription, "turn_detection": None}
    updated = call.send(
        "session.update", session={"type": "transcription", "audio": {"input": audio_input}}
    )
    call.append(tone(500))
    return [call.created, *updated, *call.send("input_audio_buffer.commit")]


def the_end(call):
    return [call.created, *call.update(), *call.wait(3601)]


STORIES = [
    a_spoken_turn,
    a_written_turn,
    items_of_all_kinds,
    an_answer_with_calls,
    a_cut_off_answer,
    an_incomplete_answer,
    failures,
    a_manual_turn,
    silence_until_the_idle_timeout,
    a_transcription,
    the_end,
]


@pytest.fixture
def tell(request, new_call):
    """The kinds of events in a story, told in a call of its own with the fixtures it asks for."""

    def told(story):
        names = story.__code__.co_varnames[: story.__code__.co_argcount]
        given = [new_call() if n == "call" else request.getfixturevalue(n) for n in names]
        return {event["type"] for event in story(*given)}

    return told


def test_every_kind_of_event_is_told_and_known(tell):
    """All that the package's types know are sent in some story, or never on a WebSocket."""
    told = set().union(*map(tell, STORIES))

    assert told | wire_types.NEVER_SENT.keys() == wire_types.MODELS.keys()
    assert not told & wire_types.NEVER_SENT.keys()


def without_each_field(value):
    """The value again and again, each time without one of its fields."""
    if isinstance(value, dict):
        for key in value:
            yield key, {k: v for k, v in value.items() if k != key}
            for name, inner in without_each_field(value[key]):
                yield f"{key}.{name}", {**value, key: inner}
    if isinstance(value, list) and value:
        for name, inner in without_each_field(value[0]):
            yield name, [inner, *value[1:]]


def is_refused(event):
    try:
        wire_types.check(event)
    except (ValidationError, AssertionError, KeyError):
        return True
    return False


def test_the_check_would_notice(call):
    """A required field that is missing, one of another type, and one that nobody knows."""
    call.say("hello")
    events = call.send("response.create") + call.wait(5)
    delta = next(e for e in events if e["type"] == "response.output_audio.delta")
    missing = {name for name, event in without_each_field(delta) if is_refused(event)}

    assert missing == set(delta)
    assert is_refused({**delta, "output_index": "0"})
    assert is_refused({**delta, "surprise": 1})
    assert is_refused({**events[0], "response": {**events[0]["response"], "surprise": 1}})
    assert is_refused({**events[1], "item": {**events[1]["item"], "role": "robot"}})
