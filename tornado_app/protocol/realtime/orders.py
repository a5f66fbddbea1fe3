"""What we ask of the model: the GPT Realtime API's client events (GA dialect).

https://platform.openai.com/docs/api-reference/realtime-client-events
"""

from typing import Any, TypeAlias

from msgspec import Struct

from tornado_app.protocol.realtime.given import NOTHING, Given, given_in


class Order(Struct, frozen=True, omit_defaults=True, tag_field="type"):
    """A client event: something we ask of the model.  ``event_id`` returns in its errors."""


class UpdateSession(Order, tag="session.update", frozen=True):
    session: dict[str, Any]
    event_id: str | None = None


class Append(Order, tag="input_audio_buffer.append", frozen=True):
    """``audio`` is ASCII base64 of 24 kHz mono s16le."""

    audio: bytes
    duration_ms: float = 0.0
    event_id: str = ""


class Commit(Order, tag="input_audio_buffer.commit", frozen=True):
    event_id: str | None = None


class Clear(Order, tag="input_audio_buffer.clear", frozen=True):
    event_id: str | None = None


class CreateItem(Order, tag="conversation.item.create", frozen=True):
    item: dict[str, Any]
    event_id: str | None = None
    previous_item_id: str | None = None
    """Where it stands; None: behind all others."""


class DeleteItem(Order, tag="conversation.item.delete", frozen=True):
    item_id: str
    event_id: str | None = None


class CreateResponse(Order, tag="response.create", frozen=True):
    event_id: str | None = None
    response: dict[str, Any] | None = None
    """What holds for this answer alone."""


class CancelResponse(Order, tag="response.cancel", frozen=True):
    response_id: str | None = None
    event_id: str | None = None


class Truncate(Order, tag="conversation.item.truncate", frozen=True):
    item_id: str
    audio_end_ms: int
    content_index: int
    event_id: str | None = None


class Relayed(Struct, frozen=True):
    """An order of a client that asks the model itself, as it has written it."""

    text: bytes
    event_id: str = ""
    given: Given = NOTHING


AnyOrder: TypeAlias = (
    Relayed
    | UpdateSession
    | Append
    | Commit
    | Clear
    | CreateItem
    | DeleteItem
    | CreateResponse
    | CancelResponse
    | Truncate
)


def given_by(order: AnyOrder) -> Given:
    """What the model is given with it."""
    match order:
        case Relayed(given=given):
            return given
        case CreateItem(item=said) | UpdateSession(session=said) | CreateResponse(response=said):
            return given_in(said)
        case _:
            return NOTHING
