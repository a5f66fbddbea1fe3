"""Begins spans and ends them, each once."""

from collections.abc import Callable, Mapping
from typing import Any

from tornado_app.tracing.context import TraceContext
from tornado_app.tracing.span import Kind, Span, Value

Fields = Mapping[str, Any]
Put = Callable[[Span], None]


class Pen:
    """Of one call.  Thread: loop."""

    def __init__(self, put: Put, common: Mapping[str, Value]) -> None:
        """*put* takes each span that has ended; *common* are attributes that all have."""
        self._put = put
        self._common = common

    def begin(
        self, name: str, kind: Kind, at: float, parent: TraceContext, **attributes: Value
    ) -> Span:
        """One below *parent*; attributes are ``parley.`` and their name here."""
        span = Span(name, parent.child(), parent, kind, at, dict(self._common))
        tell(span, attributes)
        return span

    def end(self, span: Span, at: float, error: str = "") -> None:
        """*error*: why it failed, in a word."""
        if span.ended_at is None:
            span.ended_at = max(at, span.begun_at)
            if span.events_left_out:
                span.attributes["parley.events_left_out"] = span.events_left_out
            span.error = error
            if error:
                span.attributes["error.type"] = error
            self._put(span)


def tell(span: Span, fields: Fields) -> None:
    """Have *span* say these as well, as far as they say anything."""
    for name, value in fields.items():
        if value is not None and value != "":
            span.attributes[f"parley.{name}"] = value


def picked(fields: Fields, *names: str) -> Fields:
    """Those of *fields*."""
    return {name: fields[name] for name in names}
