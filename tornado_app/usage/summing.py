"""Records added up: how many answers, tokens and minutes, and what they cost, by user or day."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from tornado_app.usage.record import Record

By = Literal["user", "organisation", "day", "model"]


@dataclass(slots=True)
class Sum:
    """Of all records of one user, day or other thing."""

    calls: int = 0
    call_s: float = 0.0
    received_s: float = 0.0
    answered_s: float = 0.0
    answers: int = 0
    tools: int = 0
    tokens: int = 0
    cached_tokens: int = 0
    costs: dict[str, Decimal] = field(default_factory=dict)
    """By currency."""
    estimated: int = 0
    """Records whose end never came."""
    unpriced: int = 0
    """Records with tokens or seconds for which there is no price."""

    def add(self, record: Record) -> None:
        if record.kind == "call":
            self.calls += 1
            self.call_s += record.seconds
            self.received_s += record.received_s
            self.answered_s += record.answered_s
            return
        self.answers += record.kind == "answer"
        self.tools += record.kind == "tool"
        self.tokens += sum(record.tokens.values())
        self.cached_tokens += sum(
            count for name, count in record.tokens.items() if name.startswith("cached_")
        )
        self.estimated += record.is_estimated
        if record.cost is not None:
            before = self.costs.get(record.currency, Decimal(0))
            self.costs[record.currency] = before + record.cost
        elif record.kind != "tool" and (record.tokens or record.seconds):
            self.unpriced += 1

    def figures(self) -> dict[str, float]:
        """All that is counted or measured, and no money."""
        return {
            "calls": self.calls,
            "call_s": round(self.call_s, 3),
            "received_s": round(self.received_s, 3),
            "answered_s": round(self.answered_s, 3),
            "answers": self.answers,
            "tools": self.tools,
            "tokens": self.tokens,
            "cached_tokens": self.cached_tokens,
        }


def summed(records: Iterable[Record], by: By) -> tuple[Mapping[str, Sum], Sum]:
    """By what *by* says, in the order of their names; and all of them."""
    name_of = NAMES[by]
    sums: dict[str, Sum] = {}
    whole = Sum()
    for record in records:
        if by == "model" and record.kind == "tool":
            continue
        sums.setdefault(name_of(record), Sum()).add(record)
        whole.add(record)
    return dict(sorted(sums.items())), whole


def _day(record: Record) -> str:
    return datetime.fromtimestamp(record.at / 1000, UTC).date().isoformat()


NAMES: Mapping[By, Callable[[Record], str]] = {
    "user": lambda record: record.user_id,
    "organisation": lambda record: record.organisation,
    "day": _day,
    "model": lambda record: record.model,
}
