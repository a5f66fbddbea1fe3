"""Complete files between the chunks of the client's speech."""

from tornado_app.admission.budget import ENTRY_BYTES, Budget, text_bytes
from tornado_app.errors import Refused
from tornado_app.session.actions import Actions
from tornado_app.session.commands import DecodeUplink, FlushUplink
from tornado_app.session.config import UplinkRules
from tornado_app.session.pending import PendingFile, PendingTail
from tornado_app.session.pending_queue import PendingQueue
from workers.formats import Container, base64_bytes

FILES_PENDING = 4
"""How many files may be on their way: each is as large as a message may be."""


class Files:
    """Thread: loop."""

    def __init__(
        self, rules: UplinkRules, actions: Actions, pending: PendingQueue, budget: Budget
    ) -> None:
        self._rules = rules
        self._actions = actions
        self._pending = pending
        self._budget = budget
        self.taken = 0
        """How many the client has sent."""

    def take(self, text: str, container: Container) -> Refused | None:
        """Take a complete file, or say why not.  How long it plays is known when it is decoded."""
        self.taken += 1
        chunk = self._actions.chunk
        size_bytes = base64_bytes(text)
        if size_bytes > self._rules.file_bytes:
            sentence = f"audio: a file may have at most {self._rules.file_bytes} bytes."
            return Refused("message_too_large", sentence, "audio", chunk=chunk)
        if self._pending.count(PendingFile) >= FILES_PENDING:
            sentence = f"Only {FILES_PENDING} files may wait; send the next when one is received."
            return Refused("audio_backlog", sentence, "audio", 1000, chunk)
        kept_bytes = text_bytes(text) + ENTRY_BYTES
        if not self._budget.has_room(kept_bytes):
            sentence = "Too much is waiting for this file to be taken; send it again later."
            return Refused("audio_backlog", sentence, "audio", 1000, chunk)
        # The stream ends here and begins again behind the file: nothing of it comes too late.
        self._pending.append(PendingTail(chunk - 1))
        self._pending.append(PendingFile(chunk, self._actions.ref, kept_bytes))
        self._actions.do(FlushUplink())
        self._actions.do(DecodeUplink(text, container))
        return None
