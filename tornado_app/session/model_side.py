"""What the model is told and says of itself, whichever link leads to it."""

from collections.abc import Callable
from typing import Any

from tornado_app.admission.budget import Budget
from tornado_app.failover.upstreams import PLAIN, Upstream
from tornado_app.protocol.endings import Ending, Failure, classify
from tornado_app.protocol.realtime.events import ErrorFacts, SessionFacts
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import ModelSession, session_body
from tornado_app.protocol.realtime.orders import AnyOrder, CreateItem, Truncate
from tornado_app.protocol.told import Context, UpstreamStatus
from tornado_app.session import term
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.heard import Heard
from tornado_app.session.once import Once
from tornado_app.session.order_gate import OrderGate
from tornado_app.session.rebuilding import CarriedOver, Rebuilding
from tornado_app.session.term import Term
from tornado_app.session.timers import Timers

UPDATE_ID = "parley_session"
TRUNCATE_ID = "parley_truncate"


class ModelSide:
    """Of one session, whichever model it is: `Connecting` goes from one to the next.

    Thread: loop.
    """

    __slots__ = (
        "_actions",
        "_config",
        "_last_error",
        "_timers",
        "ahead",
        "body",
        "context",
        "created",
        "gate",
        "has_begun",
        "has_spoken",
        "heard",
        "in_force",
        "once",
        "rebuilding",
        "served_by",
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
        self.rebuilding = rebuilding
        self.gate = OrderGate(config, actions, timers, budget, rebuilding.speech)
        self.served_by = ""
        """Who answers, as the link says."""
        self.upstream = PLAIN
        """Which of several it is, or was last."""
        self.created: SessionFacts | None = None
        """What it says itself; None: nothing yet, on this link."""
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
        self.heard = Heard()
        self.once = Once()
        self.context: Context | None = None
        """What the model knows of the conversation, if it is not the first."""
        self.term = Term(config, jitter)
        self.ahead: list[CreateItem] = []
        """What the next one was told before this one was left."""

    @property
    def name(self) -> str:
        """Who answers, as it says itself; before that, who was asked."""
        created = self.created.model if self.created else ""
        return self.served_by or created or self.upstream.asked(self.in_force).asked_model

    @property
    def has_others(self) -> bool:
        """What one upstream refuses, another may give."""
        return self._config.dialling.upstreams > 1

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

    def send(self, order: AnyOrder) -> bool:
        """As of `OrderGate.send`."""
        return self.gate.send(order)

    def withdraw(self, event_id: str) -> bool:
        """As of `KeptOrders.withdraw`."""
        return self.gate.kept.withdraw(event_id)

    def truncate(self, item_id: str, heard_ms: int) -> list[AnyOrder]:
        """Of an answer only so much was heard; returns what the model is told anew for that."""
        if not self.rebuilding.cut(item_id, heard_ms):
            if self.gate.is_open:  # else the next has nothing of it that could be cut
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

    def ending(self, failure: Failure, error: ErrorFacts | None = None) -> Ending:
        """What it means that its link is gone by *failure*.

        *error*: what the model said before, if it was not heard here.
        """
        return classify(failure, error or self._last_error)

    def has_expired(self, failure: Failure) -> bool:
        """The model has ended a session that was as long as it may be."""
        return self.ending(failure).code == "session_expired"

    def forget_link(self) -> None:
        """It is gone, and the next leads to another model."""
        self.gate.shut()
        self.created = self._last_error = None
        self.has_spoken = False
        self.heard.forget()
        self.once.forget()

    def tell_history(self) -> None:
        """Have it told what was said before the call, unless it was told of a past already."""
        if not self.rebuilding.is_begun:
            for order in self.rebuilding.history(self.in_force.history):
                self.gate.let_go(order)

    def carry_over(self) -> CarriedOver | None:
        """A link that was connected is gone, and is dialled again: what the next model is told.

        None: of the conversation it is told nothing.
        """
        if not self.rebuilding.ledger.is_kept:
            self.gate.kept.forget()
            self.rebuilding.forget()
            self.has_begun = False
            self.context = "lost"
            return None
        unsent = self.gate.kept.take_speech()
        is_told = not self.in_force.only_transcribes
        ahead, self.ahead = self.ahead, []
        carried = self.rebuilding.carry_over(unsent, is_told=is_told, ahead=ahead)
        self.gate.kept.put_first(carried.orders)
        self.context = "rebuilt"
        return carried

    def on_usage(self, usage: dict[str, Any] | None) -> None:
        """An answer is over, and says how much the model knows."""
        if self.term.counts(usage):
            self._timers.set(term.TIMER, self._actions.now)

    def shut(self) -> None:
        """The session ends: nothing is kept, and it is told nothing more."""
        self.state = "disconnected"
        self.gate.kept.forget()
        self.rebuilding.forget()
        self.gate.shut()

    def _body(self, upstream: Upstream) -> dict[str, Any]:
        return session_body(upstream.asked(self.in_force), self._config.tools.told)
