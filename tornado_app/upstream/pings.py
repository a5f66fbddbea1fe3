"""A link's own pings: when the next is due, how long the way there and back is, and which wait."""

import math
import struct


class Pings:
    """Thread: the link's; `unanswered_s`, any."""

    __slots__ = ("_count", "_sent_at", "_unanswered_at", "due_at")

    def __init__(self) -> None:
        self.due_at = 0.0
        """When the next is to be sent: the first, at once."""
        self._count = 0
        self._sent_at = 0.0
        self._unanswered_at = math.inf
        """When the first was sent that waits for its pong."""

    def next(self, now: float, interval_s: float) -> bytes:
        """The payload of the one that is sent now; another is due *interval_s* later."""
        self._count += 1
        self._sent_at = now
        self._unanswered_at = min(self._unanswered_at, now)
        self.due_at = now + interval_s
        return self._payload

    def answered(self, payload: bytes, now: float) -> float | None:
        """How long the newest took, in ms; None: this is no pong of it."""
        if payload != self._payload:
            return None
        self._unanswered_at = math.inf
        return (now - self._sent_at) * 1000

    def unanswered_s(self, now: float) -> float:
        """For how long one has waited for its pong; 0.0 if none does."""
        return max(0.0, now - self._unanswered_at)

    @property
    def _payload(self) -> bytes:
        return struct.pack("!I", self._count)
