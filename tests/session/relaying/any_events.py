"""Events as they should be and as they should not, of a client and of a model, at random."""

import json
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.session.relaying.call import TOOL

ITEM_NAMES = [*(f"item_{number}" for number in range(4)), "parley_tool_1", "", "x" * 40]
ANSWER_NAMES = ["resp_1", "resp_2", "resp_3", ""]
FROM_CLIENT = [
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.delete",
    "conversation.item.retrieve",
    "conversation.item.truncate",
    "response.create",
    "response.cancel",
    "new.thing",
]
FROM_MODEL = [
    "error",
    "session.created",
    "session.updated",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "conversation.item.deleted",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "response.created",
    "response.done",
    "response.output_item.added",
    "response.output_item.done",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_text.delta",
    "response.function_call_arguments.done",
    "response.mcp_call.completed",
    "mcp_list_tools.completed",
    "rate_limits.updated",
    "new.thing",
]
ODD: list[Any] = ["\ud83d", None, True, -1, 0, 10**20, 1.5, "", "text", [], [1], {}, {"type": "x"}]


def item(random: Random) -> dict[str, Any]:
    kind = random.choice(["message", "message", "function_call", "function_call_output"])
    return {
        "id": random.choice(ITEM_NAMES),
        "type": kind,
        "role": random.choice(["user", "assistant", "system"]),
        "status": random.choice(["completed", "in_progress", "incomplete"]),
        "name": random.choice([TOOL.name, "own"]),
        "call_id": random.choice(["call_1", "call_2", "call_3"]),
        "arguments": "{}",
        "output": "7",
        "content": random.choice([[], [{"type": "input_text", "text": "hello"}]]),
    }


def session(random: Random) -> dict[str, Any]:
    """As a client asks for one, or as a model shows it."""
    return {
        "type": "realtime",
        "instructions": random.choice(["x", "\ud83d"]),
        "tools": [{"type": "function", "name": random.choice([TOOL.name, "own"])}],
        "tool_choice": random.choice(["auto", {"type": "function", "name": "own"}]),
        "output_modalities": ["text"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcmu"},
                "turn_detection": {"type": "server_vad", "create_response": True},
                "transcription": {"model": "whisper-1"},
            },
            "output": {"format": {"type": "audio/pcma"}, "voice": "marin"},
        },
    }


def answer(random: Random) -> dict[str, Any]:
    """As a client asks for one."""
    return {
        "conversation": random.choice(["none", "auto"]),
        "metadata": {"k": "v"},
        "input": [{"type": "item_reference", "id": random.choice(ITEM_NAMES)}, item(random)],
        "audio": {"output": {"format": {"type": "audio/pcmu"}, "voice": "marin"}},
        **{name: session(random)[name] for name in ("tools", "tool_choice", "instructions")},
    }


def fields(random: Random) -> dict[str, Any]:
    name = random.choice(ANSWER_NAMES)
    status = random.choice(["completed", "cancelled", "failed", "incomplete"])
    return {
        "response_id": name,
        "item_id": random.choice(ITEM_NAMES),
        "output_index": random.randint(0, 2),
        "content_index": 0,
        "previous_item_id": random.choice([None, *ITEM_NAMES]),
        "item": item(random),
        "part": {"type": random.choice(["audio", "text"])},
        "delta": random.choice(["AAAA", "word", "***"]),
        "audio": random.choice(["QUJD" * 300, "***", "A"]),
        "transcript": "words",
        "text": "words",
        "audio_start_ms": 10,
        "audio_end_ms": 900,
        "event_id": random.choice([None, "mine", "parley_session", "parley_relayed_1"]),
        "error": {
            "code": "x",
            "message": "no",
            "event_id": f"parley_relayed_{random.randint(1, 9)}",
        },
        "session": session(random),
        "response": {"id": name, "status": status, "output": [item(random)], "usage": {}},
    }


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Wherever something may be wrong, however deep it stands: what it is in, and where."""
    names = [*value] if isinstance(value, dict) else range(len(value))
    for name in names:
        yield value, name
        if isinstance(value[name], dict | list):
            yield from places(value[name])


def event_of(random: Random, kind: str) -> dict[str, Any]:
    """As it should be."""
    event: dict[str, Any] = {"type": kind, **fields(random)}
    if "response.create" == kind:
        event["response"] = random.choice([{}, answer(random), None])
    return event


def frame(random: Random, kinds: list[str]) -> str:
    """Mostly as it should be."""
    event = event_of(random, random.choice(kinds))
    for _ in range(random.choice([0, 0, 0, 1, 3])):
        if not event:
            break
        inside, name = random.choice([*places(event)])
        if random.random() < 0.3:
            del inside[name]
        else:
            inside[name] = random.choice(ODD)
    text = json.dumps(event)
    return text[: random.randint(0, len(text))] if random.random() < 0.02 else text
