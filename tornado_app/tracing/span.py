"""One stretch of a call, as a collector is told of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from tornado_app.tracing.context import TraceContext

Value: TypeAlias = str | bool | int | float | tuple[str, ...]
Kind = Literal["server", "client", "internal"]
NOTHING: Mapping[str, Value] = {}
EVENTS_MAX = 32
"""What a call of hours may have of them; the rest is counted."""


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """Something that happened in a moment of it."""

    name: str
    at: float
    attributes: Mapping[str, Value]


@dataclass(slots=True, eq=False)
class Span:
    """Times are seconds since 1970."""

    name: str
    context: TraceContext
    parent: TraceContext | None
    """None: the trace begins here."""
    kind: Kind
    begun_at: float
    attributes: dict[str, Value] = field(default_factory=dict)
    events: list[SpanEvent] = field(default_factory=list)
    has_remote_parent: bool = False
    ended_at: float | None = None
    error: str = ""
    """Why it failed, in a word; empty: it did not."""

    events_left_out: int = 0

    def note(self, name: str, at: float, fields: Mapping[str, Value | None] = NOTHING) -> None:
        """Something that happened; its attributes are ``parley.`` and the name of each field."""
        if len(self.events) >= EVENTS_MAX:
            self.events_left_out += 1
            return
        known = {f"parley.{key}": value for key, value in fields.items() if value is not None}
        self.events.append(SpanEvent(name, at, known))
