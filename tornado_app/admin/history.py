"""What the figures of a process were in the last hour and the last day, and what went wrong."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple

Span = Literal["hour", "day"]
STEPS: Mapping[Span, tuple[int, int]] = {"hour": (60, 60), "day": (900, 96)}
"""How many seconds one figure is of, and how many are kept."""
KINDS_KEPT = 200
"""Kinds of what goes wrong; there are some 150."""
OTHER = "other"


class Wrong(NamedTuple):
    """A kind of what goes wrong."""

    of: Literal["log", "refused", "told"]
    """A line of the log; somebody who was not let in; an error that a client was told in a call."""
    name: str
    """The event, or the code."""
    level: str = ""
    """Of a line of the log: error or warning."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a process has counted by some moment; all but calls only grows."""

    calls: int = 0
    """Those that are open."""
    calls_together: int = 0
    """And with those of all processes of this machine."""
    opened: float = 0
    answers: float = 0
    waits: float = 0
    """Answers for which somebody has waited."""
    wait_s: float = 0.0
    """All of those waits together."""
    gateway_s: float = 0.0
    """What of them was the gateway's."""
    slow: float = 0
    """Those of them whose model took over `SLOW_S`."""
    tokens: float = 0
    cost: Decimal = Decimal(0)
    wrong: Mapping[Wrong, float] = field(default_factory=dict)


_SUMS = ("opened", "answers", "waits", "wait_s", "gateway_s", "slow", "tokens", "cost")


@dataclass(slots=True)
class _Bin:
    """What there was in one step of time."""

    at: int
    """Its beginning: Unix time in seconds."""
    calls: int = 0
    """The most at once."""
    calls_together: int = 0
    opened: float = 0
    answers: float = 0
    waits: float = 0
    wait_s: float = 0.0
    gateway_s: float = 0.0
    slow: float = 0
    tokens: float = 0
    cost: Decimal = Decimal(0)
    wrong: dict[Wrong, float] = field(default_factory=dict)

    def add(self, before: Counted, now: Counted) -> None:
        self.calls = max(self.calls, now.calls)
        self.calls_together = max(self.calls_together, now.calls_together)
        for name in _SUMS:
            more = getattr(now, name) - getattr(before, name)
            setattr(self, name, getattr(self, name) + more)
        for kind, count in _more(before.wrong, now.wrong).items():
            self.wrong[kind] = self.wrong.get(kind, 0) + count

    def told(self) -> dict[str, Any]:
        return {
            "at": self.at * 1000,
            "calls": self.calls,
            "calls_together": self.calls_together,
            "opened": int(self.opened),
            "answers": int(self.answers),
            "waits": int(self.waits),
            "wait_ms": self._mean_ms(self.wait_s),
            "gateway_ms": self._mean_ms(self.gateway_s),
            "slow": int(self.slow),
            "tokens": int(self.tokens),
            "cost": f"{self.cost:f}",
            "wrong": int(sum(n for kind, n in self.wrong.items() if kind.of != "told")),
        }

    def _mean_ms(self, seconds: float) -> float | None:
        return round(seconds * 1000 / self.waits, 1) if self.waits else None


class History:
    """Thread: loop.  Times are Unix seconds."""

    def __init__(self, unix_s: float, counted: Counted) -> None:
        self.began_at = unix_s
        """Of what was before nothing is known."""
        self._counted = counted
        self._bins: dict[Span, deque[_Bin]] = {
            span: deque(maxlen=count) for span, (_, count) in STEPS.items()
        }
        self._last_at: dict[Wrong, float] = {}

    def note(self, unix_s: float, counted: Counted) -> None:
        """Take what has been counted by now."""
        for span, bins in self._bins.items():
            at = int(unix_s) // STEPS[span][0] * STEPS[span][0]
            if not bins or bins[-1].at < at:
                bins.append(_Bin(at))
            bins[-1].add(self._counted, counted)
        for kind in _more(self._counted.wrong, counted.wrong):
            self._last_at[kind] = unix_s
        self._counted = counted

    def figures(self, span: Span, unix_s: float) -> list[dict[str, Any]]:
        """The steps of *span* until now in which there was anything to note, the oldest first."""
        return [each.told() for each in self._recent(span, unix_s)]

    def wrong(self, unix_s: float) -> list[dict[str, Any]]:
        """What went wrong in the last day, what was last first, with how often and when."""
        counts: dict[Wrong, list[dict[str, int]]] = {}
        for each in self._recent("day", unix_s):
            for kind, count in each.wrong.items():
                counts.setdefault(kind, []).append({"at": each.at * 1000, "count": int(count)})
        # Of all that is kept, and not of what is recent: a clock may be set back.
        kept = {kind for each in self._bins["day"] for kind in each.wrong}
        self._last_at = {kind: self._last_at[kind] for kind in kept}
        newest = sorted(counts, key=lambda kind: (-self._last_at[kind], kind))
        return [
            {
                "of": kind.of,
                "name": kind.name,
                "level": kind.level or None,
                "count": sum(each["count"] for each in counts[kind]),
                "last_at": int(self._last_at[kind] * 1000),
                "times": counts[kind],
            }
            for kind in newest
        ]

    def _recent(self, span: Span, unix_s: float) -> list[_Bin]:
        step_s, count = STEPS[span]
        return [each for each in self._bins[span] if each.at > unix_s - step_s * count]


def fold(wrong: Mapping[Wrong, float]) -> dict[Wrong, float]:
    """So many kinds that nobody can make them more: the others of a sort are one."""
    folded: dict[Wrong, float] = {}
    for kind, count in wrong.items():
        known = kind if len(folded) < KINDS_KEPT else kind._replace(name=OTHER)
        folded[known] = folded.get(known, 0) + count
    return folded


def _more(before: Mapping[Wrong, float], now: Mapping[Wrong, float]) -> dict[Wrong, float]:
    """How much more there is of each kind of which there is more."""
    return {
        kind: count - before.get(kind, 0)
        for kind, count in now.items()
        if count > before.get(kind, 0)
    }
