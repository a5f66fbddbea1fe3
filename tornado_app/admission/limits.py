"""How much anybody may have in a time: a rate."""

import math

HAIR_S = 1e-6
"""Rounding must not ask a caller who waited exactly as told to wait once more."""


class Bucket:
    """*burst* at once, and *rate_per_s* on the average.  Thread: whoever owns it.

    It is kept as the one time at which it will be full again, so that asking is an addition: the
    generic cell rate algorithm (ITU-T I.371, annex A).
    """

    __slots__ = ("_burst_s", "_full_at", "burst", "rate_per_s")

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._burst_s = burst / rate_per_s
        self._full_at = -math.inf

    def take(self, now: float, n: float = 1) -> float:
        """Take *n* and return 0.0, or take nothing and return the seconds until *n* are there.

        More than *burst* at once will never be there: infinity.
        """
        if n > self.burst:
            return math.inf
        full_at = (max(now, self._full_at)) + n / self.rate_per_s
        wait_s = full_at - now - self._burst_s
        if wait_s > HAIR_S:
            return wait_s
        self._full_at = full_at
        return 0.0

    def spend(self, now: float, n: float) -> float:
        """Take *n*, on credit if need be; return the seconds until nothing is owed, often 0.0."""
        self._full_at = (max(now, self._full_at)) + n / self.rate_per_s
        owed_s = self._full_at - now - self._burst_s
        return owed_s if owed_s > 0 else 0.0

    def used(self, now: float) -> float:
        """How much of the burst is spent; more than all of it if something is owed."""
        return max(0.0, self._full_at - now) * self.rate_per_s
