"""The way to the model: dial, configure, hold back until it is ready, dial again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tornado_app.admission.budget import Budget
from tornado_app.failover.upstreams import PLAIN, Upstream
from tornado_app.policy.formats import CallFormats
from tornado_app.protocol.endings import Ending, Failure, classify, safe_word
from tornado_app.protocol.realtime.events import ErrorFacts, SessionFacts
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import ModelSession, session_body
from tornado_app.protocol.realtime.orders import (
    AnyOrder,
    CreateItem,
    Truncate,
    UpdateSession,
)
from tornado_app.protocol.told import ConnectionStatus, Context, Negotiated, UpstreamStatus, Why
from tornado_app.session import term
from tornado_app.session.actions import Actions
from tornado_app.session.commands import (
    CloseUpstream,
    DialUpstream,
    NoteModel,
    SwapUpstream,
)
from tornado_app.session.config import SessionConfig
from tornado_app.session.events import UpstreamOpened
from tornado_app.session.heard import Heard
from tornado_app.session.log_lines import log_lost
from tornado_app.session.negotiated import first_formats, negotiated
from tornado_app.session.once import Once
from tornado_app.session.order_gate import OrderGate
from tornado_app.session.prepared import PreparedModel
from tornado_app.session.rebuilding import CarriedOver, Rebuilding
from tornado_app.session.redialling import Loss, Redialling
from tornado_app.session.term import Term
from tornado_app.session.timers import Timers

UPDATE_ID = "parley_session"
TRUNCATE_ID = "parley_truncate"
CONFIGURE_S = 1.0
"""From the model's session to our own, while there are others: a model takes it in 0.1 s."""
NOT_READY = Failure("open", "timeout", detail="not ready")
"""A model took the connection, and said nothing of a session in time."""


