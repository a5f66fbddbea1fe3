"""The calls of tools that have no result yet."""

from collections.abc import Collection
from dataclasses import dataclass

from tornado_app.admission.budget import Budget
from tornado_app.session.rounds import Round


@dataclass(frozen=True, slots=True)
class OpenCall:
    name: str
    """As a log has it."""
    of: Round
    since: float
    due_at: float
    size_bytes: int
    is_clients: bool
    shown_as: str
    """What the client is told that it is called; empty: it is told nothing."""
    filler: str
    """What the model is to say when it takes long; empty: nothing."""
    filler_after_s: float

    @property
    def timeout_s(self) -> float:
        return self.due_at - self.since


class OpenCalls:
    """Counted against the call's budget.  Thread: loop."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._calls: dict[str, OpenCall] = {}

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def all(self) -> list[tuple[str, OpenCall]]:
        """By the model's name for each, in the order in which they were called."""
        return list(self._calls.items())

    @property
    def calls(self) -> Collection[OpenCall]:
        return self._calls.values()

    @property
    def earliest(self) -> float | None:
        """When the time of one is over; None if there is none."""
        return min((call.due_at for call in self._calls.values()), default=None)

    def find(self, call_id: str) -> OpenCall | None:
        return self._calls.get(call_id)

    def open(self, call_id: str, call: OpenCall) -> None:
        self._calls[call_id] = call
        call.of.running.add(call_id)
        self._budget.take(call.size_bytes)

    def close(self, call_id: str) -> None:
        """It has a result, or needs none."""
        call = self._calls.pop(call_id)
        call.of.running.discard(call_id)
        self._budget.give(call.size_bytes)
