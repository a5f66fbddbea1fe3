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

    __slots__ = (
        "_actions",
        "_config",
        "_first_since",
        "_known",
        "_model",
        "_request",
        "_since",
        "_timers",
    )

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
        self._first_since: float | None = None
        """When an answer was asked for, or began, of which nothing has come."""
        self._since = 0.0
        """When the present wait began, or the answer that runs was last heard of."""

    def begin(self) -> None:
        """Wait anew, for what is to come next."""
        self._since = self._actions.now
        self.arm()

    def connected(self) -> None:
        """What was asked for is on its way only now."""
        if self._first_since is not None:
            self._first_since = self._actions.now
        self.begin()

    def ask(self) -> None:
        """Wait for the first sound, or word, of an answer."""
        if self._first_since is None:
            self._first_since = self._actions.now
        self.begin()

    def sounded(self) -> None:
        """It has come."""
        self._first_since = None
        self._since = self._actions.now

    def forget_first(self) -> None:
        """Nobody waits for it any more."""
        self._first_since = None

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

    @property
    def is_first_late(self) -> bool:
        """Whether it is the first sound of an answer."""
        due_at = self._first_due_at()
        return due_at is not None and self._actions.now >= due_at

    def _due_at(self) -> float | None:
        dues = (self._next_due_at(), self._first_due_at())
        return min((due_at for due_at in dues if due_at is not None), default=None)

    def _first_due_at(self) -> float | None:
        timeout_s = self._config.times.first_audio_s
        is_awaited = self._known.is_heard or self._is_expected or self._request.state == "asked"
        if not timeout_s or self._first_since is None or not is_awaited:
            return None
        return self._model.due(self._first_since, timeout_s)

    def _next_due_at(self) -> float | None:
        if self._known.is_heard:
            return self._model.due(self._since, self._config.answers.response_stall_s)
        is_unwanted = self._known.is_unwanted and self._request.state == "none"
        if self._known.running is not None or self._request.state == "busy" or is_unwanted:
            return self._model.due(self._since, CANCEL_TIMEOUT_S)
        if self._request.state != "none" or self._is_expected:
            return self._model.due(self._since, self._config.answers.response_timeout_s)
        return None

    @property
    def _is_expected(self) -> bool:
        """The model is to begin an answer by itself, while none runs."""
        return self._known.is_expected and self._known.running is None