class ModelSide:
    """One link after the other, and what the model is told and says of itself.

    "connected" means that the model's own ``session.created`` and ``session.updated`` were seen:
    a bad key or an empty account shows itself only after the handshake.  Thread: loop.
    """

    __slots__ = (
        "_actions",
        "_ahead",
        "_config",
        "_context",
        "_created",
        "_has_opened",
        "_last_error",
        "_loss",
        "_reason",
        "_redialling",
        "_served_by",
        "_spare_s",
        "_timers",
        "_updated",
        "body",
        "connected_at",
        "connections",
        "gate",
        "has_begun",
        "has_spoken",
        "heard",
        "in_force",
        "once",
        "rebuilding",
        "state",
        "term",
        "upstream",
    )

    def __init__(
        self,
        config: SessionConfig,
        actions: Actions,
        timers: Timers,
        budget: Budget,
        jitter: Callable[[], float],
        *,
        rebuilding: Rebuilding,
    ) -> None:
        self._config = config
        self._actions = actions
        self._timers = timers
        self._redialling = Redialling(config, jitter)
        self.rebuilding = rebuilding
        self.gate = OrderGate(config, actions, timers, budget, rebuilding.speech)
        self._served_by = ""
        self.upstream = PLAIN
        """Which of several it is, or was last."""
        self._has_opened = False
        self._spare_s: float | None = None
        """How long the link was open before it was this call's; None: it was dialled for it."""
        self._created: SessionFacts | None = None
        self._updated = False
        self._last_error: ErrorFacts | None = None
        self.in_force: ModelSession = config.model_session
        """What the model has taken, and the next one is begun with."""
        self.body: Callable[[Upstream], dict[str, Any]] = self._body
        """What a model is begun with, as the API has it."""
        self.has_spoken = False
        """There was audio on this link: its voice cannot change any more."""
        self.has_begun = False
        """There was a turn, or one is kept for the model."""
        self.state: UpstreamStatus = "connecting"
        self.connected_at: float | None = None
        self.connections = 0
        self.heard = Heard()
        self.once = Once()
        self._context: Context | None = None
        """What the model knows of the conversation, if it is not the first."""
        self._reason: Why | None = None
        """Why it is another one, if the one before was not lost."""
        self.term = Term(config, jitter)
        self._loss: Loss | None = None
        self._ahead: list[CreateItem] = []
        """What the next one was told before this one was left."""

    @property
    def name(self) -> str:
        """Who answers, as it says itself; before that, who was asked."""
        created = self._created.model if self._created else ""
        return self._served_by or created or self.upstream.asked(self.in_force).asked_model

    @property
    def has_others(self) -> bool:
        """What one upstream refuses, another may give."""
        return self._config.upstreams > 1

    @property
    def client_functions(self) -> tuple[Function, ...]:
        """The tools of the client that the model has been told of."""
        return self.in_force.tools

    @property
    def finds_speech(self) -> bool:
        """The model looks for the user's turns by itself."""
        return self.in_force.turn_detection != "none"

    @property
    def finds_within_s(self) -> int | None:
        """How soon it has said that speech began which it hears; None: it does not look for any, or
        would not be heard.
        """
        if not self.finds_speech:
            return None
        # A model that is left is not asked whether it has caught up.
        is_clear = self.gate.is_free and not self.gate.unsent_bytes
        return self.heard.finds_within_s(is_clear=is_clear and not self.term.is_nearly_over)

    @property
    def answers_unasked(self) -> bool:
        """It begins an answer to each turn that it has found."""
        return self.in_force.create_response and not self.in_force.only_transcribes

    @property
    def reconnects(self) -> int:
        return max(0, self.connections - 1)

    def open(self, resume_token: str | None) -> None:
        self.say_first(first_formats(self._config), resume_token)
        self._dial()

    def say_first(
        self, formats: CallFormats, resume_token: str | None, *, is_back: bool = False
    ) -> None:
        """How things are, to a client that has come, or has come back."""
        ignored = () if is_back else self._config.ignored
        self._say(
            negotiated=negotiated(self._config, formats, self.in_force, ignored),
            resume_token=resume_token,
            chunk=self._actions.chunk if is_back else None,
            received=self._actions.received if is_back else None,
            resumed=is_back if is_back or self._config.wants_resume else None,
        )

    def send(self, order: AnyOrder) -> bool:
        """As of `OrderGate.send`."""
        return self.gate.send(order)

    def truncate(self, item_id: str, heard_ms: int) -> list[AnyOrder]:
        """Of an answer only so much was heard; returns what the model is told anew for that."""
        if not self.rebuilding.cut(item_id, heard_ms):
            self.send(Truncate(item_id, heard_ms, content_index=0, event_id=TRUNCATE_ID))
        elif not self.gate.kept.change_first(self.rebuilding.retold):
            again = self.rebuilding.again(item_id)
            for order in again:
                self.send(order)
            return again
        return []

    def forget_speech(self) -> float:
        """The client wants no turn of what it was saying.  Returns how much had not left."""
        self.rebuilding.names.cleared()
        return self.gate.kept.forget_audio()

    def on_opened(self, opened: UpstreamOpened) -> None:
        self._served_by, self.upstream = opened.served_by, opened.upstream
        self._has_opened, self._spare_s = True, opened.spare_s
        self._actions.log(
            "upstream_open",
            connect_ms=round(opened.connect_ms, 1),
            spare_s=None if opened.spare_s is None else round(opened.spare_s, 1),
        )
        if self.has_others or opened.spare_s is not None:
            patience_s = min(CONFIGURE_S, self._config.ready_timeout_s)
            self._timers.set("ready", self._actions.now + patience_s)
        # Allowed before session.created is read, and saves a round trip.
        self.gate.let_go(UpdateSession(session=self.body(self.upstream), event_id=UPDATE_ID))

    def _body(self, upstream: Upstream) -> dict[str, Any]:
        return session_body(upstream.asked(self.in_force), self._config.tools.told)

    def on_created(self, facts: SessionFacts) -> bool:
        """True: it is connected with this."""
        self._created = facts
        return self._connect_if_ready()

    def on_updated(self) -> bool:
        """True: it is connected with this."""
        self._updated = True
        return self._connect_if_ready()

    def due(self, since: float, timeout_s: float) -> float | None:
        """When the model is late with what it should say within *timeout_s* of *since*.

        The time counts only while it could hear us and we it.  None: it cannot hear us at all.
        """
        if not self.gate.is_open:
            return None
        return max(since, self.gate.caught_up_at, self.heard.unheard_until) + timeout_s

    def look(self, *, is_read: bool, unanswered_s: float) -> None:
        """Once a second.  One that *is_read* not, as the client takes no more, is not late; of one
        that has not answered a ping for a while nobody knows what it heard.
        """
        if self.heard.look(self._actions.now, is_read=is_read, unanswered_s=unanswered_s):
            self.rebuilding.speech.doubt()

    def on_round_trip(self, latency_ms: float) -> None:
        """It has answered a ping, so it had heard what was said before that."""
        self.heard.latency_ms = latency_ms
        self.rebuilding.speech.believe()

    def on_error(self, error: ErrorFacts) -> None:
        """Remember *error*: if the link ends now, it says why.

        One that answers an order of ours ends nothing, but for the configuration.
        """
        if error.event_id in {None, UPDATE_ID}:
            self._last_error = error

    def on_lost(
        self, failure: Failure, error: ErrorFacts | None = None, *, has_spare: bool = False
    ) -> Ending | None:
        """The link is gone.  The ending to tell the client, or None: it will be dialled again.

        *error*: what the model said before, if it was not heard here; *has_spare*: another one is
        open, so that there is nothing to wait for.
        """
        now = self._actions.now
        ending = classify(failure, error or self._last_error)
        if self._spare_s is not None and self.connected_at is None:
            self._replace_spare(ending.cause)
            return None
        held_s = None if self.connected_at is None else now - self.connected_at
        let_down = self.upstream.name if self.has_others and self._has_opened else None
        note = self._note(ending)
        self._forget_link()
        is_kept = self.rebuilding.ledger.is_kept
        loss = self._redialling.judge(failure, ending, held_s, let_down=let_down, is_kept=is_kept)
        if held_s is not None:
            self._reason = "session_limit" if ending.code == "session_expired" else None
        self._loss = loss
        if note is not None:
            self._actions.do(note)
        if loss.wait_s is None:
            self.log_loss()
            self.state = "disconnected"
            self._say()
            return ending
        self.state = "reconnecting"
        self._say(attempt=loss.attempt, reason=self._reason)
        if has_spare and loss.attempt == 1 and not loss.asked_s:
            self._dial()
        else:
            self._timers.set("redial", now + loss.wait_s)
        return None

    def log_loss(self) -> None:
        """A line takes longer than to tell the client, and may be written when that is done."""
        loss, self._loss = self._loss, None
        if loss is not None:
            log_lost(self._actions, loss)

    def _replace_spare(self, cause: str) -> None:
        """It was open too long, for whatever reason: that says nothing of the model."""
        self._actions.log("spare_link_stale", cause=cause)
        self._forget_link()
        self._dial(is_fresh=True)

    def _note(self, ending: Ending) -> NoteModel | None:
        if self.has_others:
            # Of those that were dialled in vain, the race has told.
            return NoteModel(False, self.upstream.name, ending) if self._has_opened else None
        return NoteModel(False) if ending.code == "upstream_rejected" else None

    def carry_over(self) -> CarriedOver | None:
        """A link that was connected is gone, and is dialled again: what the next model is told.

        None: of the conversation it is told nothing.
        """
        if not self.rebuilding.ledger.is_kept:
            self.gate.kept.forget()
            self.rebuilding.forget()
            self.has_begun = False
            self._context = "lost"
            return None
        unsent = self.gate.kept.take_speech()
        is_told = not self.in_force.only_transcribes
        ahead, self._ahead = self._ahead, []
        carried = self.rebuilding.carry_over(unsent, is_told=is_told, ahead=ahead)
        self.gate.kept.put_first(carried.orders)
        self._context = "rebuilt"
        return carried

    def has_expired(self, failure: Failure) -> bool:
        """The model has ended a session that was as long as it may be."""
        return classify(failure, self._last_error).code == "session_expired"

    def leave(self, next_one: PreparedModel) -> None:
        """It is to be one that `is_ready` from now on.  Have it `carry_over`, and then `arrive`."""
        self._forget_link()
        self.state = "reconnecting"
        self._ahead = next_one.told
        self._actions.do(SwapUpstream())

    def arrive(self, next_one: PreparedModel, reason: Why) -> None:
        """It is."""
        self._redialling.succeeded()
        self._created, self._served_by = next_one.created, next_one.served_by
        self.upstream, self._has_opened = next_one.upstream, True
        self._updated = True
        for event_id in next_one.refused:
            self.rebuilding.refused(event_id)
        self._be_connected(next_one.begun_at, reason)
        self.gate.release()

    def on_usage(self, usage: dict[str, Any] | None) -> None:
        """An answer is over, and says how much the model knows."""
        if self.term.counts(usage):
            self._timers.set(term.TIMER, self._actions.now)

    def redial(self) -> None:
        self._dial()

    def choose(self, model: str) -> None:
        """Have the call answered by this one: whoever is there has been asked nothing."""
        was_connected = self.state == "connected"
        self._actions.do(CloseUpstream())
        self._timers.clear("redial")
        self._forget_link()
        if was_connected:
            self.carry_over()
            self.state = "reconnecting"
        self.in_force = replace(self.in_force, model=model)
        self._dial(model)

    def shut(self) -> None:
        """The session ends: nothing is kept, nothing is dialled."""
        self.state = "disconnected"
        self.gate.kept.forget()
        self.rebuilding.forget()
        self.gate.shut()

    def _dial(self, model: str | None = None, *, is_fresh: bool = False) -> None:
        self._timers.set("ready", self._actions.now + self._config.ready_timeout_s)
        is_again, asked_model = self.connections > 0, self.in_force.asked_model
        self._actions.log("upstream_dialled", again=is_again, asked_model=asked_model)
        self._actions.do(DialUpstream(model, is_fresh))

    def _forget_link(self) -> None:
        self._timers.clear("ready")
        self._timers.clear(term.TIMER)
        self.gate.shut()
        self._created = None
        self._updated = self.has_spoken = self._has_opened = False
        self._last_error = None
        self.connected_at = self._spare_s = None
        self.heard.forget()
        self.once.forget()

    def _connect_if_ready(self) -> bool:
        if self._created is None or not self._updated or self.state == "connected":
            return False
        self._timers.clear("ready")
        self.connections += 1
        self._be_connected(self._actions.now - (self._spare_s or 0.0), self._reason)
        self._actions.log(
            "upstream_connected",
            model=self.name,
            model_session=safe_word(self._created.id),
            reconnects=self.reconnects,
            upstream=self.upstream.name or None,
        )
        if not self.rebuilding.is_begun:
            for order in self.rebuilding.history(self.in_force.history):
                self.gate.let_go(order)
        self.gate.release()
        return True

    def _be_connected(self, begun_at: float, reason: Why | None) -> None:
        now = self._actions.now
        self.state, self.connected_at = "connected", now
        self.gate.is_open = True
        expires_at = _unix_s(self._created.expires_at) if self._created else None
        self.term.begin(begun_at, expires_at, now)
        if self.term.look_at is not None:
            self._timers.set(term.TIMER, self.term.look_at)
        self._say(
            attempt=self._redialling.attempt or None,
            expires_at=None if expires_at is None else int(expires_at * 1000),
            context=self._context,
            reason=reason,
        )
        self._actions.do(NoteModel(True, self.upstream.name))

    def _say(
        self,
        attempt: int | None = None,
        expires_at: int | None = None,
        context: Context | None = None,
        negotiated: Negotiated | None = None,
        *,
        reason: Why | None = None,
        resumed: bool | None = None,
        resume_token: str | None = None,
        chunk: int | None = None,
        received: int | None = None,
    ) -> None:
        self._actions.say(
            ConnectionStatus(
                status=self.state,
                session_id=self._config.session_id,
                model=self.name,
                attempt=attempt,
                expires_at=expires_at,
                resumed=resumed,
                context=context,
                context_lost=True if context == "lost" else None,
                reason=reason,
                negotiated=negotiated,
                resume_token=resume_token,
                chunk=chunk,
                received=received,
            )
        )


def _unix_s(unix_s: float | None) -> float | None:
    """A time of the model's, if it is one: before the year 5000."""
    return unix_s if unix_s is not None and 0 < unix_s < 1e11 else None
