"""What is kept of answers, counted with what all calls keep."""

from tornado_app.admission.budget import Budget
from tornado_app.session.downlink import Downlink
from tornado_app.session.transcripts import Transcripts


class AnswerMemory:
    """Counts it as it is, once a second.  Thread: loop.

    There is nobody to whom it could be refused: the model is read no further when a client has
    enough to read (`ReadingOn`).  So it need not be known at once, and costs no message anything.
    """

    def __init__(self, budget: Budget, downlink: Downlink, transcripts: Transcripts) -> None:
        self._budget = budget
        self._downlink = downlink
        self._transcripts = transcripts

    def look(self, queued_bytes: int) -> None:
        """*queued_bytes* is what the client has not read."""
        kept_bytes = self._downlink.kept_bytes + self._transcripts.kept_bytes
        self._budget.count_answers(queued_bytes + kept_bytes)

    def shut(self) -> None:
        """The session ends."""
        self._budget.count_answers(0)
