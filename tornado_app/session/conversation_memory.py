"""What is kept of the conversation, counted with all else that a call keeps."""

from tornado_app.admission.budget import Budget
from tornado_app.session.rebuilding import Rebuilding
from tornado_app.session.summing_up import SummingUp

PART = 0.25
"""How much of what a call may keep: from half of it on a client that was held back is not read."""


class ConversationMemory:
    """Counts it as it is, once a second, and lets it give way to all else.  Thread: loop.

    Nobody is refused anything for it.  Pictures go first, as they are the largest, then speech, as
    most of it is never asked for again.
    """

    def __init__(self, budget: Budget, rebuilding: Rebuilding, summing_up: SummingUp) -> None:
        self._budget = budget
        self._summing_up = summing_up
        self._ledger = rebuilding.ledger
        self._speech = rebuilding.speech
        self._pictures = rebuilding.pictures
        self._counted_bytes = 0

    def look(self, *, finds_within_s: int | None) -> None:
        """As of `SpeechKept.look`."""
        self._speech.look(finds_within_s=finds_within_s)
        room_bytes = self._counted_bytes + self._budget.room_bytes
        most_bytes = max(0, min(int(self._budget.call_bytes * PART), room_bytes))
        self._ledger.trim(most_bytes)
        self._summing_up.look(most_bytes)
        left_bytes = most_bytes - self._ledger.kept_bytes
        self._speech.trim(left_bytes)
        left_bytes -= self._speech.kept_bytes
        self._pictures.trim(left_bytes)
        self._count(most_bytes - left_bytes + self._pictures.kept_bytes)

    def shut(self) -> None:
        """The session ends."""
        self._count(0)

    def _count(self, size_bytes: int) -> None:
        self._budget.take(size_bytes - self._counted_bytes)
        self._counted_bytes = size_bytes
