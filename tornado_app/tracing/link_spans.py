"""Spans of a call's links: each dial, and each session of the model that followed another.

call --+-- dial                      the first, or again behind a loss
       +-- roll_over --- dial        the one that is made ready, and the time until it is in use
"""

from tornado_app.tracing.context import TraceContext
from tornado_app.tracing.pen import Fields, Pen, picked, tell
from tornado_app.tracing.span import Span


class LinkSpans:
    """Thread: loop."""

    def __init__(self, pen: Pen, call: TraceContext) -> None:
        self._pen = pen
        self._call = call
        self._model = ""
        self._dial: Span | None = None
        self._next: tuple[Span, Span] | None = None
        """The span until it is in use, and its dial."""

    def dialled(self, fields: Fields, at: float) -> None:
        self._give_up(at)
        self._model = fields["asked_model"]
        self._dial = self._begin(at, self._call, is_again=fields["again"])

    def next_dialled(self, at: float) -> None:
        """Another is made ready."""
        self._drop_next(at)
        rolling = self._pen.begin("roll_over", "internal", at, self._call)
        self._next = rolling, self._begin(at, rolling.context, is_again=True)

    def opened(self, fields: Fields, at: float) -> None:
        if self._dial is not None:
            tell(self._dial, fields)
            self._dial.note("upstream_open", at)

    def connected(self, fields: Fields, at: float) -> None:
        dial, self._dial = self._dial, None
        if dial is not None:
            dial.attributes["gen_ai.response.model"] = fields["model"]
            tell(dial, picked(fields, "model_session", "upstream"))
            self._pen.end(dial, at)

    def lost(self, fields: Fields, at: float) -> bool:
        """Whether it was lost while it was dialled."""
        dial, self._dial = self._dial, None
        if dial is None:
            return False
        tell(dial, picked(fields, "stage", "close_code", "http_status", "attempt", "upstream"))
        self._pen.end(dial, at, fields["cause"])
        return True

    def next_lost(self, fields: Fields, at: float) -> None:
        if self._next is not None:
            tell(self._next[1], picked(fields, "stage", "close_code", "http_status", "attempt"))
            self._drop_next(at, fields["cause"])

    def rolled_over(self, fields: Fields, at: float) -> None:
        """The next one is in use."""
        if self._next is None:
            return
        rolling, dial = self._next
        self._next = None
        tell(dial, picked(fields, "model_session", "upstream"))
        self._pen.end(dial, min(at, dial.begun_at + fields["ready_ms"] / 1000))
        tell(rolling, picked(fields, "reason", "is_forced", "ready_ms", "swap_ms"))
        self._pen.end(rolling, at)

    def end(self, at: float) -> None:
        """The call is over."""
        self._give_up(at)
        self._drop_next(at)

    def _begin(self, at: float, parent: TraceContext, *, is_again: bool) -> Span:
        dial = self._pen.begin("dial", "client", at, parent, is_again=is_again)
        dial.attributes["gen_ai.request.model"] = self._model
        return dial

    def _give_up(self, at: float) -> None:
        """Nobody waits for what is dialled."""
        dial, self._dial = self._dial, None
        if dial is not None:
            tell(dial, {"is_dropped": True})
            self._pen.end(dial, at)

    def _drop_next(self, at: float, cause: str = "") -> None:
        dropped, self._next = self._next, None
        for span in reversed(dropped or ()):
            tell(span, {"is_dropped": True})
            self._pen.end(span, at, cause)
