"""What waits in the downlink: values, in the order in which they are to go."""

from dataclasses import dataclass
from typing import TypeAlias

from tornado_app.admission.budget import ENTRY_BYTES, text_bytes
from tornado_app.protocol.told import ResponseDone, ServerMessage
from tornado_app.session.pieces import Sound
from tornado_app.session.transcripts import Key, Role, Transcripts

LIGHT_BYTES = 2048
"""A message up to this size goes at once; a larger one waits until there is room for it alone."""


@dataclass(slots=True)
class Words:
    """More of an item's text; what follows without audio between is joined."""

    key: Key
    deltas: list[str]


@dataclass(frozen=True, slots=True)
class Whole:
    """An item's text is complete; None: it is what was said of it."""

    key: Key
    text: str | None


@dataclass(frozen=True, slots=True)
class Due:
    """Words that were said late may be said now."""


@dataclass(frozen=True, slots=True)
class Over:
    """Of items of this side that are not complete nothing more will be said."""

    role: Role


@dataclass(frozen=True, slots=True)
class Counted:
    """The end of an answer with the model's count of what it cost, which may be of any size."""

    message: ResponseDone


@dataclass(frozen=True, slots=True)
class End:
    """An item's audio ends here: the resampler holds the last of it."""

    item_id: str
    response_id: str


@dataclass(frozen=True, slots=True)
class InPool:
    """The place of audio that is being converted."""

    item_id: str
    response_id: str
    size_bytes: int


Said: TypeAlias = ServerMessage | Words | Whole | Due | Over | Counted
"""What comes behind audio."""


def size_of(entry: Sound | End | InPool | Said) -> int:
    """What it takes while it waits."""
    match entry:
        case Sound():
            return ENTRY_BYTES + len(entry.pcm) + len(entry.text)
        case InPool(size_bytes=size_bytes):
            return ENTRY_BYTES + size_bytes
        case Words(deltas=deltas):
            return ENTRY_BYTES + sum(map(text_bytes, deltas))
        case Whole(text=str(text)):
            return ENTRY_BYTES + text_bytes(text)
        case _:
            return ENTRY_BYTES


def is_light(entry: Sound | End | Said, transcripts: Transcripts) -> bool:
    """Whether it need not wait until there is room for it alone."""
    match entry:
        case Counted():
            return False
        case ResponseDone():
            return transcripts.late_bytes <= LIGHT_BYTES
        case Whole(key, None):
            return transcripts.kept_bytes_of(key[0]) <= LIGHT_BYTES
        case Over(role):
            return transcripts.kept_bytes_of(role) <= LIGHT_BYTES
        case Whole(_, str(text)):
            return len(text) <= LIGHT_BYTES
        case _:
            return True
