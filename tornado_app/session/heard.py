"""What it is worth that a model says nothing: whether it hears us, and we would hear it."""

import math

NEAR_MS = 250.0
NEAR_S = 1
"""A model hears speech some hundred milliseconds after it began; with the way there and back that
is within a second, if a ping takes a quarter of one and nothing waits for its socket."""
FAR_S = 3
"""Else the way may be slow."""
LATE_S = 1.1
"""From one look to the next it is a second; this process had no time when it is more, and what the
model has said since may wait to be heard."""
STOPPED_S = 5.0
"""Beyond that it stood still, as one that is suspended, and what the model owes may have come: its
time begins anew.  A busy process is never so late, and a deadline may be so much nearer."""


class Heard:
    """Of one link after the other.  Thread: loop."""

    __slots__ = ("_is_heard", "_looked_at", "latency_ms", "unheard_until")

    def __init__(self) -> None:
        self._is_heard = True
        """What it says is heard, or would be: it is read, and has answered when it was asked to."""
        self._looked_at = math.inf
        self.unheard_until = 0.0
        """When it was not read the last time, or this process stood still."""
        self.latency_ms: float | None = None
        """Of a ping."""

    def look(self, now: float, *, is_read: bool, unanswered_s: float) -> bool:
        """Once a second.  Whether it leaves a ping unanswered: nobody knows what it heard."""
        since_s, self._looked_at = now - self._looked_at, now
        is_silent = unanswered_s > NEAR_S
        self._is_heard = is_read and not is_silent and since_s <= LATE_S
        if not is_read or since_s > STOPPED_S:
            self.unheard_until = now
        return is_silent

    def finds_within_s(self, *, is_clear: bool) -> int | None:
        """How soon it has said that speech began which it hears; None: it would not be heard.

        *is_clear*: nothing waits on the way to it.
        """
        if not self._is_heard:
            return None
        is_near = self.latency_ms is not None and self.latency_ms <= NEAR_MS
        return NEAR_S if is_near and is_clear else FAR_S

    def forget(self) -> None:
        """The next is another."""
        self.latency_ms = None
        self._is_heard = True
