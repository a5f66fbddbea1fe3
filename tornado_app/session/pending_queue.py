"""What is not answered yet, in its order, and what has its turn when all before it is."""

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tornado_app.admission.budget import ENTRY_BYTES, Budget
from tornado_app.errors import Ref
from tornado_app.session.actions import Actions
from tornado_app.session.events import Converted, Unusable
from tornado_app.session.kept import item_bytes
from tornado_app.session.pending import (
    Hand,
    Pending,
    PendingCommit,
    PendingHold,
    PendingReply,
    PendingTurns,
    TypedTurn,
)
from tornado_app.session.timers import Timers

TIMER = "due"
AT_ONCE = 32
AT_ONCE_BYTES = 262_144
"""How many replies and typed turns are made in one turn of the loop, and how much: those of a call
that had a file decoded for seconds may be thousands, or megabytes, and all others wait for them.
"""


class PendingQueue:
    """In the order in which the client asked; counted against the call's budget.  Thread: loop.

    What has nothing before it any more has its turn, so much in each turn of the loop; what the
    pool answers meanwhile is kept until it is the oldest.
    """

    __slots__ = (
        "_actions",
        "_answered",
        "_budget",
        "_entries",
        "_timers",
        "audio_ms",
        "is_due",
        "replies",
    )

    def __init__(self, actions: Actions, budget: Budget, timers: Timers) -> None:
        self._actions = actions
        self._budget = budget
        self._timers = timers
        self._entries: deque[Pending] = deque()
        self._answered: deque[Converted | Unusable] = deque()
        """By the pool, of what is behind that which is due."""
        self.audio_ms = 0.0
        """Of chunks; how long a file plays is known when it is decoded."""
        self.replies = 0
        """What is to be said, begun or handed on in its turn."""
        self.is_due = False
        """Some of it is the oldest, and waits for the next turn of the loop: what the pool answers
        is to be kept.
        """

    def append(self, pending: Pending) -> None:
        self._entries.append(pending)
        self._budget.take(pending.size_bytes)

    def take(self) -> Pending:
        """What the pool has answered: it does so in the order in which it was asked."""
        pending = self._entries.popleft()
        self._budget.give(pending.size_bytes)
        self._actions.ref = pending.ref
        return pending

    def keep(self, result: Converted | Unusable) -> None:
        """While something `is_due`: the pool's answer to what is behind it."""
        self._answered.append(result)

    def hand_on(self, commit: PendingCommit) -> None:
        """*commit* was taken: what was typed behind it has its turn before all else."""
        if commit.typed:
            turns = PendingTurns(commit.typed, commit.is_answered, commit.size_bytes)
            self._entries.appendleft(turns)
            self._budget.take(turns.size_bytes)
            self.replies += 1

    def in_turn(
        self,
        say: Callable[[], None],
        size_bytes: int = ENTRY_BYTES,
        *,
        is_change: bool = False,
    ) -> None:
        """Have *say* called behind the answers to all that came before: at once if there is none.

        It is called at once, too, if the call's budget has no room for it to wait;
        *size_bytes*: what that takes.
        """
        if not self._entries or not self._budget.has_room(size_bytes):
            say()
            return
        self.append(PendingReply(say, self._actions.ref, size_bytes, is_change=is_change))
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
        """Say, begin and hand on what has nothing before it any more; what is too much for one turn
        of the loop waits for the next.
        """
        left_bytes = AT_ONCE_BYTES
        while self._entries:
            entry = self._entries[0]
            if isinstance(entry, PendingHold) and entry.begin is not None:
                begin, entry.begin = entry.begin, None
                self.replies -= 1
                self._call(begin, entry.ref)
                continue
            if not isinstance(entry, PendingReply | PendingTurns):
                return
            if left_bytes <= 0:
                self._wait()
                return
            size_bytes = self._reply(entry)
            left_bytes -= max(size_bytes, AT_ONCE_BYTES // AT_ONCE)

    def go_on(self, ready: Callable[[Converted | Unusable], None]) -> None:
        """In the next turn: what is due, and then what the pool has answered, by *ready*."""
        self.is_due = False
        self.say_due()
        for _ in range(AT_ONCE):
            if self.is_due or not self._answered:
                return
            ready(self._answered.popleft())
        if self._answered and not self.is_due:
            self._wait()

    def forget(self) -> None:
        """The pool will answer nothing of it; replies are still made."""
        entries, self._entries = self._entries, deque()
        self._answered.clear()
        self.audio_ms = 0.0
        for entry in entries:
            if isinstance(entry, PendingReply):
                self._entries.append(entry)
                continue
            self._budget.give(entry.size_bytes)
            if isinstance(entry, PendingHold) and entry.begin is not None:
                self.replies -= 1
            if isinstance(entry, PendingTurns):
                self.replies -= 1
        if not self.is_due:
            self.say_due()

    def end(self) -> None:
        """The session ends: what is owed is said now."""
        self.forget()
        while self._entries:
            self._reply(self._entries[0])

    def count(self, *kinds: type[Pending]) -> int:
        return sum(isinstance(entry, kinds) for entry in self._entries)

    @property
    def holds_turns(self) -> bool:
        """Something waits that a typed turn comes behind."""
        return any(map(_holds_turns, self._entries))

    @property
    def holds_change(self) -> bool:
        """A change of what is in force has not had its turn."""
        return any(map(_is_change, self._entries))

    def withdraw(self) -> None:
        """Commits want no answer any more."""
        for entry in self._entries:
            if isinstance(entry, PendingCommit | PendingTurns):
                entry.is_answered = False

    def keep_typed(self, item: Mapping[str, Any], hand: Hand) -> bool:
        """Keep a typed turn behind the last that `holds_turns`, to be told by *hand*.  False: there
        is no room.
        """
        size_bytes = item_bytes(item)
        if not self._budget.has_room(size_bytes):
            return False
        typed = TypedTurn(hand, item, self._actions.ref, self._actions.now, size_bytes)
        behind = self._last_turns()
        behind.typed.append(typed)
        behind.size_bytes += size_bytes
        self._budget.take(size_bytes)
        return True

    def _last_turns(self) -> PendingCommit | PendingTurns:
        """To which the next typed turn belongs."""
        last = next(filter(_holds_turns, reversed(self._entries)), None)
        if isinstance(last, PendingCommit | PendingTurns) and last.is_answered:
            return last
        turns = PendingTurns()
        self.append(turns)
        self.replies += 1
        return turns

    def _reply(self, entry: Pending) -> int:
        """Say the oldest, or hand on the oldest of what was typed behind it; how much that was."""
        if isinstance(entry, PendingTurns):
            return self._hand_on(entry)
        self._entries.popleft()
        self._budget.give(entry.size_bytes)
        if isinstance(entry, PendingReply):
            self.replies -= 1
            self._call(entry.say, entry.ref)
        return entry.size_bytes

    def _hand_on(self, turns: PendingTurns) -> int:
        hand, item, ref, since, size_bytes = turns.typed.popleft()
        turns.size_bytes -= size_bytes
        self._budget.give(size_bytes)
        if not turns.typed:
            self._entries.popleft()
            self._budget.give(turns.size_bytes)
            self.replies -= 1
        self._call(partial(hand, item, since, is_answered=turns.is_answered), ref)
        return size_bytes

    def _wait(self) -> None:
        self.is_due = True
        self._timers.set(TIMER, self._actions.now)

    def _call(self, say: Callable[[], None], ref: Ref | None) -> None:
        before, self._actions.ref = self._actions.ref, ref
        say()
        self._actions.ref = before


def _is_change(entry: Pending) -> bool:
    if isinstance(entry, PendingHold):
        return entry.begin is not None
    return isinstance(entry, PendingReply) and entry.is_change


def _holds_turns(entry: Pending) -> bool:
    return _is_change(entry) or isinstance(entry, PendingCommit | PendingTurns)
