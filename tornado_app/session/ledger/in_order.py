"""The entries of a ledger where the model has them: which stands behind which, and what is a turn.

A turn is what the user said, with all that followed it, and a call is never without its output.
"""

from collections.abc import Collection, Iterator

from tornado_app.session.ledger.entries import (
    AnyEntry,
    Summed,
    ToolAnswered,
    ToolCalled,
    UserSaid,
)


class EntriesInOrder:
    """Thread: loop."""

    __slots__ = ("_entries", "_names")

    def __init__(self) -> None:
        self._names: list[str] = []
        self._entries: dict[str, AnyEntry] = {}

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[AnyEntry]:
        return map(self._entries.__getitem__, self._names)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def find(self, name: str) -> AnyEntry | None:
        return self._entries.get(name)

    @property
    def last(self) -> AnyEntry | None:
        return self._entries[self._names[-1]] if self._names else None

    def before(self, name: str) -> str | None:
        """What stands before an entry; None: nothing does."""
        at = self._names.index(name) if name in self._entries else 0
        return self._names[at - 1] if at else None

    def has_call(self, call_id: str) -> bool:
        entries = self._entries.values()
        return any(isinstance(each, ToolCalled) and each.call_id == call_id for each in entries)

    def put(self, entry: AnyEntry, at: int | None = None) -> None:
        """One that is not there yet; None: behind all."""
        self._entries[entry.id] = entry
        self._names.insert(len(self._names) if at is None else at, entry.id)

    def remove(self, name: str) -> None:
        """One that is there."""
        del self._entries[name]
        self._names.remove(name)

    def remove_all(self, names: Collection[str]) -> None:
        """Those that are there."""
        for name in names:
            del self._entries[name]
        self._names = [name for name in self._names if name not in names]

    def place(self, name: str, after: str | None) -> None:
        """Where an item stands at the model; if that is not known, it stays."""
        if name not in self._entries or after not in self._entries or after == name:
            return
        at = self._names.index(after)
        if at + 1 < len(self._names) and self._names[at + 1] == name:
            return
        self._names.remove(name)
        self._names.insert(self._names.index(after) + 1, name)

    def place_first(self, name: str) -> None:
        """An item stands in front of all at the model, and here behind what sums up older ones."""
        if name in self._entries:
            self._names.remove(name)
            self._names.insert(1 if self._has_summary else 0, name)

    def rename(self, old: str, new: str) -> bool:
        """The model calls an item so; if it has said so before, there is one entry too many.

        True: it is called so from now on.
        """
        if old not in self._entries or old == new:
            return False
        entry = self._entries[old]
        if new in self._entries:
            entry = self._entries[new]
            self.remove(new)
        entry.id = new
        self._entries[new] = entry
        del self._entries[old]
        self._names[self._names.index(old)] = new
        return True

    def oldest_turn(self) -> list[AnyEntry]:
        """Up to where the user speaks next, with the outputs of what was called there; of a turn
        that is all there is, its oldest entry.
        """
        names = self._names[1:] if self._has_summary and len(self._names) > 1 else self._names
        turn = [self._entries[names[0]]]
        for name in names[1:]:
            entry = self._entries[name]
            if isinstance(entry, UserSaid):
                break
            turn.append(entry)
        if len(turn) == len(names):
            turn = turn[:1]
        calls = {entry.call_id for entry in turn if isinstance(entry, ToolCalled)}
        if not calls:
            return turn
        taken = {entry.id for entry in turn}
        return turn + [
            entry
            for entry in self
            if isinstance(entry, ToolAnswered) and entry.call_id in calls and entry.id not in taken
        ]

    @property
    def _has_summary(self) -> bool:
        return bool(self._names) and isinstance(self._entries[self._names[0]], Summed)
