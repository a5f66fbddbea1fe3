"""How many calls of tools there were, how long they took, and a line in the log for each."""

from tornado_app.protocol.endings import safe_word
from tornado_app.protocol.figures import ToolFigures
from tornado_app.session.actions import Actions
from tornado_app.session.events import ToolOutcome

NOBODY_FAILED = frozenset[ToolOutcome]({"done", "interrupted", "cancelled", "lost"})


class ToolCounts:
    """Thread: loop."""

    def __init__(self, actions: Actions) -> None:
        self._actions = actions
        self._failed = 0
        self._total_ms = 0.0
        self.calls = 0

    def figures(self, running: int) -> ToolFigures:
        return ToolFigures(self.calls, running, self._failed, round(self._total_ms, 1))

    def begin(self, name: str, call_id: str) -> None:
        """A call is made; *name* is one that a log may have."""
        self._actions.log("tool_called", name=name, call_id=safe_word(call_id))

    def note(
        self, name: str, call_id: str, outcome: ToolOutcome, since: float, detail: str = ""
    ) -> None:
        """A call that was made at *since* is over."""
        duration_ms = round((self._actions.now - since) * 1000, 1)
        self._total_ms += duration_ms
        if outcome in NOBODY_FAILED:
            self._actions.log(
                "tool_done",
                name=name,
                call_id=safe_word(call_id),
                outcome=outcome,
                duration_ms=duration_ms,
            )
            return
        self._failed += 1
        self._actions.log(
            "tool_failed",
            name=name,
            call_id=safe_word(call_id),
            outcome=outcome,
            detail=detail,
            duration_ms=duration_ms,
        )
