"""What a session keeps that nobody can be refused for, counted once a second."""

from tornado_app.admission.budget import Budget
from tornado_app.session.answer_memory import AnswerMemory
from tornado_app.session.conversation_memory import ConversationMemory
from tornado_app.session.downlink import Downlink
from tornado_app.session.rebuilding import Rebuilding
from tornado_app.session.summing_up import SummingUp


class Memory:
    """Thread: loop."""

    def __init__(
        self,
        budget: Budget,
        downlink: Downlink,
        rebuilding: Rebuilding,
        summing_up: SummingUp,
    ) -> None:
        self._answers = AnswerMemory(budget, downlink, downlink.transcripts)
        self._conversation = ConversationMemory(budget, rebuilding, summing_up)

    def look(self, queued_bytes: int, *, finds_within_s: int | None) -> None:
        """As of its parts."""
        self._answers.look(queued_bytes)
        self._conversation.look(finds_within_s=finds_within_s)

    def shut(self) -> None:
        """The session ends."""
        self._answers.shut()
        self._conversation.shut()
