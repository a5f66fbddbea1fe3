"""The model's ``error`` events, as the client is shown them."""

from tornado_app.protocol.close import UPSTREAM_FAILED
from tornado_app.protocol.endings import REJECTED, Ending, Failure, needs_a_person, safe_word
from tornado_app.protocol.realtime.events import ErrorFacts
from tornado_app.protocol.told import RelayedError
from tornado_app.session.actions import Actions
from tornado_app.session.commands import NoteModel
from tornado_app.session.model_side import TRUNCATE_ID, UPDATE_ID, ModelSide
from tornado_app.session.rebuilding import HISTORY_ID
from tornado_app.session.relaying.answers import Answers
from tornado_app.session.relaying.outstanding import OURS, Asked, Outstanding
from tornado_app.session.relaying.tools import TOOL_ID
from tornado_app.session.relaying.updating import Updating
from tornado_app.session.relaying.veil import GENERIC, Veil

OF_OURS = frozenset({HISTORY_ID, TRUNCATE_ID})


class Refusals:
    """Thread: loop."""

    def __init__(
        self,
        actions: Actions,
        model: ModelSide,
        outstanding: Outstanding,
        *,
        updating: Updating,
        veil: Veil,
        answers: Answers,
    ) -> None:
        self._actions = actions
        self._model = model
        self._outstanding = outstanding
        self._updating = updating
        self._veil = veil
        self._answers = answers

    def on_error(self, error: ErrorFacts) -> Ending | Failure | None:
        """An ending if the session cannot go on, a failure if it cannot with this model; most
        errors leave it as it was.
        """
        code = safe_word(error.code or "")
        self._model.on_error(error)
        self._actions.log(
            "upstream_error", code=code, param=safe_word((error.param or "").replace(".", "_"))
        )
        if (failure := self._model.refusal(error)) is not None:
            return failure
        if error.event_id == UPDATE_ID:
            self._model.shut()
            self._actions.log("upstream_rejected", cause="bad_session", detail=code)
            self._actions.do(NoteModel(False))
            return Ending("upstream_rejected", REJECTED, False, UPSTREAM_FAILED, "bad_session")
        if self._model.state != "connected":
            return None  # a close follows, and `classify` will say what it was
        if needs_a_person(error.type or "", code):
            self._actions.log("upstream_rejected", cause=code or safe_word(error.type or ""))
        self._tell(error)
        return None

    def _tell(self, error: ErrorFacts) -> None:
        name = error.event_id or ""
        if error.code == "session_expired" or self._is_of_ours(name):
            return  # a close follows, which is mended; or nobody has asked for it
        asked = self._outstanding.refused(name) if name else None
        match asked:
            case Asked(kind="session.update"):
                self._updating.on_refused(name)
            case Asked(kind="input_audio_buffer.commit"):
                self._model.rebuilding.not_committed(name)
        ref = asked.ref if asked else None if name.startswith(OURS) else name
        message = self._veil.message(error.message or GENERIC)
        kind = error.type or "invalid_request_error"
        self._actions.say(RelayedError(kind, error.code, message, error.param, ref or None))

    def _is_of_ours(self, name: str) -> bool:
        """What was told the model by the gateway itself."""
        rebuilding = self._model.rebuilding
        if name.startswith(TOOL_ID):
            rebuilding.ledger.remove(name)
            return True
        return self._answers.refused(name) or rebuilding.refused(name) or name in OF_OURS
