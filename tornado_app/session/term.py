"""When a session of the model is over, and when another has to be looked for before."""

from collections.abc import Callable
from typing import Any

from tornado_app.protocol.told import Why
from tornado_app.session.config import SessionConfig
from tornado_app.session.token_types import total_tokens

TIMER = "roll_over"
SHORTEST_S = 10.0
"""A session that is shorter is left to its end: to go from one to the next would be all there is.
"""
FORCED_S = 5.0
"""Before its end, as clocks differ.  Of a short session a tenth, if that is less."""
SPREAD = 0.2
"""Calls that began together do not all dial together."""
GROWN_PART = 0.25
"""Even one that begins with more than `context_tokens` is not at once too many: it has to grow."""


class Term:
    """Of one session of the model after the other.  *jitter* gives numbers from 0 to 1.
    Thread: loop.
    """

    def __init__(self, config: SessionConfig, jitter: Callable[[], float]) -> None:
        self._config = config
        self._jitter = jitter
        self._first_tokens: int | None = None
        self.look_at: float | None = None
        """From then on a quiet moment is looked for; None: not at all."""
        self.force_at: float | None = None
        """Then it is gone over to another, quiet or not; None: never."""
        self.why: Why = "session_limit"
        self.is_nearly_over = False
        """A quiet moment is looked for."""

    def begin(self, begun_at: float, expires_at_unix_s: float | None, now: float) -> None:
        """There is a session that began at *begun_at*; the model may have said when it ends."""
        self.look_at = self.force_at = self._first_tokens = None
        self.why = "session_limit"
        self.is_nearly_over = False
        ends_at = self._ends_at(begun_at, expires_at_unix_s, now)
        if ends_at is None or not self._config.memory.ledger_entries:
            return  # without a ledger there is nothing to tell the next
        length_s = ends_at - begun_at
        if length_s >= SHORTEST_S:
            before_s = min(self._config.roll_over.roll_over_before_s, length_s / 2)
            self.look_at = ends_at - before_s * (1 - SPREAD * self._jitter())
            self.force_at = ends_at - min(FORCED_S, length_s / 10)

    def counts(self, usage: dict[str, Any] | None) -> bool:
        """An answer is over.  True: what the model knows is nearly too much."""
        most, tokens = self._config.roll_over.context_tokens, total_tokens(usage)
        if not most or not self._config.memory.ledger_entries or tokens is None:
            return False
        if self._first_tokens is None:
            self._first_tokens = tokens
        if tokens < most or tokens - self._first_tokens < most * GROWN_PART:
            return False
        self.why = "context_limit"
        return True

    def _ends_at(
        self, begun_at: float, expires_at_unix_s: float | None, now: float
    ) -> float | None:
        config = self._config
        if expires_at_unix_s is not None:
            ends_at = config.opened_at + expires_at_unix_s - config.opened_at_unix_ms / 1000
            if ends_at > now:
                return ends_at
        limit_s = config.roll_over.session_limit_s
        return begun_at + limit_s if limit_s else None
