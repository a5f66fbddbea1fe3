"""What is kept of a message that has not come whole."""

from tornado_app.admission.budget import Budget

COUNTED_BYTES = 16_384
"""A larger frame that is not whole is counted; below it one read or two make it whole."""


class Unfinished:
    """Counts it in the budget of its call, once there is one.  Thread: loop."""

    __slots__ = ("_budget", "_kept_bytes", "_sure_bytes")

    def __init__(self) -> None:
        self._budget: Budget | None = None
        self._sure_bytes = 0
        self._kept_bytes = 0

    def count_in(self, budget: Budget, *, sure_bytes: int) -> None:
        """From now on.  A message of *sure_bytes* is read whatever else is kept."""
        self._budget, self._sure_bytes = budget, sure_bytes

    def has_room(self, size_bytes: int) -> bool:
        """Whether a message may become so large: what is too large has no claim to be read."""
        if self._budget is None or size_bytes <= self._sure_bytes:
            return True
        return self._budget.has_room(size_bytes - self._kept_bytes)

    def keep(self, size_bytes: int) -> None:
        """So much is kept now, in all."""
        if self._budget is not None:
            self._budget.take(size_bytes - self._kept_bytes)
            self._kept_bytes = size_bytes

    def end(self) -> None:
        """Nothing is kept any more."""
        self.keep(0)
        self._budget = None
