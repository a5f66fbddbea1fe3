"""Which events a client of the Realtime API may send, and which fields each of them has.

What a server makes of an event or a field that we do not know, nobody has judged: one that takes
``TYPE`` for ``type``, or knows more than we do, would be asked for what the client may not have.

https://platform.openai.com/docs/api-reference/realtime-client-events
"""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, NamedTuple

from tornado_app.policy.api_words import SHOWN_CHARACTERS
from tornado_app.protocol.realtime.api_errors import missing, need, refusal, unknown


class _Field(NamedTuple):
    """One without types is judged elsewhere, or by the model."""

    is_needed: bool = False
    expected: str = ""
    types: tuple[type, ...] = ()


_TEXT: Final = _Field(True, "a string", (str,))
_NAME: Final = _Field(False, "a string", (str, NoneType))
_ANY: Final = _Field()
_NEEDED: Final = _Field(is_needed=True)
_ALWAYS: Final = {"type": _ANY, "event_id": _ANY}
_ITEM_ID: Final = {"item_id": _TEXT}

EVENTS: Final[Mapping[str, Mapping[str, _Field]]] = {
    "session.update": {"session": _NEEDED},
    "input_audio_buffer.append": {"audio": _TEXT},
    "input_audio_buffer.commit": {},
    "input_audio_buffer.clear": {},
    "conversation.item.create": {"item": _NEEDED, "previous_item_id": _NAME},
    "conversation.item.retrieve": _ITEM_ID,
    "conversation.item.truncate": {**_ITEM_ID, "content_index": _ANY, "audio_end_ms": _ANY},
    "conversation.item.delete": _ITEM_ID,
    "response.create": {"response": _ANY},
    "response.cancel": {"response_id": _NAME},
    "output_audio_buffer.clear": {},
}


def check_event(kind: str, event: Mapping[str, Any]) -> None:
    """Whether it is an event that there is, with fields that it has.

    Raises:
        ApiRefusal: As the API would.
    """
    known = EVENTS.get(kind)
    if known is None:
        raise refusal("invalid_value", f"type must be one of {', '.join(EVENTS)}.", "type")
    for name, value in event.items():
        field = known.get(name) or _ALWAYS.get(name)
        if field is None:
            raise unknown(name[:SHOWN_CHARACTERS])
        if field.types:
            need(name, value, field.expected, *field.types)
    for name, field in known.items():
        if field.is_needed and name not in event:
            raise missing(name)
