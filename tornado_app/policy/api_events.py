"""Which events a client of the Realtime API may send, and which fields each of them has.

What a server makes of an event or a field that we do not know, nobody has judged: one that takes
``TYPE`` for ``type``, or knows more than we do, would be asked for what the client may not have.

https://platform.openai.com/docs/api-reference/realtime-client-events
"""

from collections.abc import Mapping
from typing import Any, Final

from tornado_app.policy.shapes import ANY, NEEDED, TEXT, TEXT_OR_NULL, Shape, check_shape
from tornado_app.protocol.realtime.api_errors import refusal

_EVENT: Final[Shape] = {"type": ANY, "event_id": ANY}
_OF_ITEM: Final[Shape] = {**_EVENT, "item_id": TEXT}

EVENTS: Final[Mapping[str, Shape]] = {
    "session.update": {**_EVENT, "session": NEEDED},
    "input_audio_buffer.append": {**_EVENT, "audio": TEXT},
    "input_audio_buffer.commit": _EVENT,
    "input_audio_buffer.clear": _EVENT,
    "conversation.item.create": {**_EVENT, "item": NEEDED, "previous_item_id": TEXT_OR_NULL},
    "conversation.item.retrieve": _OF_ITEM,
    "conversation.item.truncate": {**_OF_ITEM, "content_index": ANY, "audio_end_ms": ANY},
    "conversation.item.delete": _OF_ITEM,
    "response.create": {**_EVENT, "response": ANY},
    "response.cancel": {**_EVENT, "response_id": TEXT_OR_NULL},
    "output_audio_buffer.clear": _EVENT,
}


def check_event(kind: str, event: Mapping[str, Any]) -> None:
    """Whether it is an event that there is, with fields that it has.

    Raises:
        ApiRefusal: As the API would.
    """
    shape = EVENTS.get(kind)
    if shape is None:
        raise refusal("invalid_value", f"type must be one of {', '.join(EVENTS)}.", "type")
    check_shape("", event, shape)
