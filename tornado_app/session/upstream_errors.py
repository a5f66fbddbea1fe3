"""The model's ``error`` events, matched to what was asked of it."""

from tornado_app.errors import Refused
from tornado_app.protocol.endings import Ending, Failure, safe_word, unfulfilled
from tornado_app.protocol.realtime.events import ErrorFacts
from tornado_app.session.actions import Actions
from tornado_app.session.answers import IMAGE_ID, TEXT_ID, Answers
from tornado_app.session.cancels import CANCEL_ID
from tornado_app.session.configuring import Configuring
from tornado_app.session.model_buffer import CLEAR_ID, COMMIT_ID
from tornado_app.session.model_errors import judge
from tornado_app.session.model_side import TRUNCATE_ID, ModelSide
from tornado_app.session.request import RESPONSE_ID
from tornado_app.session.tools import TOOL_ID
from tornado_app.session.uplink import Uplink


class Refusals:
    """Says what a refusal of the model means here.  Thread: loop.

    The model's own sentence is never passed on: it may hold a piece of the key or the name of
    an internal session.
    """

    def __init__(
        self,
        actions: Actions,
        model: ModelSide,
        uplink: Uplink,
        answers: Answers,
        configuring: Configuring,
    ) -> None:
        self._actions = actions
        self._model = model
        self._uplink = uplink
        self._answers = answers
        self._configuring = configuring

    def on_error(self, error: ErrorFacts) -> Ending | Failure | None:
        """As of `model_errors.judge`; what is about something asked is put right here."""
        end = judge(error, self._model, self._actions)
        if end is None and self._model.state == "connected":
            self._on_running(error, safe_word(error.code or ""))
        return end

    def _on_running(self, error: ErrorFacts, code: str) -> None:
        event_id = error.event_id or ""
        asking = self._answers.asking
        if self._configuring.on_error(error):
            return
        self._actions.ref = self._answers.ref_of(event_id)
        if event_id.startswith(COMMIT_ID) or code == "input_audio_buffer_commit_empty":
            turn = self._uplink.on_commit_refused(event_id)
            if turn is not None:
                asking.withdraw_one(turn)
        elif code == "conversation_already_has_active_response":
            asking.on_busy(error.event_id)
        elif event_id.startswith(RESPONSE_ID):
            asking.on_refused(error, code)
        elif code == "response_cancel_not_active" or event_id.startswith(CANCEL_ID):
            asking.on_cancel_refused(error.event_id)
        elif event_id == TRUNCATE_ID or code == "session_expired":
            pass  # too late to cut, which is what was wanted; or the close follows
        elif self._model.rebuilding.refused(event_id):
            pass  # the log has it; the model goes on with what it was told besides
        elif event_id.startswith(TOOL_ID):
            # The client knows nothing of it; the answer that follows does without.
            self._model.rebuilding.ledger.remove(event_id)
        elif error.type == "server_error":
            sentence = "The model had a fault of its own. Ask again."
            self._actions.refuse(Refused("upstream_unavailable", sentence))
        else:
            self._on_refused(event_id, error, code)

    def _on_refused(self, event_id: str, error: ErrorFacts, code: str) -> None:
        """Something else that was asked for, and is not done."""
        why = code or "no reason given"
        sentence, field = f"The model refused a request ({why}).", None
        if event_id.startswith((TEXT_ID, IMAGE_ID)):
            self._model.rebuilding.ledger.remove(event_id)
            self._answers.asking.withdraw_one(event_id)
        elif event_id == CLEAR_ID:
            self._uplink.confirmations.on_clear_refused()
        if event_id.startswith(IMAGE_ID):
            sentence = f"The model did not take this picture ({why}); the turn was left out."
            field = "image"
        refused = unfulfilled(error, sentence)
        refused.field = field
        self._actions.refuse(refused)
