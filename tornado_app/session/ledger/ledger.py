"""One record of a conversation, kept from what both sides say, in the model's order.

An entry is made by the first word of an item, whichever event that is in: any of them may be lost
or come late.  Where it stands is said by ``previous_item_id``, where it is said at all.

It is bounded in entries and bytes.  The oldest turns go first, each whole.  What stands for those
that went before goes last.
"""

from collections.abc import Collection
from typing import TypeVar

from msgspec.structs import replace

from tornado_app.admission.budget import text_bytes
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.protocol.realtime.model_session import ModelSession, Turn
from tornado_app.session.ledger.entries import (
    AnyEntry,
    ModelSaid,
    Noted,
    Record,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)
from tornado_app.session.ledger.heard import LETTERS_PER_S
from tornado_app.session.ledger.in_order import EntriesInOrder
from tornado_app.session.ledger.saying import TEXT_LETTERS, Saying

SUMMARY_ID = "parley_summary"
UNRECKONED_PART = 16
"""A sixteenth of what may be kept may come before it is reckoned how much there is: to look at each
of a thousand entries takes half a millisecond.
"""
PACE_LETTERS = 200
"""So much has to have been said before the pace of this voice is known."""

E = TypeVar("E", bound=AnyEntry)


class Ledger:
    """At most *entries*, 0: none are kept; and at most *size_bytes*.  Thread: loop."""

    __slots__ = (
        "_entries",
        "_grown_bytes",
        "_kept_bytes",
        "_most_bytes",
        "_most_entries",
        "_said_letters",
        "_said_ms",
        "_sayings",
        "_summaries",
        "left_out",
    )

    def __init__(self, entries: int, size_bytes: int) -> None:
        self._most_entries = entries
        self._most_bytes = size_bytes
        self._entries = EntriesInOrder()
        self._sayings: dict[str, Saying] = {}
        """Of what the model has said, all of it, heard or not."""
        self._kept_bytes = 0
        self._grown_bytes = 0
        """Since that was reckoned."""
        self._said_letters = 0
        self._said_ms = 0.0
        self._summaries = 0
        self.left_out = 0

    @property
    def is_kept(self) -> bool:
        """Whether there is one at all."""
        return self._most_entries > 0

    @property
    def kept_bytes(self) -> int:
        """As of the last `trim`, with what came whole since."""
        return self._kept_bytes

    @property
    def entries(self) -> tuple[AnyEntry, ...]:
        """As they are now, in order; later changes do not change them."""
        return tuple(map(self._as_heard, self._entries))

    def used_part(self, most_bytes: int) -> float:
        """How full it is, if it may have no more than *most_bytes*: 1 is as much as it may have."""
        most_bytes = max(1, min(self._most_bytes, most_bytes))
        return max(self._kept_bytes / most_bytes, len(self._entries) / max(1, self._most_entries))

    def record(self, configuration: ModelSession) -> Record:
        return Record(self.entries, configuration, self.left_out)

    def find(self, name: str) -> AnyEntry | None:
        """The entry as it is now."""
        entry = self._entries.find(name)
        return None if entry is None else self._as_heard(entry)

    def before(self, name: str) -> str | None:
        """What stands before an entry; None: nothing does."""
        return self._entries.before(name)

    @property
    def last(self) -> AnyEntry | None:
        """What was said last, if anything was."""
        entry = self._entries.last
        return None if entry is None else self._as_heard(entry)

    @staticmethod
    def of(turns: tuple[Turn, ...], names: list[str]) -> list[AnyEntry]:
        """Turns of the past as entries."""
        return [
            UserSaid(name, turn.text) if turn.role == "user" else ModelSaid(name, turn.text)
            for name, turn in zip(names, turns, strict=True)
        ]

    def begin(self, turns: tuple[Turn, ...], names: list[str]) -> None:
        """What the conversation begins with."""
        for at, entry in enumerate(self.of(turns, names)):
            if self._put(entry, at) and isinstance(entry, ModelSaid):
                self._sayings[entry.id] = Saying.whole(entry.text)

    def typed(self, name: str, text: str, *, has_picture: bool = False) -> None:
        """The user has typed a turn."""
        self._put(UserSaid(name, text[:TEXT_LETTERS], has_picture=has_picture))

    def spoke(self, name: str, *, is_committed: bool) -> None:
        """The user has said a turn, or is about to."""
        entry = self._entry(name, _about_to_speak(name))
        if entry is not None and is_committed:
            entry.is_committed = True

    def heard_user(self, name: str, delta: str) -> None:
        """More of a transcript."""
        entry = self._entry(name, _about_to_speak(name))
        if entry is not None and not entry.is_written:
            entry.text = (entry.text + delta)[:TEXT_LETTERS]

    def heard_user_whole(self, name: str, text: str | None) -> None:
        """A transcript is complete; None: there is no more of it than there is."""
        entry = self._entry(name, _about_to_speak(name))
        if entry is not None:
            entry.text = entry.text if text is None else text[:TEXT_LETTERS]
            entry.is_written = bool(entry.text)
            self._grow(text_bytes(entry.text))

    def said(self, name: str, delta: str, *, is_spoken: bool = True) -> None:
        """More of an answer's text."""
        if saying := self._saying(name):
            saying.is_spoken = is_spoken
            saying.add(delta)

    def said_whole(self, name: str, text: str | None) -> None:
        """An answer's text is complete; None: it is what there is of it."""
        if saying := self._saying(name):
            saying.end(text)
            self._grow(saying.size_bytes)

    def sounded(self, name: str, duration_ms: float) -> None:
        """More of an answer's audio."""
        saying = self._sayings.get(name) or self._saying(name)
        if saying is not None:
            saying.audio_ms += duration_ms

    def completed(self, name: str) -> None:
        """An item of the model's is over, as it was meant to be."""
        saying = self._sayings.get(name)
        if saying is not None and not saying.is_complete:
            saying.is_complete = True
            if saying.audio_ms:
                self._said_letters += saying.letters
                self._said_ms += saying.audio_ms

    def called(self, item: OutputItem, name: str) -> None:
        """The model has called a tool."""
        self._put(ToolCalled(name, item.call_id, item.name, item.arguments))

    def answered(self, name: str, call_id: str, output: str) -> None:
        """A tool has answered; if the call was left out, so is this."""
        if self._entries.has_call(call_id):
            self._put(ToolAnswered(name, call_id, output))

    def noted(self, name: str, text: str) -> None:
        """A note that neither side has said."""
        self._put(Noted(name, text[:TEXT_LETTERS]))

    def cut(self, name: str, heard_ms: float) -> None:
        """Of an answer only so much was heard."""
        if saying := self._sayings.get(name):
            saying.heard_ms = heard_ms

    def heard_before(self, name: str, duration_ms: float) -> int | None:
        """How much of an answer was heard before its last *duration_ms*, which are for nobody.

        None: that is known, as it was cut before, or the answer is not.
        """
        saying = self._sayings.get(name)
        if saying is None or saying.heard_ms is not None:
            return None
        return max(0, int(saying.audio_ms - duration_ms))

    def place(self, name: str, after: str | None) -> None:
        """Where an item stands at the model; if that is not known, it stays."""
        self._entries.place(name, after)

    def place_first(self, name: str) -> None:
        """An item stands in front of all at the model, and here behind what sums up older ones."""
        self._entries.place_first(name)

    def rename(self, old: str, new: str) -> None:
        """The model calls an item so; if it has said so before, there is one entry too many."""
        if self._entries.rename(old, new):
            self._sayings.pop(new, None)
            if old in self._sayings:
                self._sayings[new] = self._sayings.pop(old)

    def remove(self, name: str) -> None:
        """There is no such item."""
        if name in self._entries:
            self._entries.remove(name)
            self._sayings.pop(name, None)

    def sum_up(self, names: Collection[str], text: str) -> None:
        """*text* stands for these, which are the oldest."""
        gone = {name for name in names if name in self._entries}
        self.left_out += sum(not isinstance(self._entries.find(name), Summed) for name in gone)
        self._entries.remove_all(gone)
        for name in gone:
            self._sayings.pop(name, None)
        self._summaries += 1
        self._put(Summed(f"{SUMMARY_ID}_{self._summaries}", text), 0)
        self.trim()

    def break_off(self, commits: Collection[str] = ()) -> None:
        """The model is gone: what was under way stays as it is, and what is nothing goes.

        *commits*: turns that are spoken again.
        """
        letters_per_s = self._letters_per_s
        for saying in self._sayings.values():
            saying.break_off(letters_per_s)
        for entry in self.entries:
            is_nothing = isinstance(entry, ModelSaid) and not entry.text
            is_no_turn = isinstance(entry, UserSaid) and not entry.is_committed
            if is_nothing or (is_no_turn and entry.id not in commits):
                self.remove(entry.id)

    def trim(self, most_bytes: int | None = None) -> None:
        """Leave out what is too much, and what is more than *most_bytes*."""
        most_bytes = min(self._most_bytes, self._most_bytes if most_bytes is None else most_bytes)
        sizes = {entry.id: self._size_bytes(entry) for entry in self._entries}
        kept_bytes = sum(sizes.values())
        while self._entries and (len(sizes) > self._most_entries or kept_bytes > most_bytes):
            for entry in self._entries.oldest_turn():
                kept_bytes -= sizes.pop(entry.id)
                self.remove(entry.id)
                self.left_out += 1
        self._kept_bytes, self._grown_bytes = kept_bytes, 0

    def _size_bytes(self, entry: AnyEntry) -> int:
        saying = self._sayings.get(entry.id)
        return entry.size_bytes + (saying.size_bytes if saying else 0)

    def _entry(self, name: str, new: E) -> E | None:
        """The entry of this name, made now if it is not there; None if it is one of another kind,
        or none is kept.
        """
        entry = self._entries.find(name)
        if entry is None:
            return new if self._put(new) else None
        return entry if isinstance(entry, type(new)) else None

    def _saying(self, name: str) -> Saying | None:
        saying = self._sayings.get(name)
        if saying is None and self._entry(name, ModelSaid(name)) is not None:
            saying = self._sayings[name] = Saying()
        return saying

    def _put(self, entry: AnyEntry, at: int | None = None) -> bool:
        if not self.is_kept or entry.id in self._entries:
            return False
        self._entries.put(entry, at)
        self._grow(entry.size_bytes)
        return entry.id in self._entries

    def _grow(self, size_bytes: int) -> None:
        """So much more is kept, at most: what it is in truth is reckoned when it seems too much."""
        self._kept_bytes += size_bytes
        self._grown_bytes += size_bytes
        if self._kept_bytes > self._most_bytes:
            if self._grown_bytes * UNRECKONED_PART > self._most_bytes:
                self.trim()
            while self._entries and self._kept_bytes > self._most_bytes:
                self._leave_out_oldest()
        while len(self._entries) > self._most_entries:
            self._leave_out_oldest()

    def _leave_out_oldest(self) -> None:
        for entry in self._entries.oldest_turn():
            self._kept_bytes -= self._size_bytes(entry)
            self.remove(entry.id)
            self.left_out += 1

    def _as_heard(self, entry: AnyEntry) -> AnyEntry:
        saying = self._sayings.get(entry.id)
        if saying is None or not isinstance(entry, ModelSaid):
            return replace(entry)
        return ModelSaid(
            entry.id,
            saying.heard_text(self._letters_per_s),
            round(saying.audio_ms, 3),
            saying.heard_ms,
            saying.is_complete,
        )

    @property
    def _letters_per_s(self) -> float:
        """The pace of this call's voice, as far as it is known."""
        if self._said_letters < PACE_LETTERS:
            return LETTERS_PER_S
        return self._said_letters * 1000 / self._said_ms


def _about_to_speak(name: str) -> UserSaid:
    return UserSaid(name, is_spoken=True, is_written=False, is_committed=False)
