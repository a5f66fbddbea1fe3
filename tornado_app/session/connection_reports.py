"""What the client is told of its connection: how it is, who answers, and what that model knows."""

from tornado_app.policy.formats import CallFormats
from tornado_app.protocol.told import ConnectionStatus, Why
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.model_side import ModelSide
from tornado_app.session.negotiated import negotiated


class ConnectionReports:
    """Says it as it is now.  Thread: loop."""

    __slots__ = ("_actions", "_config", "_model")

    def __init__(self, config: SessionConfig, actions: Actions, model: ModelSide) -> None:
        self._config = config
        self._actions = actions
        self._model = model

    def first(
        self, formats: CallFormats, resume_token: str | None, *, is_back: bool = False
    ) -> None:
        """How things are, to a client that has come, or has come back."""
        ignored = () if is_back else self._config.ignored
        self._actions.say(
            ConnectionStatus(
                status=self._model.state,
                session_id=self._config.session_id,
                model=self._model.name,
                resumed=is_back if is_back or self._config.wants_resume else None,
                negotiated=negotiated(self._config, formats, self._model.in_force, ignored),
                resume_token=resume_token,
                chunk=self._actions.chunk if is_back else None,
                received=self._actions.received if is_back else None,
            )
        )

    def connected(self, attempt: int, expires_at_unix_s: float | None, reason: Why | None) -> None:
        """*reason*: why it is another model, if the one before was not lost."""
        context = self._model.context
        self._actions.say(
            ConnectionStatus(
                status=self._model.state,
                session_id=self._config.session_id,
                model=self._model.name,
                attempt=attempt or None,
                expires_at=None if expires_at_unix_s is None else int(expires_at_unix_s * 1000),
                context=context,
                context_lost=True if context == "lost" else None,
                reason=reason,
            )
        )

    def lost(self, attempt: int | None = None, reason: Why | None = None) -> None:
        """*attempt*: which the next dial is; None: there is none."""
        self._actions.say(
            ConnectionStatus(
                status=self._model.state,
                session_id=self._config.session_id,
                model=self._model.name,
                attempt=attempt,
                reason=reason,
            )
        )
