"""What was asked of the pool and is not answered yet, and replies that must not overtake it."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from msgspec import Struct

from tornado_app.admission.budget import ENTRY_BYTES
from tornado_app.errors import Ref


class Hand(Protocol):
    """Has the model told of a typed turn that came at *since*."""

    def __call__(self, item: Mapping[str, Any], since: float, *, is_answered: bool) -> None: ...


class TypedTurn(NamedTuple):
    """What a user has typed, or shown."""

    hand: Hand
    item: Mapping[str, Any]
    """As the model is told."""
    ref: Ref | None
    since: float
    """When it came."""
    size_bytes: int


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
    since: float
    """When the client said so."""
    typed: deque[TypedTurn] = field(default_factory=deque)
    """Those that came after it."""
    is_answered: bool = True
    size_bytes: int = ENTRY_BYTES
    """With what was typed."""


@dataclass(slots=True)
class PendingTurns:
    """What was typed behind a commit that the pool has answered, or behind a `configure`."""

    typed: deque[TypedTurn] = field(default_factory=deque)
    is_answered: bool = True
    size_bytes: int = ENTRY_BYTES
    """With what was typed."""
    ref: Ref | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class PendingClear:
    number: int
    ref: Ref | None
    size_bytes: int = ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class PendingReply:
    """The pool is not asked: what is to be said when all before it has been answered."""

    say: Callable[[], None]
    ref: Ref | None
    size_bytes: int = ENTRY_BYTES
    number: int = 0
    is_change: bool = False
    """It asks for another configuration, in front of what is typed behind it."""


@dataclass(slots=True)
class PendingHold:
    """What comes behind it waits until it is known in which format that is.  If in another, the
    pool answers with the tail of the one before.
    """

    number: int
    begin: Callable[[], None] | None
    """To be called when all before it has been answered; None: it was."""
    ref: Ref | None
    size_bytes: int


Pending = (
    PendingChunk
    | PendingFile
    | PendingTail
    | PendingCommit
    | PendingTurns
    | PendingClear
    | PendingHold
    | PendingReply
)
