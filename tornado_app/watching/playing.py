"""What of answers is being played, by time: they are sent faster than they are spoken."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from tornado_app.session.record import Away, Cut, Entry, Sent

PIECES_KEPT = 1024


class Piece(NamedTuple):
    """A part of an item, and when it is played, in milliseconds since the call was opened."""

    begins_ms: float
    ends_ms: float
    item_id: str
    offset_ms: float
    """Where in the item it begins."""


class Playing:
    """Thread: loop."""

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque(maxlen=PIECES_KEPT)
        self._until_ms = 0.0

    def note(self, entry: Entry) -> None:
        match entry:
            case Sent(at_ms, item_id, offset_ms, duration_ms):
                begins_ms = max(at_ms, self._until_ms)
                self._until_ms = begins_ms + duration_ms
                self._pieces.append(Piece(begins_ms, self._until_ms, item_id, offset_ms))
            case Cut(at_ms) | Away(at_ms):
                self._cut(at_ms)

    def forget(self, before_ms: float) -> None:
        while self._pieces and self._pieces[0].ends_ms <= before_ms:
            self._pieces.popleft()

    def at(self, at_ms: float) -> Piece | None:
        """The one that is played then."""
        return next(self.between(at_ms, at_ms), None)

    def between(self, from_ms: float, until_ms: float) -> Iterator[Piece]:
        """Those of which something is played in that time."""
        for piece in self._pieces:
            if piece.begins_ms <= until_ms and from_ms < piece.ends_ms:
                yield piece

    def _cut(self, at_ms: float) -> None:
        """What would be played from now on is not."""
        while self._pieces and self._pieces[-1].begins_ms >= at_ms:
            self._pieces.pop()
        if self._pieces:
            last = self._pieces.pop()
            self._pieces.append(last._replace(ends_ms=min(last.ends_ms, at_ms)))
        self._until_ms = min(self._until_ms, at_ms)
