"""The ledger of what was sent for playing and what was heard of it.

The client's own word (``playback``, ``heard_ms``) is the truth.  Where it says nothing, what was
heard is guessed from the time since it was sent; the guess never passes what was sent, because the
model refuses to cut an item behind its end
(https://platform.openai.com/docs/api-reference/realtime-client-events/conversation/item/truncate).
"""

from collections.abc import Iterator
from dataclasses import dataclass

PIECES_KEPT = 32
"""An answer is one item, seldom three, and each is one piece."""
HAIR_MS = 0.001
"""Sums of durations and differences of clock readings are a hair off the whole millisecond."""


@dataclass(slots=True)
class _Piece:
    """Audio of one item that came without audio of another between."""

    item_id: str
    sent_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Unheard:
    """An item of which something was not heard."""

    item_id: str
    heard_ms: int


class Playout:
    """The client's loudspeaker as we believe it to be.  Thread: loop.

    All that was sent lies on one tape.  The loudspeaker has one place on it, waits where the tape
    ends, and goes on when more comes.
    """

    __slots__ = ("_ended_at", "_is_away", "_pieces", "_place_ms", "_played_at", "_tape_ms")

    def __init__(self) -> None:
        self._pieces: list[_Piece] = []
        self._tape_ms = 0.0
        self._place_ms = 0.0
        """Below 0: it plays something that is not on the tape any more."""
        self._played_at = 0.0
        self._ended_at = 0.0
        """When it last came to the end of the tape, or something was heard of it."""
        self._is_away = False

    def away(self, now: float) -> None:
        """The client is gone for a while; what it has heard meanwhile it will say itself."""
        self._play(now)
        self._is_away = True

    def back(self, now: float) -> None:
        self._play(now)
        self._is_away = False

    def sent(self, item_id: str, duration_ms: float, now: float) -> None:
        """*duration_ms* more of *item_id* went to the client."""
        self._play(now)
        if not self._pieces or self._pieces[-1].item_id != item_id:
            self._pieces.append(_Piece(item_id))
            if len(self._pieces) > PIECES_KEPT:
                gone = self._pieces.pop(0)
                self._tape_ms -= gone.sent_ms
                self._place_ms -= gone.sent_ms
        self._pieces[-1].sent_ms += duration_ms
        self._tape_ms += duration_ms

    def told(self, item_id: str | None, played_ms: float, now: float) -> None:
        """The client says how much of *item_id* it has played; None is what plays now.

        Of what was sent behind that point nothing has been played.  But a report that the item was
        played to its end may be of some time ago, and takes nothing back.
        """
        self._play(now)
        item_id = item_id or self.playing(now)
        left_ms, place_ms = played_ms, None
        for starts_at_ms, piece in self._laid_out():
            if piece.item_id == item_id:
                place_ms = starts_at_ms + min(left_ms, piece.sent_ms)
                left_ms -= piece.sent_ms
                if left_ms < 0:
                    self._put(place_ms, now)
                    return
        if place_ms is not None:
            self._put(max(self._place_ms, place_ms), now)

    def playing(self, now: float) -> str | None:
        """The item that plays now; None: nothing does."""
        self._play(now)
        for starts_at_ms, piece in self._laid_out():
            if starts_at_ms + piece.sent_ms - self._place_ms >= HAIR_MS:
                return piece.item_id
        return None

    def unheard(self, now: float) -> list[Unheard]:
        """Items with something left to play, oldest first, with what was heard of each."""
        self._play(now)
        return [Unheard(item, int(heard)) for item, sent, heard in self._items() if heard < sent]

    def heard(self, item_id: str, now: float) -> int:
        """How much of *item_id* was heard; 0 for one that is not known."""
        self._play(now)
        return next((int(heard) for item, _, heard in self._items() if item == item_id), 0)

    def ends_at(self, now: float) -> float:
        """When all that was sent has been played, if no more comes; *now*, if it has been."""
        self._play(now)
        left_ms = self._tape_ms - self._place_ms
        return now + left_ms / 1000 if left_ms >= HAIR_MS else now

    def heard_until(self, now: float) -> float:
        """*now*, if something plays, else when the last of it ended; 0 if nothing has played."""
        self._play(now)
        return now if self._tape_ms - self._place_ms >= HAIR_MS else self._ended_at

    def rewind(self, now: float) -> None:
        """The client has flushed what it had not played: of that nothing is on the tape any more,
        and what comes next of an item comes behind what was heard of it, in whole milliseconds.
        """
        self._play(now)
        rest_ms, pieces = self._place_ms, []
        for piece in self._pieces:
            piece.sent_ms = min(piece.sent_ms, max(0.0, rest_ms))
            rest_ms -= piece.sent_ms
            if rest_ms <= HAIR_MS:
                piece.sent_ms = float(int(piece.sent_ms + HAIR_MS))
            if piece.sent_ms:
                pieces.append(piece)
        self._pieces = pieces
        self._tape_ms = self._place_ms = sum(piece.sent_ms for piece in pieces)
        self._ended_at = now

    def forget(self) -> None:
        """The client has been told to flush what it had queued."""
        if self._place_ms < self._tape_ms:
            self._ended_at = self._played_at
        self._pieces.clear()
        self._tape_ms = self._place_ms = 0.0

    def _play(self, now: float) -> None:
        """Let the loudspeaker play from when it was last looked at until *now*."""
        place_ms = self._place_ms
        if not self._is_away:
            place_ms += (now - self._played_at) * 1000
        if self._place_ms < self._tape_ms <= place_ms:
            self._ended_at = now - (place_ms - self._tape_ms) / 1000
        self._place_ms = min(place_ms, self._tape_ms)
        self._played_at = now

    def _put(self, place_ms: float, now: float) -> None:
        if place_ms > self._place_ms:
            self._ended_at = now
        self._place_ms = place_ms

    def _laid_out(self) -> Iterator[tuple[float, _Piece]]:
        """Where on the tape each piece begins."""
        starts_at_ms = 0.0
        for piece in self._pieces:
            yield starts_at_ms, piece
            starts_at_ms += piece.sent_ms

    def _items(self) -> list[tuple[str, float, float]]:
        """Each item with how much of it was sent and heard, in ms."""
        sums: dict[str, tuple[float, float]] = {}
        for starts_at_ms, piece in self._laid_out():
            sent_ms, heard_ms = sums.get(piece.item_id, (0.0, 0.0))
            heard_here_ms = min(max(self._place_ms - starts_at_ms, 0.0), piece.sent_ms)
            if piece.sent_ms - heard_here_ms < HAIR_MS:
                heard_here_ms = piece.sent_ms
            sums[piece.item_id] = sent_ms + piece.sent_ms, heard_ms + heard_here_ms
        return [
            (item, round(sent_ms, 3), round(heard_ms, 3))
            for item, (sent_ms, heard_ms) in sums.items()
        ]
