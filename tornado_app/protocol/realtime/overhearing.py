"""What is relayed of a model: the event as it came, beside what the gateway must know of it."""

from typing import TypeAlias

import msgspec
from msgspec import Struct

from tornado_app.protocol.realtime.events import (
    AudioDelta,
    Malformed,
    PlainEvent,
    Unknown,
    parse_plain,
)
from tornado_app.protocol.realtime.items import Item


class Place(Struct, frozen=True):
    """Of an event that we do not act on: what kind it is, and of which answer and item."""

    type: str = ""
    response_id: str = ""
    item_id: str = ""
    item: Item = Item()
    audio_end_ms: float = 0.0


RelayedEvent: TypeAlias = PlainEvent | AudioDelta | Place | Malformed


class Overheard(Struct, frozen=True):
    said: RelayedEvent
    text: str
    """As the model has written it."""


_place_decoder = msgspec.json.Decoder(Place)


def overhear(text: str | bytes) -> Overheard:
    """Parse one frame from the model.  Total: any input gives a value, nothing is raised.

    Audio is not taken out of its base64.
    """
    said = parse_plain(text)
    written = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if not isinstance(said, Unknown):
        return Overheard(said, written)
    try:
        return Overheard(_place_decoder.decode(text), written)
    except (msgspec.MsgspecError, UnicodeError):
        return Overheard(Place(said.type), written)
