"""What stands in an event of a client, and the same event with something else in it."""

from typing import Any

import msgspec

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.protocol.asked import ClientEvent


def item_id_of(event: ClientEvent) -> str:
    """Which item it is about, by the field that the model goes by; empty, if it has named none."""
    name = event.fields.get("item_id")
    if event.kind == "conversation.item.create":
        item = event.fields.get("item")
        name = item.get("id") if isinstance(item, dict) else None
    return name if isinstance(name, str) else ""


def size_bytes(event: ClientEvent) -> int:
    """While it waits, both its text and its fields are there."""
    return ENTRY_BYTES + 2 * len(event.text)


def with_fields(event: ClientEvent, **changes: Any) -> ClientEvent:
    """The same, but for these fields."""
    fields = {**event.fields, **changes}
    return ClientEvent(event.kind, fields, msgspec.json.encode(fields).decode(), ref=event.ref)


def named_as(event: ClientEvent, text: str) -> ClientEvent:
    """The same as *text*, with other names in it."""
    if text == event.text:
        return event
    return ClientEvent(event.kind, msgspec.json.decode(text), text, ref=event.ref)


def ref_of(event: ClientEvent) -> str | None:
    """What the client calls it."""
    return event.ref if isinstance(event.ref, str) else None


def name_in(event: ClientEvent) -> str | None:
    """Which answer a client wants to end; None: the one that runs."""
    name = event.fields.get("response_id")
    return name if isinstance(name, str) else None
