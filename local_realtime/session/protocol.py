"""One frame of a client, as an event."""

from collections.abc import Iterable
from typing import Any

import msgspec

from local_realtime.errors import Refused, invalid, missing, wrong_type
from local_realtime.session.value_rules import Rule, fields, integer, nullable, text
from local_realtime.sound.audio import MAX_APPEND_BASE64_BYTES

MAX_EVENT_ID_LETTERS = 512
MAX_AUDIO_END_MS = 2**31


def _anything(wanted: Any, _path: str, _current: Any) -> Any:
    """Its own parser looks at it later."""
    return wanted


def _event(rules: dict[str, Rule], required: tuple[str, ...] = (), **start: Any) -> Rule:
    return fields({"type": text(), "event_id": _anything, **rules}, required, start)


ITEM_ID = {"item_id": text()}
EVENTS: dict[str, Rule] = {
    "session.update": _event({"session": _anything}, ("session",)),
    "input_audio_buffer.append": _event(
        # One letter more, so that `decode_base64` is the one to refuse.
        {"audio": text(MAX_APPEND_BASE64_BYTES + 1)},
        ("audio",),
    ),
    "input_audio_buffer.commit": _event({}),
    "input_audio_buffer.clear": _event({}),
    "conversation.item.create": _event(
        {"item": _anything, "previous_item_id": nullable(text())}, ("item",), previous_item_id=None
    ),
    "conversation.item.retrieve": _event(ITEM_ID, ("item_id",)),
    "conversation.item.truncate": _event(
        {
            **ITEM_ID,
            "content_index": integer(0, 128),
            "audio_end_ms": integer(0, MAX_AUDIO_END_MS),
        },
        ("item_id", "content_index", "audio_end_ms"),
    ),
    "conversation.item.delete": _event(ITEM_ID, ("item_id",)),
    "response.create": _event({"response": _anything}, response=None),
    "response.cancel": _event({"response_id": nullable(text())}, response_id=None),
}


def parse_frame(frame: str | bytes) -> dict[str, Any]:
    """The JSON object in a frame.

    Raises:
        Refused: If there is none.
    """
    if isinstance(frame, bytes):
        raise Refused("invalid_event", "Events are JSON text; binary frames are not accepted.")
    try:
        event = msgspec.json.decode(frame)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        raise Refused("invalid_json", "The frame is not valid JSON, or too deep.") from None
    if not isinstance(event, dict):
        raise Refused("invalid_event", "An event is a JSON object.")
    return event


def event_id_of(event: dict[str, Any]) -> str | None:
    """The client's own id, which comes back in an error.

    Raises:
        Refused: If it is none.
    """
    event_id: str | None = nullable(text(MAX_EVENT_ID_LETTERS))(
        event.get("event_id"), "event_id", None
    )
    return event_id


def check_event(event: dict[str, Any], allowed: Iterable[str] = tuple(EVENTS)) -> dict[str, Any]:
    """The event with its defaults filled in.

    Raises:
        Refused: If its type is none of *allowed*, or a field of it is unknown or wrong.
    """
    kind = event.get("type")
    if kind is None:
        raise missing("type")
    if not isinstance(kind, str):
        raise wrong_type("type", "a string", kind)
    if kind not in allowed:
        listed = ", ".join(repr(known) for known in allowed)
        raise invalid("type", f"supported values in this session are: {listed}")
    checked: dict[str, Any] = EVENTS[kind](event, "", None)
    return checked
