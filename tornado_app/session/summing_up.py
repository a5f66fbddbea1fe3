"""Has the operator's function sum up what the ledger is about to leave out, if there is one.

    it grows full, or the next model is to know less     the function is asked, of the oldest turns
    a summary comes                                      it stands in their place
    none does, or too late                               they stay until there is no room for them

Nothing waits for it but a change of models that is made because the context is nearly full, and
that has time.
"""

from tornado_app.session.actions import Actions
from tornado_app.session.commands import StopSummingUp, SumUp
from tornado_app.session.config import MemoryRules
from tornado_app.session.events import SummedUp
from tornado_app.session.ledger.heard import cut_at_word
from tornado_app.session.ledger.ledger import Ledger
from tornado_app.session.ledger.oldest import oldest_turns

ASKED_PART = 0.75
"""So full it is when the function is asked: there is time before anything has to go."""
LEFT_PART = 0.5
"""So full it is to be then."""
AGAIN_S = 60.0
"""Between two questions, whatever came of the first: each may cost the operator a model's answer.
"""
SUMMARY_LETTERS = 8192
"""Some 2000 tokens, which each model that follows is told."""


class SummingUp:
    """Thread: loop."""

    __slots__ = ("_actions", "_again_at", "_asked_at", "_ledger", "_names", "_rules")

    def __init__(self, rules: MemoryRules, actions: Actions, ledger: Ledger) -> None:
        self._rules = rules
        self._actions = actions
        self._ledger = ledger
        self._names: list[str] = []
        """What is being summed up; empty: nothing."""
        self._asked_at = 0.0
        self._again_at = 0.0

    def look(self, most_bytes: int) -> None:
        """Once a second, with how much the ledger may have."""
        if not self._rules.summary_timeout_s:
            return
        self._see_if_late()
        if self._may_ask and self._ledger.used_part(most_bytes) >= ASKED_PART:
            most_bytes = min(most_bytes, self._rules.ledger_bytes)
            most_entries = int(self._rules.ledger_entries * LEFT_PART)
            self._ask(int(most_bytes * LEFT_PART), most_entries)

    def awaits(self, most_bytes: int) -> bool:
        """Whether a summary is waited for, and asks for one of what would not be within that."""
        if not self._rules.summary_timeout_s:
            return False
        self._see_if_late()
        if self._may_ask:
            self._ask(most_bytes, self._rules.ledger_entries)
        return bool(self._names)

    def on_done(self, result: SummedUp) -> None:
        if not self._names:
            return  # it was late, and this was on its way
        names, self._names = self._names, []
        text = cut_at_word(result.text.strip(), SUMMARY_LETTERS)
        if not text:
            self._actions.log("summary_failed", outcome="failed", detail=result.detail or "empty")
            return
        self._ledger.sum_up(names, text)
        duration_ms = round((self._actions.now - self._asked_at) * 1000)
        self._actions.log("summed_up", items=len(names), duration_ms=duration_ms)

    @property
    def _may_ask(self) -> bool:
        return not self._names and self._actions.now >= self._again_at

    def _ask(self, most_bytes: int, most_entries: int) -> None:
        oldest = oldest_turns(self._ledger.entries, most_bytes, most_entries)
        if oldest:
            self._names = [entry.id for entry in oldest]
            self._asked_at = self._actions.now
            self._again_at = self._asked_at + AGAIN_S
            self._actions.do(SumUp(tuple(oldest)))

    def _see_if_late(self) -> None:
        if self._names and self._actions.now >= self._asked_at + self._rules.summary_timeout_s:
            self._names = []
            self._actions.do(StopSummingUp())
            self._actions.log("summary_failed", outcome="late", detail="")
