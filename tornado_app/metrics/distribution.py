"""How often something took how long."""

from bisect import bisect_left
from collections.abc import Sequence


class Distribution:
    """Counts in buckets.  Thread: whoever owns it."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        """Upper ends, which belong to their buckets; beyond the last there is one more."""
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value
