"""Client events as nobody should send them: valid ones, broken ones, and anything else."""

import copy
import json

from hypothesis import strategies as st

HUGE = st.sampled_from([2**63, -(2**70), 10**400, 1e308, -1e308, float("nan"), float("inf")])
SURROGATES = st.sampled_from(["\ud800", "x\udfff", "\ud83d"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(-10, 10)
    | st.text(max_size=8)
    | HUGE
    | SURROGATES
)
# fmt: off
WORDS = [
    "type", "session", "audio", "input", "output", "format", "turn_detection", "server_vad",
    "semantic_vad", "item", "content", "message", "role", "user", "assistant", "text",
    "input_text", "input_audio", "item_id", "previous_item_id", "root", "voice", "content_index",
    "audio_end_ms", "response", "conversation", "none", "input", "item_reference", "id", "tools",
    "function", "name", "parameters", "tool_choice", "tracing", "transcription", "truncation",
    "event_id", "AAAA", "realtime", "eagerness", "output_modalities", "instructions", "metadata",
    "max_output_tokens", "audio/pcm", "audio/pcmu", "alloy", "a", "b", "include", "prompt",
    "noise_reduction", "parallel_tool_calls", "reasoning", "speed", "mcp", "phase",
]
# fmt: on
KEYS = st.sampled_from(WORDS) | st.text(max_size=4)
JSON = st.recursive(
    SCALARS | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def nested(depth):
    """An object in an object in an object."""
    value = 1
    for _ in range(depth):
        value = {"a": value}
    return value


JUNK = JSON | st.integers(1, 200).map(nested)

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
CALL = {"type": "function_call", "id": "call", "call_id": "c", "name": "f", "arguments": "{}"}
REALTIME = {
    "type": "realtime",
    "instructions": "Be brief.",
    "output_modalities": ["text"],
    "tools": [TOOL],
    "tool_choice": {"type": "function", "name": "f"},
    "max_output_tokens": 9,
    "truncation": {"type": "retention_ratio", "retention_ratio": 0.5, "token_limits": {}},
    "tracing": {"workflow_name": "w", "metadata": {"a": 1}},
    "include": ["item.input_audio_transcription.logprobs"],
    "reasoning": {"effort": "low"},
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {"model": "whisper-1", "language": "en"},
            "noise_reduction": {"type": "near_field"},
            "turn_detection": {"type": "server_vad", "threshold": 0.1, "idle_timeout_ms": 5000},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "ash", "speed": 1.1},
    },
}


def message(role, item_id, *content):
    item = {"type": "message", "role": role, "id": item_id, "content": list(content)}
    return {"type": "conversation.item.create", "item": item}


VALID = [
    {"type": "session.update", "session": REALTIME},
    {"type": "session.update", "session": {"type": "realtime", "output_modalities": ["audio"]}},
    {
        "type": "session.update",
        "session": {"type": "realtime", "audio": {"input": {"turn_detection": None}}},
    },
    {
        "type": "session.update",
        "session": {
            "type": "transcription",
            "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe-diarize"}}},
        },
    },
    {"type": "input_audio_buffer.append", "audio": "AGAAoABgAKAA" * 900},
    {"type": "input_audio_buffer.append", "audio": "AAAA" * 4000},
    {"type": "input_audio_buffer.commit"},
    {"type": "input_audio_buffer.clear"},
    message("user", "a", {"type": "input_text", "text": "hello there"}),
    message("user", "b", {"type": "input_audio", "audio": "AAAA" * 100, "transcript": "x"}),
    message("user", "c", {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}),
    message("system", "d", {"type": "input_text", "text": "x"}),
    message("assistant", "e", {"type": "output_text", "text": "x"}),
    {"type": "conversation.item.create", "item": CALL, "previous_item_id": "root"},
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "c", "output": "1"},
    },
    {"type": "conversation.item.retrieve", "item_id": "a"},
    {"type": "conversation.item.delete", "item_id": "a"},
    {
        "type": "conversation.item.truncate",
        "item_id": "b",
        "content_index": 0,
        "audio_end_ms": 10,
    },
    {"type": "response.create", "event_id": "mine"},
    {
        "type": "response.create",
        "response": {
            "conversation": "none",
            "metadata": {"a": "b"},
            "input": [{"type": "item_reference", "id": "a"}, CALL],
            "tools": [TOOL],
            "audio": {"output": {"voice": "ash", "format": {"type": "audio/pcma"}}},
        },
    },
    {"type": "response.cancel"},
    {"type": "response.cancel", "response_id": "resp_x"},
]


def places(value, path=()):
    """The paths of everything in a JSON value."""
    yield path
    inner = value.items() if isinstance(value, dict) else ()
    inner = enumerate(value) if isinstance(value, list) else inner
    for key, entry in inner:
        yield from places(entry, (*path, key))


@st.composite
def broken(draw):
    """A valid event with one thing replaced, removed or put in."""
    event = copy.deepcopy(draw(st.sampled_from(VALID)))
    path = draw(st.sampled_from([path for path in places(event) if path]))
    parent = event
    for key in path[:-1]:
        parent = parent[key]
    how = draw(st.sampled_from(["replace", "remove", "add"]))
    if how == "replace":
        parent[path[-1]] = draw(JUNK)
    elif how == "remove":
        del parent[path[-1]]
    elif isinstance(parent, dict):
        parent[draw(KEYS)] = draw(JUNK)
    else:
        parent.append(draw(JUNK))
    return event


USUAL = [st.sampled_from(VALID).map(json.dumps)] * 6 + [broken().map(json.dumps)] * 6
UNUSUAL = [
    st.dictionaries(KEYS, JUNK, max_size=4).map(json.dumps),
    JUNK.map(json.dumps),
    st.text(max_size=20),
    st.binary(max_size=20),
    SURROGATES,
    st.sampled_from(["", "[" * 100_000, '{"type":' * 5000]),
]
FRAMES = st.integers(0, len(USUAL + UNUSUAL) - 1).flatmap((USUAL + UNUSUAL).__getitem__)
"""Frames as the handler gets them: text or bytes."""

SESSION_OF_FRAMES = st.lists(FRAMES, min_size=20, max_size=40)
