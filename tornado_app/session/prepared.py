"""The model that is made ready while another is in use.

    none --> dialled --> ready --> told the conversation --> in use
     ^          |          |
     +- a pause +----------+  lost, refused, late, or what it knows is not so any more

Nothing that goes wrong with it concerns anybody: it is closed, and another is dialled.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from tornado_app.admission.budget import Budget
from tornado_app.failover.upstreams import PLAIN, Upstream
from tornado_app.protocol.endings import Failure, classify
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.orders import CreateItem, UpdateSession
from tornado_app.protocol.realtime.overhearing import Overheard, RelayedEvent
from tornado_app.session import events
from tornado_app.session.actions import Actions
from tornado_app.session.commands import DropPrepared, NoteModel, PrepareUpstream, SendPrepared
from tornado_app.session.config import SessionConfig
from tornado_app.session.kept import KeptOrders

UPDATE_ID = "parley_session"
PAUSE_MAX_S = 30.0
"""Between two dials.  The first is a second, and each is twice the one before."""
DOUBLED_MOST = 10
"""Beyond that in any case, and no number that is too large to be one."""
TOLD_S = 2.0
"""A model that has not said by then that it has the last item says so of none."""
SENT_AHEAD_PART = 0.25
"""As of the link in use: an outbox that runs over ends the link."""


class PreparedModel:
    """Thread: loop.  It acts when it is looked at, several times a second."""

    def __init__(
        self,
        config: SessionConfig,
        actions: Actions,
        budget: Budget,
        jitter: Callable[[], float],
    ) -> None:
        self._dialling = config.dialling
        self._actions = actions
        self._jitter = jitter
        self._most_bytes = int(config.uplink.outbox_bytes * SENT_AHEAD_PART)
        self._untold = KeptOrders(budget)
        self._state: Literal["none", "dialled", "ready"] = "none"
        self._failures = 0
        self._dial_at = 0.0
        self._begin()

    def _begin(self) -> None:
        """What is known of one that was not dialled yet."""
        self._body_for: Callable[[Upstream], Mapping[str, Any]] = _nothing
        self._body: Mapping[str, Any] = {}
        self.upstream = PLAIN
        """Which of several it is, as soon as it `is_ready`."""
        self._has_opened = False
        self.created: realtime.SessionFacts | None = None
        self._updated = False
        self._last_error: realtime.ErrorFacts | None = None
        self._unsent_bytes = 0
        self.served_by = ""
        self.begun_at = 0.0
        self.ready_ms = 0.0
        """What it took from the dial until it `is_ready`."""
        self.told: list[CreateItem] = []
        """What it knows of the conversation, or is about to."""
        self.refused: list[str] = []
        """The orders of which it took nothing."""
        self._awaited = ""
        """The item that it was told last and has not spoken of."""
        self._told_at = 0.0
        self._untold.forget()

    @property
    def is_ready(self) -> bool:
        return self._state == "ready"

    def look(self, body_for: Callable[[Upstream], Mapping[str, Any]]) -> None:
        """Go on as things are; *body_for* is what it is to be configured with, at any upstream."""
        now = self._actions.now
        if self._state != "none" and body_for(PLAIN) != self._body:
            self.drop()
        if self._state == "none" and now >= self._dial_at:
            self._state, self.begun_at = "dialled", now
            self._body_for, self._body = body_for, body_for(PLAIN)
            self._actions.log("next_dialled")
            self._actions.do(PrepareUpstream())
        elif self._state == "dialled" and now >= self.begun_at + self._dialling.ready_timeout_s:
            self._fail(Failure("open", "timeout", detail="not ready"))
        elif self._state == "ready":
            self._tell_more()

    def tell(self, orders: list[CreateItem]) -> bool:
        """Have one that `is_ready` know all of this.  True: it does."""
        if orders[: len(self.told)] != self.told:
            self.drop()  # what it was told is not so any more
            return False
        if rest := orders[len(self.told) :]:
            self.told = orders
            self._awaited, self._told_at = rest[-1].item["id"], self._actions.now
            self._untold.put_first(rest)
            self._tell_more()
        is_late = self._actions.now >= self._told_at + TOLD_S
        return not self._untold and (is_late or not self._awaited)

    def on_event(self, event: events.Prepared) -> None:
        if self._state == "none":
            return  # it was dropped, and this was on its way
        match event:
            case events.PreparedOpened(_, served_by, upstream):
                self.served_by, self.upstream, self._has_opened = served_by, upstream, True
                body = dict(self._body_for(upstream))
                update = UpdateSession(session=body, event_id=UPDATE_ID)
                self._actions.do(SendPrepared(update))
            case events.PreparedSaid(said):
                self._hear(said.said if isinstance(said, Overheard) else said)
            case events.PreparedBacklog(unsent_bytes):
                self._unsent_bytes = unsent_bytes
            case events.PreparedLost(failure, error):
                self._last_error = error or self._last_error
                self._fail(failure)

    def drop(self) -> None:
        """It is not wanted any more, or not as it is."""
        if self._state != "none":
            self._actions.do(DropPrepared())
            self._forget()

    def put_off(self) -> None:
        """It is not who was wanted: another time."""
        self._wait(0.0)
        self.drop()

    def taken(self) -> None:
        """It is the one in use."""
        self._failures, self._dial_at = 0, 0.0
        self._forget()

    def _forget(self) -> None:
        self._state = "none"
        self._begin()

    def _hear(self, said: realtime.UpstreamEvent | RelayedEvent) -> None:
        match said:
            case realtime.SessionCreated(session):
                self.created = session
            case realtime.SessionUpdated():
                self._updated = True
            case realtime.ItemAdded(item) if item.id == self._awaited:
                self._awaited = ""
            case realtime.UpstreamError(error):
                self._on_error(error)
        if self._state == "dialled" and self.created is not None and self._updated:
            self._state = "ready"
            self.ready_ms = (self._actions.now - self.begun_at) * 1000

    def _on_error(self, error: realtime.ErrorFacts) -> None:
        if error.event_id == UPDATE_ID:
            self._fail(Failure("open", "rejected", detail="bad_session"))
        elif error.event_id is None:
            self._last_error = error
        else:
            self.refused.append(error.event_id)
            if self.told and error.event_id == self.told[-1].event_id:
                self._awaited = ""

    def _tell_more(self) -> None:
        """As much as its socket takes; the rest when that has been sent."""
        if not self._unsent_bytes:
            for order in self._untold.take(self._most_bytes):
                self._actions.do(SendPrepared(order))

    def _fail(self, failure: Failure) -> None:
        ending = classify(failure, self._last_error)
        self._wait(ending.retry_after_s or 0.0)
        self._actions.log(
            "next_model_lost",
            cause=ending.cause,
            stage=failure.stage,
            close_code=failure.close_code,
            http_status=failure.http_status,
            detail=failure.detail,
            attempt=self._failures,
        )
        if self._has_opened and self._dialling.upstreams > 1:
            self._actions.do(NoteModel(False, self.upstream.name, ending))
        self.drop()

    def _wait(self, least_s: float) -> None:
        doubled = min(self._failures, DOUBLED_MOST)
        pause_s = min(PAUSE_MAX_S, 2.0**doubled) * (0.5 + 0.5 * self._jitter())
        self._failures += 1
        self._dial_at = self._actions.now + max(pause_s, least_s)


def _nothing(_: Upstream) -> Mapping[str, Any]:
    """What one is to be configured with that was not dialled."""
    return {}
