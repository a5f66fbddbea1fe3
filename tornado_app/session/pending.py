"""What was asked of the pool and is not answered yet."""

from dataclasses import dataclass, field
from typing import NamedTuple

from msgspec import Struct

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.errors import Ref


class TypedTurn(NamedTuple):
    text: str
    ref: Ref | None


class PendingChunk(Struct, frozen=True):
    number: int
    """Which audio of the client it is, counted from 1; of what is none, the last before it."""
    ref: Ref | None
    """What the client calls it."""
    size_bytes: int
    """Counted against the call's budget."""
    duration_ms: float


@dataclass(frozen=True, slots=True)
class PendingFile:
    number: int
    ref: Ref | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class PendingTail:
    """What the stream still held when a file interrupted it."""

    number: int
    ref: Ref | None = None
    size_bytes: int = ENTRY_BYTES


@dataclass(slots=True)
class PendingCommit:
    number: int
    ref: Ref | None
    texts: list[TypedTurn] = field(default_factory=list)
    """Those that came after it."""
    is_answered: bool = True
    size_bytes: int = ENTRY_BYTES
    """With the texts."""


@dataclass(frozen=True, slots=True)
class PendingClear:
    number: int
    ref: Ref | None
    size_bytes: int = ENTRY_BYTES


Pending = PendingChunk | PendingFile | PendingTail | PendingCommit | PendingClear
