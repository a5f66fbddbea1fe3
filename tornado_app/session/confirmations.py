"""What the model was asked to do with its audio buffer and has not said that it did."""

from collections import deque
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tornado_app.errors import Ref, Refused
from tornado_app.protocol.told import AudioCleared, AudioCommitted
from tornado_app.session.actions import Actions
from tornado_app.session.model_side import ModelSide
from tornado_app.session.timers import Timers

TIMER = "confirm"
ITEMS_KNOWN = 16
AWAITED = 256
"""So many commits and clears may be unconfirmed.  A model that is not read, as its client reads
nothing, is not late, and there is no deadline that would end them."""

What = Literal["commit", "clear"]


class Committed(NamedTuple):
    """What became of a commit."""

    how: Literal["unasked", "answer", "done", "twice"]
    name: str = ""
    """Of the order that asked for it."""


@dataclass(slots=True, eq=False)
class _Order:
    what: What
    since: float
    ref: Ref | None
    """What the client calls the message that asked for it."""
    name: str = ""
    """Of the order to the model."""
    wants_answer: bool = False
    """Once it is confirmed: one whose answer was asked for already wants none."""
    is_turn: bool = False
    is_done: bool = False
    """There was nothing to wait for; the client is told in its turn."""

    @property
    def is_owed(self) -> bool:
        """An answer was asked for already, and whoever waits for that tells of its loss."""
        return self.is_turn and not self.wants_answer


class Confirmations:
    """Commits and clears in order, each until it is confirmed, refused or late.  Thread: loop."""

    __slots__ = ("_actions", "_committed", "_model", "_orders", "_timeout_s", "_timers")

    def __init__(
        self, model: ModelSide, actions: Actions, timers: Timers, timeout_s: float
    ) -> None:
        self._model = model
        self._actions = actions
        self._timers = timers
        self._timeout_s = timeout_s
        self._orders: deque[_Order] = deque()
        self._committed: deque[str] = deque(maxlen=ITEMS_KNOWN)
        """The last items that were committed: a second word of one is none of another."""

    @property
    def is_full(self) -> bool:
        """Another is to be refused."""
        return len(self._orders) >= AWAITED

    @property
    def is_idle(self) -> bool:
        """None is waited for."""
        return not self._orders

    def await_commit(self, name: str, *, wants_answer: bool, is_turn: bool) -> None:
        """*is_turn*: an answer to it is asked for, now or when it is confirmed."""
        self._orders.append(
            _Order("commit", self._actions.now, self._actions.ref, name, wants_answer, is_turn)
        )
        self._arm()

    def await_clear(self) -> None:
        self._orders.append(_Order("clear", self._actions.now, self._actions.ref))
        self._arm()

    def cleared(self) -> None:
        """Nothing has to be cleared at the model, and the client is told so in its turn."""
        self._orders.append(_Order("clear", self._actions.now, self._actions.ref, is_done=True))
        self._go_on()

    def withdraw(self) -> None:
        """Commits want no answer any more."""
        for order in self._orders:
            order.wants_answer = order.is_turn = False

    def on_committed(self, item_id: str) -> Committed:
        """The model has committed: by itself, or as it was asked to and an answer is wanted."""
        if item_id and item_id in self._committed:
            return Committed("twice")
        self._committed.append(item_id)
        order = self._find("commit")
        name = self._model.rebuilding.names.shown(item_id)
        self._actions.say(AudioCommitted(name, ref=order.ref if order else None))
        self._actions.log("audio_committed")
        if order is None:
            return Committed("unasked")
        self._settle(order)
        return Committed("answer" if order.wants_answer else "done", order.name)

    def on_cleared(self) -> None:
        if order := self._find("clear"):
            order.is_done = True
        self._go_on()

    def on_commit_refused(self, name: str) -> str | None:
        """The name of the commit, if an answer to it was asked for already.

        Not every server says which it was: then it is the oldest.
        """
        named = (order for order in self._orders if order.name == name)
        order = next(named, None) or self._find("commit")
        if order is None:
            return None
        self._settle(order)
        self._model.rebuilding.not_committed(order.name)
        return order.name if order.is_owed else None

    def on_clear_refused(self) -> None:
        if order := self._find("clear"):
            self._settle(order)

    def on_connected(self) -> None:
        """What was kept is on its way only now."""
        for order in self._orders:
            order.since = self._actions.now
        self._arm()

    def on_lost(self, *, is_kept: bool) -> None:
        """The model has forgotten everything: what was to be cleared is, what was committed not.

        *is_kept*: the next one is asked again to commit it.
        """
        commits = [order for order in self._orders if order.what == "commit"]
        if not is_kept and (lost := [order for order in commits if not order.is_owed]):
            sentence = "A commit was lost with the connection to the model. Say it again."
            self._actions.refuse(Refused("upstream_unavailable", sentence), lost[-1].ref)
        for order in self._orders:
            order.is_done = order.what == "clear" or not is_kept
        self._committed.clear()
        self._go_on()

    def on_timer(self) -> None:
        """What the model does not confirm in time it has not understood, or its word was lost."""
        while self._orders:
            order = self._orders[0]
            due_at = self._model.due(order.since, self._timeout_s)
            if due_at is None or self._actions.now < due_at:
                break
            self._orders.popleft()
            self._model.rebuilding.not_committed(order.name)
            self._actions.log("upstream_late", waited_for=order.what)
            sentence = f"The model did not confirm a {order.what} in time. It may be lost."
            self._actions.refuse(Refused("upstream_timeout", sentence), order.ref)
        self._go_on()

    def _find(self, what: What) -> _Order | None:
        """The oldest one of this kind of which nothing is known."""
        orders = (order for order in self._orders if order.what == what)
        return next((order for order in orders if not order.is_done), None)

    def _settle(self, order: _Order) -> None:
        self._actions.ref = order.ref
        self._orders.remove(order)
        self._go_on()

    def _go_on(self) -> None:
        """Tell what is done and has nothing before it."""
        while self._orders and self._orders[0].is_done:
            order = self._orders.popleft()
            if order.what == "clear":
                self._actions.say(AudioCleared(ref=order.ref))
        self._arm()

    def _arm(self) -> None:
        due_at = self._model.due(self._orders[0].since, self._timeout_s) if self._orders else None
        if due_at is None:
            self._timers.clear(TIMER)
        else:
            self._timers.set(TIMER, due_at)
