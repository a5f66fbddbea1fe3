"""The ledger of what was sent for playing and what was heard of it.

The client's own word (``playback``, ``heard_ms``) is the truth.  Where it says nothing, what was
heard is guessed from the time since it was sent; the guess never passes what was sent, because the
model refuses to cut an item behind its end
(https://platform.openai.com/docs/api-reference/realtime-client-events/conversation/item/truncate).
"""

from collections import deque
from dataclasses import dataclass

ITEMS_KEPT = 16


@dataclass(slots=True)
class _Item:
    item_id: str
    starts_at: float
    sent_ms: float = 0.0
    told_ms: float | None = None
    told_at: float = 0.0

    def heard_ms(self, now: float) -> float:
        if self.told_ms is None:
            heard_ms = (now - self.starts_at) * 1000
        else:
            heard_ms = self.told_ms + (now - self.told_at) * 1000
        # Rounded: the difference of two clock readings is a hair off the whole millisecond.
        return min(max(round(heard_ms, 3), 0.0), self.sent_ms)

    def ends_at(self, now: float) -> float:
        return now + (self.sent_ms - self.heard_ms(now)) / 1000


@dataclass(frozen=True, slots=True)
class Unheard:
    """An item of which something was not heard."""

    item_id: str
    heard_ms: int


class Playout:
    """What the client has been given to play, item by item.  Thread: loop."""

    def __init__(self) -> None:
        self._items: deque[_Item] = deque(maxlen=ITEMS_KEPT)

    def sent(self, item_id: str, duration_ms: float, now: float) -> None:
        """*duration_ms* more of *item_id* went to the client; items play one after another."""
        last = self._items[-1] if self._items else None
        if last is None or last.item_id != item_id:
            starts_at = max(now, last.ends_at(now)) if last else now
            last = _Item(item_id, starts_at)
            self._items.append(last)
        elif last.heard_ms(now) >= last.sent_ms:
            # The loudspeaker had run dry; it goes on from here.
            last.starts_at = now - last.sent_ms / 1000
            if last.told_ms is not None:
                last.told_ms, last.told_at = last.sent_ms, now
        last.sent_ms += duration_ms

    def told(self, item_id: str | None, played_ms: float, now: float) -> None:
        """The client says how much of *item_id* it has played; None is what plays now."""
        if item_id is None:
            item_id = next((entry.item_id for entry in self.unheard(now)), None)
        for item in self._items:
            if item.item_id == item_id:
                item.told_ms, item.told_at = played_ms, now

    def unheard(self, now: float) -> list[Unheard]:
        """Items with something left to play, oldest first, with what was heard of each."""
        return [
            Unheard(item.item_id, int(heard_ms))
            for item in self._items
            if (heard_ms := item.heard_ms(now)) < item.sent_ms
        ]

    def heard(self, item_id: str, now: float) -> int:
        """How much of *item_id* was heard; 0 for one that is not known."""
        for item in self._items:
            if item.item_id == item_id:
                return int(item.heard_ms(now))
        return 0

    def forget(self) -> None:
        """The client has been told to flush what it had queued."""
        self._items.clear()
