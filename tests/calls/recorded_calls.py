"""What clients and the API said to each other in recorded calls with OpenAI and Azure (GA, 2026).

Order and fields alone, from the recordings of pydantic-ai's own tests (MIT License, Copyright (c)
Pydantic Services Inc. 2024 to present); words and sound are ours.
"""

from dataclasses import dataclass
from typing import Any, Final

DELTA = ".delta"
HEARD = "conversation.item.input_audio_transcription"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "Look up the weather for a city.",
    "parameters": {
        "additionalProperties": False,
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "type": "object",
    },
}
ITEM = "conversation.item.create"
SPEECH: Final = object()
"""What the user says, in pieces."""


@dataclass(frozen=True)
class Until:
    """The client waits for this, the next of its kind."""

    kind: str


@dataclass(frozen=True)
class Result:
    """The client answers the last call that it has heard of."""

    output: str


def update(modality: str, instructions: str, **fields: Any) -> dict[str, Any]:
    """As that client sets up each of its sessions."""
    pcm = {"type": "audio/pcm", "rate": 24000}
    turns = {"type": "server_vad", "create_response": True, "interrupt_response": True}
    hearing = {"format": pcm, "turn_detection": turns}
    hearing["transcription"] = {"model": "gpt-realtime-whisper"}
    session = {"type": "realtime", "instructions": instructions, "output_modalities": [modality]}
    session |= {"audio": {"input": hearing, "output": {"format": pcm}}, **fields}
    return {"type": "session.update", "session": session}


def message(role: str, text: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"type": ITEM, "item": {"type": "message", "role": role, "content": content}}


CREATE = {"type": "response.create"}
BEGUN = ["session.created", "session.updated"]
PUT = ["conversation.item.added", "conversation.item.done"]
BEGUN_ITEM = ["response.output_item.added", "conversation.item.added"]
ENDED_ITEM = ["conversation.item.done", "response.output_item.done"]
IN_SOUND = ["response.output_audio.done", "response.output_audio_transcript.done"]
IN_WRITING = ["response.output_text.done"]
CALLED = [*BEGUN_ITEM, "response.function_call_arguments.done", *ENDED_ITEM]


def said(how: list[str]) -> list[str]:
    part = ["response.content_part.added", *how, "response.content_part.done"]
    return [*BEGUN_ITEM, *part, *ENDED_ITEM]


def answer(*items: list[str]) -> list[str]:
    return ["response.created", *(kind for item in items for kind in item), "response.done"]


TALKED_AND_CALLED = [
    *BEGUN_ITEM,
    "response.content_part.added",
    *BEGUN_ITEM,
    *IN_WRITING,
    "response.content_part.done",
    *ENDED_ITEM,
    "response.function_call_arguments.done",
    *ENDED_ITEM,
]


@dataclass(frozen=True)
class Recorded:
    says: list[Any]
    """What the client sends, and what it waits for."""
    hears: list[str]
    """In order, but for deltas, `rate_limits.updated`, and what the user is heard to say, which
    comes beside all else."""
    deltas: set[str]
    talks_before_tools: bool = False
    """The model does."""


ASK_FOR_WEATHER = [
    update("text", "Use the tool.", tools=[WEATHER]),
    Until("session.updated"),
    message("user", "What is the weather in London?"),
    CREATE,
]
TELL_WEATHER = [Result("It is foggy and 12 degrees in London."), CREATE, Until("response.done")]
TOLD = [*PUT, *answer(said(IN_WRITING))]

