"""The answer to a turn that the model has found: it begins unasked, and may never come."""

import msgspec

from tornado_app.protocol.realtime.orders import Relayed
from tornado_app.session.actions import Actions
from tornado_app.session.model_side import ModelSide

OWED_ID = "parley_answer_owed"


class Owed:
    """Thread: loop."""

    def __init__(self, actions: Actions, model: ModelSide) -> None:
        self._actions = actions
        self._model = model
        self.since: float | None = None
        """Since when it is; None: none is."""
        self._is_closed = False

    def __bool__(self) -> bool:
        return self.since is not None

    def turn(self) -> None:
        """The model has found one."""
        is_one = self._model.answers_unasked and not self._is_closed
        self.since = self._actions.now if is_one else None

    def forget(self) -> None:
        """An answer has begun, the user goes on, or it is waited for no more."""
        self.since = None

    def close(self) -> None:
        """No answer begins any more."""
        self._is_closed = True
        self.forget()

    def ask(self) -> None:
        """Ask the next model for what the one before owed, and nobody has asked for."""
        if self:
            event = {"type": "response.create", "event_id": OWED_ID}
            self._model.send(Relayed(msgspec.json.encode(event), OWED_ID))
