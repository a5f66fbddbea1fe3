"""What is kept of answers, counted with what is kept of the client."""

from tornado_app.admission.budget import Budget
from tornado_app.session.downlink import Downlink
from tornado_app.session.transcripts import Transcripts

WORDS_PART = 0.25
"""Texts that the model never completes stay for as long as the call does.  More of them than this
part of the call's bound is not counted: they must not hold its client back for good."""


class AnswerMemory:
    """Counts it as it is, once a second.  Thread: loop.

    There is nobody to whom it could be refused: the model is read no further when a client has
    enough to read (`Connection`).  So it need not be known at once, and costs no message anything.
    """

    def __init__(self, budget: Budget, downlink: Downlink, transcripts: Transcripts) -> None:
        self._budget = budget
        self._downlink = downlink
        self._transcripts = transcripts
        self._most_words_bytes = int(budget.call_bytes * WORDS_PART)
        self._counted_bytes = 0

    def look(self, queued_bytes: int) -> None:
        """*queued_bytes* is what the client has not read."""
        words_bytes = min(self._transcripts.kept_bytes, self._most_words_bytes)
        self._count(queued_bytes + self._downlink.kept_bytes + words_bytes)

    def shut(self) -> None:
        """The session ends."""
        self._count(0)

    def _count(self, size_bytes: int) -> None:
        self._budget.take(size_bytes - self._counted_bytes)
        self._counted_bytes = size_bytes