CALLS: dict[str, Recorded] = {
    "a written turn that is answered in speech": Recorded(
        [
            Until("session.created"),
            update("audio", "Answer in two or three words."),
            Until("session.updated"),
            message("user", "Say a short greeting."),
            CREATE,
            Until("response.done"),
        ],
        [*BEGUN, *PUT, *answer(said(IN_SOUND))],
        {"response.output_audio.delta", "response.output_audio_transcript.delta"},
    ),
    "a spoken turn": Recorded(
        [
            Until("session.created"),
            update("audio", "Reply in a few words."),
            Until("session.updated"),
            SPEECH,
            Until("response.done"),
            Until(f"{HEARD}.completed"),
        ],
        [
            *BEGUN,
            "input_audio_buffer.speech_started",
            "input_audio_buffer.speech_stopped",
            "input_audio_buffer.committed",
            *PUT,
            *answer(said(IN_SOUND)),
        ],
        {"response.output_audio.delta", "response.output_audio_transcript.delta", f"{HEARD}.delta"},
    ),
    "a conversation from before": Recorded(
        [
            Until("session.created"),
            update("text", ""),
            Until("session.updated"),
            message("user", "My name is Alice."),
            message("assistant", "Nice to meet you, Alice!"),
            message("user", "What is my name?"),
            CREATE,
            Until("response.done"),
        ],
        [*BEGUN, *PUT * 3, *answer(said(IN_WRITING))],
        {"response.output_text.delta"},
    ),
    "a tool": Recorded(
        [Until("session.created"), *ASK_FOR_WEATHER, Until("response.done"), *TELL_WEATHER],
        [*BEGUN, *PUT, *answer(CALLED), *TOLD],
        {"response.function_call_arguments.delta", "response.output_text.delta"},
    ),
    "a word before a tool": Recorded(
        [Until("session.created"), *ASK_FOR_WEATHER, Until("response.done"), *TELL_WEATHER],
        [*BEGUN, *PUT, *answer(TALKED_AND_CALLED), *TOLD],
        {"response.function_call_arguments.delta", "response.output_text.delta"},
        talks_before_tools=True,
    ),
}

_OF = "response_id output_index item_id"
_PART = f"{_OF} content_index"
_SPEAKING = "audio.output.format.type audio.output.format.rate audio.output.voice"
_RESPONSE = f"""id object status status_details output output_modalities conversation_id metadata
    max_output_tokens usage {_SPEAKING}"""
_TOKENS = "text_tokens audio_tokens image_tokens cached_tokens"
_INPUT_TOKENS = f"{_TOKENS} cached_tokens_details"
_SESSION = f"""id object type model expires_at instructions output_modalities include prompt tools
    tool_choice max_output_tokens truncation tracing {_SPEAKING} audio.output.speed
    audio.input.format.type audio.input.format.rate audio.input.noise_reduction
    audio.input.transcription audio.input.turn_detection.type
    audio.input.turn_detection.threshold audio.input.turn_detection.prefix_padding_ms
    audio.input.turn_detection.silence_duration_ms audio.input.turn_detection.idle_timeout_ms
    audio.input.turn_detection.create_response audio.input.turn_detection.interrupt_response"""


def _in(name: str, paths: str) -> set[str]:
    return {f"{name}.{path}" for path in paths.split()}


FIELDS: dict[str, set[str]] = {
    "session.created": _in("session", _SESSION),
    "session.updated": _in("session", _SESSION)
    | _in("session.audio.input.transcription", "model language prompt"),
    "conversation.item.added": {"previous_item_id", "item.id", "item.type"},
    "conversation.item.done": {"previous_item_id", "item.id", "item.type"},
    f"{HEARD}.delta": {"item_id", "content_index", "delta", "obfuscation"},
    f"{HEARD}.completed": {"item_id", "content_index", "transcript", "usage.type"},
    "input_audio_buffer.speech_started": {"item_id", "audio_start_ms"},
    "input_audio_buffer.speech_stopped": {"item_id", "audio_end_ms"},
    "input_audio_buffer.committed": {"item_id", "previous_item_id"},
    "rate_limits.updated": _in("rate_limits", "name limit remaining reset_seconds"),
    "response.created": _in("response", _RESPONSE),
    "response.done": _in("response", _RESPONSE)
    | _in("response.output", "id type status")
    | _in("response.usage", "total_tokens input_tokens output_tokens")
    | _in("response.usage.input_token_details", _INPUT_TOKENS)
    | _in("response.usage.output_token_details", "text_tokens audio_tokens"),
    "response.output_item.added": {"response_id", "output_index", "item.id", "item.type"},
    "response.output_item.done": {"response_id", "output_index", "item.id", "item.type"},
    "response.content_part.added": {*_PART.split(), "part.type"},
    "response.content_part.done": {*_PART.split(), "part.type"},
    "response.function_call_arguments.delta": {*_OF.split(), "call_id", "delta", "obfuscation"},
    "response.function_call_arguments.done": {*_OF.split(), "call_id", "name", "arguments"},
    "response.output_audio.delta": {*_PART.split(), "delta"},
    "response.output_audio.done": {*_PART.split()},
    "response.output_audio_transcript.delta": {*_PART.split(), "delta", "obfuscation"},
    "response.output_audio_transcript.done": {*_PART.split(), "transcript"},
    "response.output_text.delta": {*_PART.split(), "delta", "obfuscation"},
    "response.output_text.done": {*_PART.split(), "text"},
}
"""What each event always had beside its type and its own id; "a.b" is b of each a."""
