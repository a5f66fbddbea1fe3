"""What the model is asked to do with the audio that it has: to make a turn of it, or to drop it."""

from dataclasses import dataclass

from tornado_app.errors import Refused
from tornado_app.protocol.realtime.orders import Clear, Commit
from tornado_app.session.actions import Actions
from tornado_app.session.confirmations import Confirmations
from tornado_app.session.model_side import ModelSide
from tornado_app.session.pending import PendingCommit

COMMIT_ID = "parley_commit"
CLEAR_ID = "parley_clear"
MIN_COMMIT_MS = 100.0
"""The model refuses to commit less: ``input_audio_buffer_commit_empty``."""


@dataclass(frozen=True, slots=True)
class Turns:
    """The turn that is complete with the committed audio; what was typed behind it has its own."""

    spoken: str | None
    """The name of the commit, if the audio wants an answer of its own."""
    since: float | None = None
    """When the client ended what was committed; None: nothing was, or it wants no answer."""


NO_TURNS = Turns(None)


class ModelBuffer:
    """Thread: loop."""

    __slots__ = ("_actions", "_commits", "_confirmations", "_model", "uncommitted_ms")

    def __init__(self, model: ModelSide, actions: Actions, confirmations: Confirmations) -> None:
        self._model = model
        self._actions = actions
        self._confirmations = confirmations
        self._commits = 0
        self.uncommitted_ms = 0.0
        """Audio that it was sent, or that is kept for it, and that no commit follows."""

    def commit(self, commit: PendingCommit) -> Turns:
        """Have a turn made of it; returns what the model is asked to answer now."""
        is_manual = not self._model.finds_speech
        # Rounded: durations of converted pieces add up to a hair off the whole millisecond.
        if is_manual and round(self.uncommitted_ms, 3) < MIN_COMMIT_MS:
            self.refuse_empty()
            return NO_TURNS
        self._commits += 1
        name = f"{COMMIT_ID}_{self._commits}"
        if self._confirmations.is_full or not self._model.send(Commit(event_id=name)):
            self._refuse_orders()
            return NO_TURNS
        self.uncommitted_ms = 0.0
        self._model.has_begun = True
        self._model.rebuilding.ledger.spoke(name, is_committed=False)
        # If nobody else takes from the buffer, the answer need not wait for "committed".
        is_asked_now = is_manual and commit.is_answered
        self._confirmations.await_commit(
            name, wants_answer=commit.is_answered and not is_asked_now, is_turn=commit.is_answered
        )
        since = commit.since if commit.is_answered else None
        return Turns(name if is_asked_now else None, since)

    def clear(self) -> float:
        """Have dropped what no commit follows; returns how much of it no model hears."""
        unheard_ms = self._model.forget_speech()
        self.uncommitted_ms = 0.0
        if self._model.state != "connected" and not self._confirmations.is_full:
            self._confirmations.cleared()
        elif not self._confirmations.is_full and self._model.send(Clear(event_id=CLEAR_ID)):
            self._confirmations.await_clear()
        else:
            self._refuse_orders()
        return unheard_ms

    def refuse_empty(self) -> None:
        """There is too little for a turn."""
        sentence = f"There is too little audio to commit; a turn needs {MIN_COMMIT_MS:.0f} ms."
        self._actions.refuse(Refused("audio_buffer_empty", sentence))

    def _refuse_orders(self) -> None:
        sentence = "Too much is waiting for the model. Send it again when it is connected."
        self._actions.refuse(Refused("audio_backlog", sentence, retry_after_ms=1000))
