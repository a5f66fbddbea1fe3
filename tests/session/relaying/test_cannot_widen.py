"""Whatever a client writes, the model is asked for nothing that the client may not have."""

import json
import os
import re
from random import Random
from typing import Any

import pytest

from tests.session.relaying.call import SECRET, TOOL, Call
from tests.session.relaying.test_updates import CHOOSY
from tornado_app.errors import InvalidMessage
from tornado_app.protocol.realtime.order_text import encode_order

NAMES = [
    *("type", "model", "instructions", "prompt", "tools", "tool_choice", "tracing", "audio"),
    *("input", "output", "voice", "id", "speed", "format", "turn_detection", "transcription"),
    *("max_output_tokens", "output_modalities", "truncation", "metadata", "conversation", "name"),
    *("content", "role", "text", "image_url", "session", "response", "server_url", "headers"),
]
VALUES = [
    *("realtime", "transcription", "gpt-9", "verse", "marin", "cedar", "inf", "auto", "none"),
    *("required", "function", "mcp", "server_vad", "semantic_vad", "text", "audio", "system"),
    *("session.update", "message", "assistant", "user", "input_image", "item_reference"),
    *("https://x.example/y.png", "secret_lookup", "parley_tool_1", "own", "audio/pcmu"),
    "A text of more than ten characters",
    *(None, True, False, 0, 1, 7, 501, 5000, 0.5, 1.5),
]
SET_BACK = re.compile(r'"output_modalities": ?(null|""|\[\])')
"""To audio, with which the call has begun, and which its client may not choose."""
UNBOUNDED = {"errors_per_minute": 1e9, "messages_per_s": 1e9, "message_burst": 1e9}


def anything(random: Random, depth: int = 3) -> Any:
    """JSON of names and values that mean something to the API, somewhere."""
    kind = random.random()
    if depth and kind < 0.35:
        return {name(random): anything(random, depth - 1) for _ in range(random.randint(0, 3))}
    if depth and kind < 0.5:
        return [anything(random, depth - 1) for _ in range(random.randint(0, 2))]
    return random.choice(VALUES)


def name(random: Random) -> str:
    return random.choice(NAMES)


def text(random: Random) -> str:
    """An event in which any name may stand twice."""
    kind = random.choice(["session.update", "response.create", "conversation.item.create"])
    inside = {"session.update": "session", "response.create": "response"}.get(kind, "item")
    pairs = [("type", json.dumps(kind)), (inside, asked(random))]
    pairs += [
        (random.choice(["type", inside, name(random)]), json.dumps(anything(random)))
        for _ in range(random.choice([0, 0, 0, 1, 2]))
    ]
    random.shuffle(pairs)
    return written(pairs)


FIELDS: dict[str, list[Any]] = {
    "instructions": ["Be brief.", "A text of more than ten characters", "", None],
    "tools": [[], None, [{"type": "function", "name": "own"}], [{"type": "mcp"}]],
    "tool_choice": ["auto", {"type": "function", "name": "own"}, {"type": "mcp"}],
    "max_output_tokens": [7, 501, "inf", None],
    "output_modalities": [["text"], ["audio"], ["text", "audio"]],
    "prompt": [{"id": "p"}],
    "tracing": ["auto"],
    "model": ["gpt-9"],
    "audio": [
        {"output": {"voice": "cedar"}},
        {"output": {"voice": "verse"}},
        {"output": {"voice": {"id": "voice_1"}, "speed": 1.5}},
        {"output": {"voice": None}, "input": None},
        {"input": {"turn_detection": {"type": "server_vad"}}},
        {"input": {"turn_detection": None, "transcription": {"model": "m"}}},
    ],
}


