"""Orders that are kept until the model can take them, in their order."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from tornado_app.admission.budget import ENTRY_BYTES, Budget, text_bytes
from tornado_app.protocol.realtime.orders import (
    AnyOrder,
    Append,
    Commit,
    CreateItem,
    UpdateSession,
)

UPSTREAM_BYTES_PER_MS = 64.0
"""24 kHz s16le is 48 bytes a millisecond, and base64 makes four of three."""
ORDERS_HELD = 256
"""How many orders that are no audio may wait for the model."""


class KeptOrders:
    """Counted against the call's budget; audio is bounded by the uplink.  Thread: loop."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._orders: deque[AnyOrder] = deque()
        self._others = 0
        self.audio_ms = 0.0

    def __bool__(self) -> bool:
        return bool(self._orders)

    def keep(self, order: AnyOrder) -> bool:
        """False: too much is kept already, and *order* is not."""
        size_bytes = _size_bytes(order)
        if isinstance(order, Append):
            self.audio_ms += order.duration_ms
        elif self._others >= ORDERS_HELD or not self._budget.has_room(size_bytes):
            return False
        else:
            self._others += 1
        self._orders.append(order)
        self._budget.take(size_bytes)
        return True

    def take(self, most_bytes: int) -> Iterator[AnyOrder]:
        """The oldest, until they are *most_bytes* or more in all."""
        taken_ms, taken_bytes = 0.0, 0
        while self._orders and taken_bytes < most_bytes:
            order = self._orders.popleft()
            size_bytes = _size_bytes(order)
            self._budget.give(size_bytes)
            if isinstance(order, Append):
                taken_ms += order.duration_ms
                taken_bytes += int(order.duration_ms * UPSTREAM_BYTES_PER_MS)
            else:
                self._others -= 1
                taken_bytes += size_bytes
            yield order
        self.audio_ms = max(0.0, self.audio_ms - taken_ms) if self._orders else 0.0

    def forget(self) -> None:
        self._budget.give(sum(map(_size_bytes, self._orders)))
        self._orders.clear()
        self._others, self.audio_ms = 0, 0.0

    def forget_audio(self) -> None:
        """Drop audio that no commit here follows: the client has cleared it."""
        commits = (i for i, order in enumerate(self._orders, 1) if isinstance(order, Commit))
        committed = max(commits, default=0)
        kept = deque[AnyOrder]()
        for number, order in enumerate(self._orders):
            if number < committed or not isinstance(order, Append):
                kept.append(order)
            else:
                self._budget.give(_size_bytes(order))
        self._orders = kept
        self.audio_ms = sum(order.duration_ms for order in kept if isinstance(order, Append))

    def drop_oldest_audio(self, at_least_ms: float) -> tuple[float, float]:
        """Drop audio, oldest first; return how much, and how much of it no commit follows."""
        commits = sum(isinstance(order, Commit) for order in self._orders)
        dropped_ms = uncommitted_ms = 0.0
        passed: list[AnyOrder] = []
        while self._orders and dropped_ms < at_least_ms:
            order = self._orders.popleft()
            if isinstance(order, Append):
                self._budget.give(_size_bytes(order))
                dropped_ms += order.duration_ms
                uncommitted_ms += 0.0 if commits else order.duration_ms
            else:
                commits -= isinstance(order, Commit)
                passed.append(order)
        self._orders.extendleft(reversed(passed))
        self.audio_ms = max(0.0, self.audio_ms - dropped_ms)
        return dropped_ms, uncommitted_ms


def item_bytes(item: Mapping[str, Any]) -> int:
    """What an item of the conversation takes while it waits."""
    parts = item.get("content", ())
    said = [text for part in parts for text in (part.get("text"), part.get("image_url")) if text]
    return ENTRY_BYTES + sum(map(text_bytes, [item.get("output", ""), *said]))


def _size_bytes(order: AnyOrder) -> int:
    """What it takes while it waits."""
    match order:
        case Append(audio):
            return ENTRY_BYTES + len(audio)
        case CreateItem(item):
            return item_bytes(item)
        case UpdateSession(session):
            tools = msgspec.json.encode(session.get("tools", ()))
            return ENTRY_BYTES + text_bytes(session.get("instructions", "")) + len(tools)
        case _:
            return ENTRY_BYTES
