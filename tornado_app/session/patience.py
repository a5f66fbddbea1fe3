"""How long the model may take for what is waited for, of answers."""

from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.known_answers import KnownAnswers
from tornado_app.session.model_side import ModelSide
from tornado_app.session.request import Request
from tornado_app.session.timers import Timers

TIMER = "response"
CANCEL_TIMEOUT_S = 5.0
"""A model ends an answer some milliseconds after it was told to."""


class Patience:
    """What is waited for, answers and the request say; this knows since when.  Thread: loop."""

    def __init__(
        self,
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
        *,
        known: KnownAnswers,
        request: Request,
    ) -> None:
        self._config = config
        self._model = model
        self._actions = actions
        self._timers = timers
        self._known = known
        self._request = request
        self._since = 0.0
        """When the present wait began, or the answer that runs was last heard of."""

    def begin(self) -> None:
        """Wait anew, for what is to come next."""
        self._since = self._actions.now
        self.arm()

    def heard(self) -> None:
        """Something came of the answer that runs.  The timer stays: it looks again when it ends."""
        self._since = self._actions.now

    def arm(self) -> None:
        """Be woken when what is waited for is late."""
        due_at = self._due_at()
        if due_at is None:
            self._timers.clear(TIMER)
        else:
            self._timers.set(TIMER, due_at)

    def is_over(self) -> bool:
        """Whether what is waited for is late by now."""
        due_at = self._due_at()
        return due_at is not None and self._actions.now >= due_at

    def _due_at(self) -> float | None:
        if self._known.is_heard:
            return self._model.due(self._since, self._config.response_stall_s)
        if self._known.running is not None or self._request.state == "busy":
            return self._model.due(self._since, CANCEL_TIMEOUT_S)
        if self._request.state != "none":
            return self._model.due(self._since, self._config.response_timeout_s)
        return None
