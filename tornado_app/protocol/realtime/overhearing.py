"""What is relayed of a model: the event as it came, beside what the gateway must know of it."""

from contextlib import suppress
from typing import TypeAlias

import msgspec
from msgspec import Struct

from tornado_app.protocol.realtime.events import (
    AudioDelta,
    Malformed,
    PlainEvent,
    Unknown,
    parse_plain,
    whole_text,
)
from tornado_app.protocol.realtime.items import Item
from tornado_app.protocol.realtime.mending import known_numbers, mend


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
    """As the model has written it, but for numbers that JSON has not."""


_place_decoder = msgspec.json.Decoder(Place)


def overhear(text: str | bytes) -> Overheard:
    """Parse one frame from the model.  Total: any input gives a value, nothing is raised.

    Audio is not taken out of its base64.
    """
    said = parse_plain(text)
    written = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if isinstance(said, Unknown):
        return Overheard(_place(text, said.type), written)
    if isinstance(said, Malformed) and (known := known_numbers(text)):
        return overhear(known)  # which its client can read as well
    return Overheard(said, written)


def _place(text: str | bytes, kind: str) -> Place:
    """Where it belongs, however it is written: what is hidden from a client goes by that."""
    try:
        return _place_decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        with suppress(msgspec.MsgspecError, UnicodeError):
            return mend(Place, whole_text(text) or text)
    return Place(kind)
