"""How an answer ends that broke off, as the API ends one: item by item, each part of it first.

https://platform.openai.com/docs/api-reference/realtime-server-events/response/done
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from tornado_app.protocol.realtime.items import Item
from tornado_app.session.relaying.answer import Answer
from tornado_app.session.relaying.begun_items import BegunItems


def _failed(message: str) -> dict[str, Any]:
    error = {"type": "server_error", "code": "server_error", "message": message}
    return {"type": "failed", "error": error}


LOST = "The model was lost before it had answered. Ask again."
FAILED = _failed(LOST)
STALLED = _failed("The answer stopped half way, and was ended. Ask again.")
CLIENT_CANCELLED = {"type": "cancelled", "reason": "client_cancelled"}
TURN_DETECTED = {"type": "cancelled", "reason": "turn_detected"}


def broken_off(answer: Answer, text_of: Callable[[str], str], begun: BegunItems) -> Iterator[str]:
    """The events that end all open items, but for those that the client was told; *text_of*: what
    there is of an item's text; *begun*: those that it knows as items of the conversation.
    """
    for name in tuple(answer.items):
        yield from _ended(answer, name, text_of(name), is_begun=begun.end(name))


def cut_short(item: Item) -> str:
    """The end of an item of no answer, of which the gateway has no more than its kind."""
    kind = {"id": item.id, "object": "realtime.item", "type": item.type, "status": "incomplete"}
    words: dict[str, Any] = {}
    match item.type:
        case "message":
            words = {"role": item.role, "content": []}
        case "function_call":
            words = {"call_id": "", "name": item.name, "arguments": ""}
        case "function_call_output":
            words = {"call_id": "", "output": ""}
    return _event("conversation.item.done", {"previous_item_id": None, "item": kind | words})


def _ended(answer: Answer, name: str, text: str, *, is_begun: bool) -> Iterator[str]:
    shown = answer.items[name]
    of = {"response_id": answer.name, "output_index": shown.index}
    item = {**shown.item, "status": "incomplete"}
    content: list[dict[str, Any]] = []
    for index, kind in sorted(shown.parts.items()):
        words = {"transcript": text} if kind == "audio" else {"text": text}
        part = {**of, "item_id": name, "content_index": index}
        for end, fields in _part_ends(kind, words):
            if (end, index) not in shown.ended:
                yield _event(end, {**part, **fields})
        content.append({"type": f"output_{'audio' if kind == 'audio' else 'text'}", **words})
    if item.get("type") == "message":
        item["content"] = content
    if is_begun:
        yield _event("conversation.item.done", {"previous_item_id": None, "item": item})
    yield _event("response.output_item.done", {**of, "item": item})
    answer.end_item(item)


def _part_ends(kind: str, words: Mapping[str, Any]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """The events that end a part, and what each says."""
    if kind == "audio":
        return (
            ("response.output_audio.done", {}),
            ("response.output_audio_transcript.done", words),
            ("response.content_part.done", {"part": {"type": "audio", **words}}),
        )
    return (
        ("response.output_text.done", words),
        ("response.content_part.done", {"part": {"type": "text", **words}}),
    )


def _event(kind: str, fields: dict[str, Any]) -> str:
    event = {"type": kind, "event_id": "event_parley_broken_off", **fields}
    return msgspec.json.encode(event).decode()