def asked(random: Random) -> str:
    """A session, an answer or an item: mostly of what there is, with values good and bad."""
    pairs = [("type", '"realtime"')] if random.random() < 0.9 else []
    for field in random.sample([*FIELDS], random.randint(0, 3)):
        values = random.choices(FIELDS[field], k=random.choice([1, 1, 2]))
        pairs += [(field, json.dumps(value)) for value in values]
    if random.random() < 0.2:
        pairs.append((name(random), json.dumps(anything(random))))
    if random.random() < 0.3:
        pairs = [("type", '"message"'), ("role", json.dumps(random.choice(["user", "system"])))]
        pairs += [("content", json.dumps([{"type": "input_text", "text": random.choice(VALUES)}]))]
    random.shuffle(pairs)
    return written(pairs)


def written(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in pairs) + "}"


def first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


@pytest.mark.parametrize("seed", range(int(os.environ.get("PARLEY_WIDENING_SEEDS", "5"))))
def test_a_client_cannot_widen_what_it_may(seed):
    random = Random(seed)
    call = Call(CHOOSY, (TOOL,), **UNBOUNDED).begun()
    before = len(call.all)

    for _ in range(500):
        event = text(random)
        if SET_BACK.search(event):
            continue
        try:
            call.asks_text(event)
        except InvalidMessage:
            continue
        if call.orders:
            call.says("session.updated", session={})

    orders = [command.order for command in call.all[before:] if hasattr(command, "order")]
    assert len(orders) > 20
    for order in orders:
        for hook in (dict, first_wins):
            check(json.loads(encode_order(order), object_pairs_hook=hook))
    assert "OYSTER" not in json.dumps(call.all_shown)
    assert not call.session.ended


@pytest.mark.parametrize("name", [{}, {"event_id": "mine"}, {"event_id": "parley_session"}])
@pytest.mark.parametrize(
    "audio",
    [
        'QUJD","type":"session.update","session":{"type":"realtime","prompt":{"id":"p"}},"x":"',
        'QUJD"}',
        "QUJD\\",
        "QUJD\nQUJD",
        "QUJD\x00",
    ],
)
def test_what_is_written_as_audio_is_nothing_else(audio, name):
    """A quotation mark in it would end the text, and another event would begin."""
    call = Call(CHOOSY, (TOOL,)).begun()

    call.asks("input_audio_buffer.append", audio=audio, **name)

    assert [] == call.sent
    assert ("invalid_value", "audio") == (call.error["code"], call.error["param"])
    assert name.get("event_id") == call.error["event_id"]


def check(event: dict[str, Any]) -> None:
    match event["type"]:
        case "session.update":
            check_session(event["session"])
        case "response.create" if isinstance(event.get("response"), dict):
            check_session(event["response"])
            for item in event["response"].get("input") or ():
                check_item(item)
        case "conversation.item.create":
            check_item(event.get("item"))


def check_session(session: dict[str, Any]) -> None:
    assert not {"model", "prompt", "tracing", "server_url", "headers"} & session.keys()
    tools = session.get("tools", ())
    assert all("function" == tool["type"] for tool in tools)
    if "tools" in session and session.get("conversation") in (None, "auto"):
        assert TOOL.name == tools[0]["name"]
    assert session.get("max_output_tokens", 1) in {*range(501), 4096}
    assert session.get("output_modalities", ["text"]) == ["text"]
    instructions = session.get("instructions", "")
    assert instructions == SECRET or len(instructions) <= 10
    choice = session.get("tool_choice", "auto")
    assert isinstance(choice, str) or choice["name"] != TOOL.name
    audio = session.get("audio", {})
    assert audio.get("output", {}).get("voice", "marin") in {"marin", "cedar"}
    assert 0.9 <= audio.get("output", {}).get("speed", 1.0) <= 1.1
    assert audio.get("input", {}).get("turn_detection") is None
    assert "transcription" not in audio.get("input", {})


def check_item(item: Any) -> None:
    if not isinstance(item, dict):
        assert item is None
        return
    assert item["type"] in {
        "message",
        "function_call",
        "function_call_output",
        "item_reference",
    }
    content = item.get("content")
    for part in content if isinstance(content, list) else ():
        if isinstance(part, dict):
            assert "image_url" not in part
