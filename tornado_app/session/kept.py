"""Orders that are kept until the model can take them, in their order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import msgspec

from tornado_app.admission.budget import ENTRY_BYTES, Budget, text_bytes
from tornado_app.protocol.realtime.orders import (
    AnyOrder,
    Append,
    Clear,
    Commit,
    CreateItem,
    CreateResponse,
    Relayed,
    UpdateSession,
)
from tornado_app.session.ledger.speech import UPSTREAM_BYTES_PER_MS

ORDERS_HELD = 256
"""How many orders that are no audio may wait for the model."""


class KeptOrders:
    """Counted against the call's budget; audio is bounded by the uplink.  Thread: loop."""

    __slots__ = ("_budget", "_first", "_orders", "_others", "audio_ms")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._first: deque[AnyOrder] = deque()
        """What tells a model of the conversation so far; it is bounded by whoever knows it."""
        self._orders: deque[AnyOrder] = deque()
        self._others = 0
        self.audio_ms = 0.0

    def __bool__(self) -> bool:
        return bool(self._orders or self._first)

    def keep(self, order: AnyOrder) -> bool:
        """False: too much is kept already, and *order* is not."""
        if not isinstance(order, Append):
            is_full = self._others >= ORDERS_HELD
            if is_full or not self._budget.has_room(order_bytes(order)):
                return False
        self.put_last(order)
        return True

    def has_room(self, order: AnyOrder) -> bool:
        """For what *order* holds of a client's, however many wait; one that holds nothing always
        has it.
        """
        size_bytes = order_bytes(order)
        return size_bytes <= ENTRY_BYTES or self._budget.has_room(size_bytes)

    def put_last(self, order: AnyOrder) -> None:
        """Keep *order*, whether there is room or not."""
        if isinstance(order, Append):
            self.audio_ms += order.duration_ms
        else:
            self._others += 1
        self._orders.append(order)
        self._budget.take(order_bytes(order))

    def withdraw(self, event_id: str) -> bool:
        """Keep a request for an answer, or a client's order, of this name no longer; whether it was
        here.
        """
        for order in self._orders:
            if isinstance(order, Relayed | CreateResponse) and order.event_id == event_id:
                self._orders.remove(order)
                self._others -= 1
                self._budget.give(order_bytes(order))
                return True
        return False

    def put_first(self, orders: Iterable[AnyOrder]) -> None:
        """Have the model told this before anything that is kept."""
        for order in orders:
            self._first.append(order)
            self._budget.take(order_bytes(order))

    def change_first(self, change: Callable[[AnyOrder], AnyOrder | None]) -> bool:
        """Change what is told first, or leave it out; whether anything was changed."""
        before, self._first = self._first, deque()
        self._budget.give(sum(map(order_bytes, before)))
        self.put_first(after for order in before if (after := change(order)) is not None)
        return before != self._first

    def take_speech(self) -> list[AnyOrder]:
        """Forget all; returns what of it is for the model's audio buffer."""
        kept = [*self._first, *self._orders]
        self.forget()
        return [order for order in kept if isinstance(order, Append | Commit | Clear)]

    def take(self, most_bytes: int) -> Iterator[AnyOrder]:
        """The oldest, until they are *most_bytes* or more in all."""
        taken_ms, taken_bytes = 0.0, 0
        while self._first and taken_bytes < most_bytes:
            order = self._first.popleft()
            size_bytes = order_bytes(order)
            self._budget.give(size_bytes)
            taken_bytes += size_bytes
            yield order
        while self._orders and taken_bytes < most_bytes:
            order = self._orders.popleft()
            size_bytes = order_bytes(order)
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
        self._budget.give(sum(map(order_bytes, chain(self._first, self._orders))))
        self._first.clear()
        self._orders.clear()
        self._others, self.audio_ms = 0, 0.0

    @property
    def speech_ms(self) -> float:
        """All audio that is here; `audio_ms` is without what the next model is told first."""
        orders = chain(self._first, self._orders)
        return sum(order.duration_ms for order in orders if isinstance(order, Append))

    def forget_audio(self) -> float:
        """Drop audio that no commit here follows: the client has cleared it.  Returns how much."""
        before_ms = self.speech_ms
        if not any(isinstance(order, Commit) for order in self._orders):
            self._first = self._without_last_audio(self._first)
        self._orders = self._without_last_audio(self._orders)
        audio = (order for order in self._orders if isinstance(order, Append))
        self.audio_ms = sum(order.duration_ms for order in audio)
        return before_ms - self.speech_ms

    def drop_oldest_audio(self, at_least_ms: float) -> tuple[float, float]:
        """Drop audio, oldest first; return how much, and how much of it no commit follows."""
        commits = sum(isinstance(order, Commit) for order in self._orders)
        dropped_ms = uncommitted_ms = 0.0
        passed: list[AnyOrder] = []
        while self._orders and dropped_ms < at_least_ms:
            order = self._orders.popleft()
            if isinstance(order, Append):
                self._budget.give(order_bytes(order))
                dropped_ms += order.duration_ms
                uncommitted_ms += 0.0 if commits else order.duration_ms
            else:
                commits -= isinstance(order, Commit)
                passed.append(order)
        self._orders.extendleft(reversed(passed))
        self.audio_ms = max(0.0, self.audio_ms - dropped_ms)
        return dropped_ms, uncommitted_ms

    def _without_last_audio(self, orders: deque[AnyOrder]) -> deque[AnyOrder]:
        """Without that behind the last commit."""
        commits = (i for i, order in enumerate(orders, 1) if isinstance(order, Commit))
        committed = max(commits, default=0)
        kept = deque[AnyOrder]()
        for number, order in enumerate(orders):
            if number < committed or not isinstance(order, Append):
                kept.append(order)
            else:
                self._budget.give(order_bytes(order))
        return kept


def item_bytes(item: Mapping[str, Any]) -> int:
    """What an item of the conversation takes while it waits."""
    parts = item.get("content", ())
    said = [part.get(name) or "" for part in parts for name in ("text", "audio", "image_url")]
    said += [item.get("output", ""), item.get("arguments", "")]
    return ENTRY_BYTES + sum(map(text_bytes, said))


def order_bytes(order: AnyOrder) -> int:
    """What it takes while it waits."""
    match order:
        case Append(audio):
            return ENTRY_BYTES + len(audio)
        case Relayed(text=text):
            return ENTRY_BYTES + len(text)
        case CreateItem(item):
            return item_bytes(item)
        case UpdateSession(session):
            tools = msgspec.json.encode(session.get("tools", ()))
            return ENTRY_BYTES + text_bytes(session.get("instructions", "")) + len(tools)
        case _:
            return ENTRY_BYTES
