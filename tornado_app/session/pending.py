"""What was asked of the pool and is not answered yet, and replies that must not overtake it."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec import Struct

from tornado_app.admission.budget import ENTRY_BYTES, Budget
from tornado_app.errors import Ref
from tornado_app.session.actions import Actions
from tornado_app.session.kept import item_bytes


class TypedTurn(NamedTuple):
    """What a user has typed, or shown."""

    item: Mapping[str, Any]
    """As the model is told."""
    ref: Ref | None
    since: float
    """When it came."""


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
    typed: list[TypedTurn] = field(default_factory=list)
    """Those that came after it."""
    is_answered: bool = True
    size_bytes: int = ENTRY_BYTES
    """With what was typed."""


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


Pending = PendingChunk | PendingFile | PendingTail | PendingCommit | PendingClear | PendingHold


class PendingQueue:
    """In the order in which the client asked; counted against the call's budget.  Thread: loop."""

    __slots__ = ("_actions", "_budget", "_entries", "audio_ms", "replies")

    def __init__(self, actions: Actions, budget: Budget) -> None:
        self._actions = actions
        self._budget = budget
        self._entries: deque[Pending | PendingReply] = deque()
        self.audio_ms = 0.0
        """Of chunks; how long a file plays is known when it is decoded."""
        self.replies = 0
        """What is to be said or begun in its turn."""

    def append(self, pending: Pending) -> None:
        self._entries.append(pending)
        self._budget.take(pending.size_bytes)

    def take(self) -> Pending:
        """What the pool has answered: it does so in the order in which it was asked."""
        pending = self._entries.popleft()
        assert not isinstance(pending, PendingReply)  # noqa: S101  `say_due` leaves none in front
        self._budget.give(pending.size_bytes)
        self._actions.ref = pending.ref
        return pending

    def in_turn(self, say: Callable[[], None], size_bytes: int = ENTRY_BYTES) -> None:
        """Have *say* called behind the answers to all that came before: at once if there is none.

        It is called at once, too, if the call's budget has no room for it to wait;
        *size_bytes*: what that takes.
        """
        if not self._entries or not self._budget.has_room(size_bytes):
            say()
            return
        self._entries.append(PendingReply(say, self._actions.ref, size_bytes))
        self._budget.take(size_bytes)
        self.replies += 1

    def hold(self, begin: Callable[[], None], number: int, size_bytes: int) -> None:
        """Have *begin* called behind the answers to all that came before, and keep all that comes
        behind it until it is taken, or until `release`.
        """
        self.append(PendingHold(number, begin, self._actions.ref, size_bytes))
        self.replies += 1
        if len(self._entries) == 1:
            self.say_due()

    def release(self) -> None:
        """The oldest, which is held, is over; whoever is acted upon keeps its name."""
        before = self._actions.ref
        self.take()
        self._actions.ref = before
        self.say_due()

    def say_due(self) -> None:
        """Say, and begin, what has nothing before it any more."""
        while self._entries:
            entry = self._entries[0]
            if isinstance(entry, PendingReply):
                self._entries.popleft()
                self._say(entry)
            elif isinstance(entry, PendingHold) and entry.begin is not None:
                begin, entry.begin = entry.begin, None
                self.replies -= 1
                self._call(begin, entry.ref)
            else:
                return

    def forget(self) -> None:
        """The pool will answer nothing of it; replies are still made."""
        entries, self._entries = self._entries, deque()
        self.audio_ms = 0.0
        for entry in entries:
            if isinstance(entry, PendingReply):
                self._say(entry)
                continue
            self._budget.give(entry.size_bytes)
            if isinstance(entry, PendingHold) and entry.begin is not None:
                self.replies -= 1

    def count(self, *kinds: type[Pending]) -> int:
        return sum(isinstance(entry, kinds) for entry in self._entries)

    def last_commit(self) -> PendingCommit | None:
        entries = reversed(self._entries)
        return next((entry for entry in entries if isinstance(entry, PendingCommit)), None)

    def withdraw(self) -> None:
        """Commits want no answer any more."""
        for entry in self._entries:
            if isinstance(entry, PendingCommit):
                entry.is_answered = False

    def keep_typed(self, commit: PendingCommit, item: Mapping[str, Any]) -> bool:
        """Keep a typed turn behind *commit*.  False: there is no room."""
        size_bytes = item_bytes(item)
        if not self._budget.has_room(size_bytes):
            return False
        commit.typed.append(TypedTurn(item, self._actions.ref, self._actions.now))
        commit.size_bytes += size_bytes
        self._budget.take(size_bytes)
        return True

    def _say(self, reply: PendingReply) -> None:
        self.replies -= 1
        self._budget.give(reply.size_bytes)
        self._call(reply.say, reply.ref)

    def _call(self, say: Callable[[], None], ref: Ref | None) -> None:
        before, self._actions.ref = self._actions.ref, ref
        say()
        self._actions.ref = before
