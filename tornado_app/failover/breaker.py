"""Whether an upstream is worth a dial, by what the calls of this process have found."""

import math
from collections import deque
from dataclasses import dataclass

from tornado_app.protocol.endings import Ending

PROBE_S = 30.0
"""A probe that has not reported for so long is given up, and another may try."""


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When an upstream is left alone, and for how long."""

    failures: int
    """So many in a row, within *window_s*; one is enough of what only a person can mend."""
    window_s: float
    open_s: float
    """It doubles with each probe that fails, up to *open_max_s*."""
    open_max_s: float


class Breaker:
    """Closed, everybody may dial; open, nobody; when its time is over one may try.  Thread: loop.

    Who tries says so by `begin_probe`, and what became of it by `good`, `bad` or `give_up`.
    """

    def __init__(self, rules: BreakerRules) -> None:
        self._rules = rules
        self._failed_at: deque[float] = deque(maxlen=rules.failures)
        self._open_s = 0.0
        self._open_until: float | None = None
        self._probed_until = -math.inf
        self.cause = ""
        """Of the last failure, while it is open."""
        self.is_rejected = False
        """It is open for something that only a person can mend."""
        self.successes = 0
        """How often it took somebody."""

    @property
    def is_closed(self) -> bool:
        return self._open_until is None

    def is_due(self, now: float) -> bool:
        """It is open, and one may try whether it still has to be."""
        return self._open_until is not None and now >= self.try_at

    @property
    def try_at(self) -> float:
        """When somebody may dial; in the past, if it is closed."""
        if self._open_until is None:
            return -math.inf
        return max(self._open_until, self._probed_until)

    def begin_probe(self, now: float) -> None:
        """Somebody tries now.  Call it while `is_due`, and nobody else will."""
        self._probed_until = now + PROBE_S

    def give_up(self) -> None:
        """The probe has come to nothing, which says nothing: another may try."""
        self._probed_until = -math.inf

    def good(self) -> bool:
        """It took somebody.  True: it was open."""
        was_open = not self.is_closed
        self.successes += 1
        self._failed_at.clear()
        self._open_until, self._open_s = None, 0.0
        self._probed_until = -math.inf
        self.cause, self.is_rejected = "", False
        return was_open

    def bad(self, ending: Ending, now: float, *, is_probe: bool = False) -> bool:
        """It took somebody not, or let somebody down.  True: by this it has opened.

        What others report who had dialled before it opened makes it no longer open, unless it
        asked to be left alone.
        """
        was_closed = self.is_closed
        if is_probe:
            self._probed_until = -math.inf
        if ending.code == "upstream_rejected":
            self._open(ending, now, self._rules.open_max_s)
        elif is_probe or (was_closed and self._is_enough(now)):
            open_s = max(self._rules.open_s, 2 * self._open_s)
            self._open(ending, now, min(open_s, self._rules.open_max_s))
        if ending.retry_after_s:
            self._open(ending, now, ending.retry_after_s)
        return was_closed and not self.is_closed

    def _is_enough(self, now: float) -> bool:
        self._failed_at.append(now)
        is_full = len(self._failed_at) == self._rules.failures
        return is_full and now - self._failed_at[0] <= self._rules.window_s

    def _open(self, ending: Ending, now: float, for_s: float) -> None:
        self._open_s = min(max(self._open_s, for_s), self._rules.open_max_s)
        self._open_until = max(self._open_until or now, now + for_s)
        self.cause = ending.cause
        self.is_rejected = ending.code == "upstream_rejected"
