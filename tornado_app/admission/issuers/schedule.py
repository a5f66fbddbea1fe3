"""When an issuer is asked for its keys, and for how long the last answer counts."""

from dataclasses import dataclass

REST_S = 2.0
"""Between two questions: whoever makes up names of keys can cause no more than this."""
LONGEST_REST_S = 60.0
"""After questions that failed, and nobody waits."""


@dataclass(slots=True)
class Schedule:
    """*now* is of the monotonic clock.

    Keys are asked for again when they are *refresh_s* old, and count for *stale_s*, which is more:
    in between, an issuer that is down is noticed by nobody.
    """

    refresh_s: float
    stale_s: float
    asked_at: float = float("-inf")
    answered_at: float = float("-inf")
    """When the question was asked that the last good answer is to."""
    failures: int = 0
    """Since then."""
    is_asking: bool = False
    is_wanted: bool = False
    """Somebody waits for the answer to a question that has not been asked."""

    @property
    def due_at(self) -> float:
        """When to ask next; the past means now."""
        if self.is_wanted:
            return self.asked_at + REST_S
        if self.failures:
            return self.asked_at + min(REST_S * 2.0 ** min(self.failures - 1, 10), LONGEST_REST_S)
        return self.answered_at + self.refresh_s

    @property
    def ends_at(self) -> float:
        """From when on the last answer does not count."""
        return self.answered_at + self.stale_s

    def ask(self, now: float) -> None:
        self.asked_at = now
        self.is_asking = True
        self.is_wanted = False

    def answered(self) -> None:
        self.is_asking = False
        self.failures = 0
        self.answered_at = self.asked_at

    def failed(self) -> None:
        self.is_asking = False
        self.failures += 1
