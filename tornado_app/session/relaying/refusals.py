"""The model's ``error`` events, as the client is shown them."""

from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.realtime.events import ErrorFacts
from tornado_app.protocol.told import RelayedError
from tornado_app.session.model_errors import judge
from tornado_app.session.model_side import TRUNCATE_ID
from tornado_app.session.parts import Parts
from tornado_app.session.rebuilding import HISTORY_ID
from tornado_app.session.relaying.answers import CANCEL_ID
from tornado_app.session.relaying.asking import Asking
from tornado_app.session.relaying.outstanding import OURS
from tornado_app.session.relaying.parts import RelayedParts
from tornado_app.session.relaying.tools import TOOL_ID
from tornado_app.session.relaying.veil import GENERIC

OF_OURS = frozenset({HISTORY_ID, TRUNCATE_ID, CANCEL_ID})


class Refusals:
    """Thread: loop."""

    def __init__(self, parts: Parts, relayed: RelayedParts, asking: Asking) -> None:
        self._actions = parts.actions
        self._model = parts.model
        self._outstanding = relayed.outstanding
        self._asking = asking
        self._veil = relayed.veil
        self._answers = relayed.answers

    def on_error(self, error: ErrorFacts) -> Ending | Failure | None:
        """As of `model_errors.judge`; what is about the client's own, it is told."""
        end = judge(error, self._model, self._actions)
        if end is None and self._model.state == "connected":
            self._tell(error)
        return end

    def _tell(self, error: ErrorFacts) -> None:
        name = error.event_id or ""
        if error.code == "session_expired" or self._is_of_ours(name):
            return  # a close follows, which is mended; or nobody has asked for it
        asked = self._outstanding.refused(name) if name else None
        if asked:
            self._asking.undo(asked)
        ref = asked.ref if asked else None if name.startswith(OURS) else error.event_id
        message = self._veil.message(error.message or GENERIC)
        kind = error.type or "invalid_request_error"
        self._actions.say(RelayedError(kind, error.code, message, error.param, ref))

    def _is_of_ours(self, name: str) -> bool:
        """What was told the model by the gateway itself."""
        rebuilding = self._model.rebuilding
        if name.startswith(TOOL_ID):
            rebuilding.ledger.remove(name)
            return True
        return self._answers.refused(name) or rebuilding.refused(name) or name in OF_OURS
