"""How long jobs of the pool waited for a thread, and ran on it."""

from tornado_app.metrics.definitions import BRIEF_S
from tornado_app.metrics.distribution import Distribution


class PoolTimes:
    """Thread: one of the pool's at a time."""

    def __init__(self) -> None:
        self.waits, self.runs = Distribution(BRIEF_S), Distribution(BRIEF_S)

    def observe(self, waited_s: float, ran_s: float) -> None:
        """Of one job."""
        self.waits.observe(waited_s)
        self.runs.observe(ran_s)
