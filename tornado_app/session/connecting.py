"""One link to the model after the other: dialled, made ready, lost, or left for a prepared one."""

from collections.abc import Callable
from dataclasses import replace

from tornado_app.protocol.endings import Ending, Failure, safe_word
from tornado_app.protocol.realtime.events import ErrorFacts, SessionFacts
from tornado_app.protocol.realtime.orders import UpdateSession
from tornado_app.protocol.told import Why
from tornado_app.session import term
from tornado_app.session.actions import Actions
from tornado_app.session.commands import CloseUpstream, DialUpstream, NoteModel, SwapUpstream
from tornado_app.session.config import SessionConfig
from tornado_app.session.connection_reports import ConnectionReports
from tornado_app.session.events import UpstreamOpened
from tornado_app.session.log_lines import log_lost
from tornado_app.session.model_side import UPDATE_ID, ModelSide
from tornado_app.session.prepared import PreparedModel
from tornado_app.session.redialling import Loss, Redialling
from tornado_app.session.timers import Timers

CONFIGURE_S = 1.0
"""From the model's session to our own, while there are others: a model takes it in 0.1 s."""
NOT_READY = Failure("open", "timeout", detail="not ready")
"""A model took the connection, and said nothing of a session in time."""


class Connecting:
    """Has the model connected, and again when it was lost.  Thread: loop.

    "connected" means that the model's own ``session.created`` and ``session.updated`` were seen:
    a bad key or an empty account shows itself only after the handshake.
    """

    __slots__ = (
        "_actions",
        "_config",
        "_connections",
        "_has_opened",
        "_loss",
        "_model",
        "_reason",
        "_redialling",
        "_reports",
        "_spare_s",
        "_timers",
        "_updated",
        "connected_at",
    )

    def __init__(
        self,
        config: SessionConfig,
        actions: Actions,
        timers: Timers,
        jitter: Callable[[], float],
        *,
        model: ModelSide,
        reports: ConnectionReports,
    ) -> None:
        self._config = config
        self._actions = actions
        self._timers = timers
        self._redialling = Redialling(config.dialling, jitter)
        self._model = model
        self._reports = reports
        self._has_opened = False
        self._spare_s: float | None = None
        """How long the link was open before it was this call's; None: it was dialled for it."""
        self._updated = False
        self.connected_at: float | None = None
        self._connections = 0
        self._reason: Why | None = None
        """Why it is another one, if the one before was not lost."""
        self._loss: Loss | None = None

    @property
    def reconnects(self) -> int:
        return max(0, self._connections - 1)

    def dial(self, model: str | None = None, *, is_fresh: bool = False) -> None:
        """*model*: one that the client has chosen; *is_fresh*: no link that was open before."""
        self._timers.set("ready", self._actions.now + self._config.dialling.ready_timeout_s)
        is_again, asked_model = self._connections > 0, self._model.in_force.asked_model
        self._actions.log("upstream_dialled", again=is_again, asked_model=asked_model)
        self._actions.do(DialUpstream(model, is_fresh))

    def choose(self, name: str) -> None:
        """Have the call answered by this one: whoever is there has been asked nothing."""
        model = self._model
        was_connected = model.state == "connected"
        self._actions.do(CloseUpstream())
        self._timers.clear("redial")
        self._forget_link()
        if was_connected:
            model.carry_over()
            model.state = "reconnecting"
        model.in_force = replace(model.in_force, model=name)
        self.dial(name)

    def on_opened(self, opened: UpstreamOpened) -> None:
        model = self._model
        model.served_by, model.upstream = opened.served_by, opened.upstream
        self._has_opened, self._spare_s = True, opened.spare_s
        self._actions.log(
            "upstream_open",
            connect_ms=round(opened.connect_ms, 1),
            spare_s=None if opened.spare_s is None else round(opened.spare_s, 1),
        )
        if model.has_others or opened.spare_s is not None:
            patience_s = min(CONFIGURE_S, self._config.dialling.ready_timeout_s)
            self._timers.set("ready", self._actions.now + patience_s)
        # Allowed before session.created is read, and saves a round trip.
        model.gate.let_go(UpdateSession(session=model.body(model.upstream), event_id=UPDATE_ID))

    def on_created(self, facts: SessionFacts) -> bool:
        """True: it is connected with this."""
        self._model.created = facts
        return self._connect_if_ready()

    def on_updated(self) -> bool:
        """True: it is connected with this."""
        self._updated = True
        return self._connect_if_ready()

    def on_lost(
        self, failure: Failure, error: ErrorFacts | None = None, *, has_spare: bool = False
    ) -> Ending | None:
        """The link is gone.  The ending to tell the client, or None: it will be dialled again.

        *error*: what the model said before, if it was not heard here; *has_spare*: another one is
        open, so that there is nothing to wait for.
        """
        model, now = self._model, self._actions.now
        ending = model.ending(failure, error)
        if self._spare_s is not None and self.connected_at is None:
            self._replace_spare(ending.cause)
            return None
        held_s = None if self.connected_at is None else now - self.connected_at
        let_down = model.upstream.name if model.has_others and self._has_opened else None
        note = self._note(ending)
        self._forget_link()
        is_kept = model.rebuilding.ledger.is_kept
        loss = self._redialling.judge(failure, ending, held_s, let_down=let_down, is_kept=is_kept)
        if held_s is not None:
            self._reason = "session_limit" if ending.code == "session_expired" else None
        self._loss = loss
        if note is not None:
            self._actions.do(note)
        if loss.wait_s is None:
            self.log_loss()
            model.state = "disconnected"
            self._reports.lost()
            return ending
        model.state = "reconnecting"
        self._reports.lost(loss.attempt, self._reason)
        if has_spare and loss.attempt == 1 and not loss.asked_s:
            self.dial()
        else:
            self._timers.set("redial", now + loss.wait_s)
        return None

    def log_loss(self) -> None:
        """A line takes longer than to tell the client, and may be written when that is done."""
        loss, self._loss = self._loss, None
        if loss is not None:
            log_lost(self._actions, loss)

    def leave(self, next_one: PreparedModel) -> None:
        """It is to be one that `is_ready` from now on.  Have what the model knew carried over, and
        then `arrive`.
        """
        self._forget_link()
        self._model.state = "reconnecting"
        self._model.ahead = next_one.told
        self._actions.do(SwapUpstream())

    def arrive(self, next_one: PreparedModel, reason: Why) -> None:
        """It is."""
        model = self._model
        self._redialling.succeeded()
        model.created, model.served_by = next_one.created, next_one.served_by
        model.upstream, self._has_opened = next_one.upstream, True
        self._updated = True
        for event_id in next_one.refused:
            model.rebuilding.refused(event_id)
        self._be_connected(next_one.begun_at, reason)
        model.gate.release()

    def _replace_spare(self, cause: str) -> None:
        """It was open too long, for whatever reason: that says nothing of the model."""
        self._actions.log("spare_link_stale", cause=cause)
        self._forget_link()
        self.dial(is_fresh=True)

    def _note(self, ending: Ending) -> NoteModel | None:
        if self._model.has_others:
            # Of those that were dialled in vain, the race has told.
            return NoteModel(False, self._model.upstream.name, ending) if self._has_opened else None
        return NoteModel(False) if ending.code == "upstream_rejected" else None

    def _forget_link(self) -> None:
        self._timers.clear("ready")
        self._timers.clear(term.TIMER)
        self._model.forget_link()
        self._updated = self._has_opened = False
        self.connected_at = self._spare_s = None

    def _connect_if_ready(self) -> bool:
        model = self._model
        if model.created is None or not self._updated or model.state == "connected":
            return False
        self._timers.clear("ready")
        self._connections += 1
        self._be_connected(self._actions.now - (self._spare_s or 0.0), self._reason)
        self._actions.log(
            "upstream_connected",
            model=model.name,
            model_session=safe_word(model.created.id),
            reconnects=self.reconnects,
            upstream=model.upstream.name or None,
        )
        model.tell_history()
        model.gate.release()
        return True

    def _be_connected(self, begun_at: float, reason: Why | None) -> None:
        model, now = self._model, self._actions.now
        model.state, self.connected_at = "connected", now
        model.gate.is_open = True
        expires_at = _unix_s(model.created.expires_at) if model.created else None
        model.term.begin(begun_at, expires_at, now)
        if model.term.look_at is not None:
            self._timers.set(term.TIMER, model.term.look_at)
        self._reports.connected(self._redialling.attempt, expires_at, reason)
        self._actions.do(NoteModel(True, model.upstream.name))


def _unix_s(unix_s: float | None) -> float | None:
    """A time of the model's, if it is one: before the year 5000."""
    return unix_s if unix_s is not None and 0 < unix_s < 1e11 else None
