"""A model that keeps to the Realtime API, and a line to it that loses, doubles and mixes up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tests.session.story import Story, converted, delta, response
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.protocol.realtime.orders import (
    AnyOrder,
    CancelResponse,
    Clear,
    Commit,
    CreateItem,
    CreateResponse,
    UpdateSession,
)
from tornado_app.protocol.told import ResponseDone
from tornado_app.session import commands, events

QUIET = {
    "ping_interval_s": 1e7,
    "read_timeout_s": 1e7,
    "token_expires_at_unix_s": 1e11,
    "messages_per_s": 1e6,
    "message_burst": 1e6,
    "errors_per_minute": 1e6,
    "reconnect_attempts": 1_000_000,
}
"""Nothing but the model ends a session or wakes it."""

PERMANENT_TIMERS = {"ping", "read", "token_expiry", "token_warning"}
PATIENCE_S = 80.0
"""More than all deadlines one after the other."""


class Model:
    """Takes orders, says events; answers what is asked, if it does not `sleeps`."""

    delta_ms = 20

    def __init__(self, link: int = 0) -> None:
        self.says: list[realtime.UpstreamEvent] = []
        self.active: str | None = None
        self.obeys = True
        """False: what is to be cancelled is not."""
        self.refuses = False
        """The next item is none."""
        self.hangs = False
        """The answer that runs goes on only when it is cancelled."""
        self._items = 0
        self._item_of_answer: dict[str, int] = {}
        self._responses = 1000 * link
        """No two answers of a call have one name, whichever link they come by."""
        self._deltas = 0
        self._calls = 0
        self._calls_of_answer: list[OutputItem] = []
        self.outputs: list[str] = []
        """The calls of tools that have their results."""
        self.told: list[str] = []
        """The items that it was given."""

    def take(self, order: AnyOrder) -> None:
        match order:
            case UpdateSession():
                self.says.append(realtime.SessionUpdated())
            case CreateItem(event_id=event_id) if self.refuses:
                self.refuses = False
                self._refuse("invalid_value", event_id)
            case CreateItem(item):
                self.take_item(item)
            case CreateResponse(event_id):
                if self.active is not None:
                    self._refuse("conversation_already_has_active_response", event_id)
                else:
                    self.begin()
            case CancelResponse(response_id, event_id):
                if self.active is None or response_id not in {None, self.active}:
                    self._refuse("response_cancel_not_active", event_id)
                elif self.obeys:
                    self.end("cancelled")
            case Commit():
                self._items += 1
                self.says.append(realtime.Committed(f"item_{self._items}"))
            case Clear():
                self.says.append(realtime.Cleared())

    def take_item(self, item: Mapping[str, Any]) -> None:
        self.told.append(item.get("id", ""))
        if item["type"] == "function_call_output":
            self.outputs.append(item["call_id"])
        else:
            self._items += 1

    def begin(self) -> None:
        self._responses += 1
        self.active = f"resp_{self._responses}"
        self._item_of_answer[self.active] = self._items
        self._deltas, self._calls_of_answer = 0, []
        self.says.append(realtime.ResponseCreated(response(self.active)))

    def speak(self) -> None:
        """The next piece of the answer, or its end."""
        if self.active is not None and not self.hangs:
            self._deltas += 1
            if self._deltas > 2:
                self.end("completed")
            else:
                self.says.append(delta(self.delta_ms, f"item_of_{self.active}", self.active))

    def call_tool(self) -> None:
        """The answer that runs calls a tool."""
        if self.active is not None:
            self._calls += 1
            call = OutputItem("function_call", "completed", f"call_{self._calls}", "get_time", "{}")
            self._calls_of_answer.append(call)
            self.says.append(realtime.OutputItemDone(self.active, call))

    def end(self, status: str) -> None:
        assert self.active is not None
        facts = response(self.active, status, output=tuple(self._calls_of_answer))
        self.says.append(realtime.ResponseFinished(facts))
        self.active, self.hangs = None, False

    def barge_in(self) -> None:
        """The user speaks: what runs is cancelled, and the turn answered."""
        self.says.append(realtime.UserSpeechStarted("item_u", 0))
        if self.active is not None:
            self.end("cancelled")
        self._items += 1
        self.says += [
            realtime.UserSpeechStopped("item_u", 1),
            realtime.Committed(f"item_{self._items}"),
        ]
        self.begin()

    @property
    def last_item(self) -> int:
        return self._items

    def answers(self, response_id: str, item: int) -> bool:
        """Whether this answer could know of *item*."""
        return self._item_of_answer.get(response_id, -1) >= item

    def _refuse(self, code: str, event_id: str | None) -> None:
        error = realtime.ErrorFacts("invalid_request_error", code, event_id=event_id)
        self.says.append(realtime.UpstreamError(error))


def nameless(event: realtime.UpstreamEvent) -> realtime.UpstreamEvent:
    """*event* without the ids that it has."""
    match event:
        case realtime.ResponseCreated(facts) | realtime.ResponseFinished(facts):
            return msgspec.structs.replace(event, response=msgspec.structs.replace(facts, id=""))
        case realtime.AudioDelta():
            return msgspec.structs.replace(event, response_id="", item_id="")
        case realtime.OutputItemDone():
            return msgspec.structs.replace(event, response_id="")
        case realtime.UpstreamError(error):
            facts = msgspec.structs.replace(error, event_id=None)
            return msgspec.structs.replace(event, error=facts)
        case realtime.Committed():
            return realtime.Committed()
    return event


def of_another(event: realtime.UpstreamEvent) -> realtime.UpstreamEvent:
    """*event* with the id of an answer that there never was."""
    match event:
        case realtime.ResponseCreated(facts) | realtime.ResponseFinished(facts):
            other = msgspec.structs.replace(facts, id="resp_none")
            return msgspec.structs.replace(event, response=other)
        case realtime.AudioDelta() | realtime.OutputItemDone():
            return msgspec.structs.replace(event, response_id="resp_none")
    return event


@dataclass
class Line:
    """A session, its pool, which is quick, and its model at the other end of an unreliable line."""

    changes: dict[str, Any] = field(default_factory=dict)
    model: Model = field(default_factory=Model)
    story: Story = field(init=False)
    loses_orders: bool = False
    is_linked: bool = False
    """Of a link that was closed nothing is heard any more, whatever its model says."""
    links: int = 0
    kind: type[Model] = Model
    prepared: Model | None = None
    """The one that is made ready beside it."""
    has_spare: bool = False
    """A link that was open for nobody, for whoever dials next."""
    is_spare: bool = False
    """The link in use was one, and its model has not been reached by it yet."""
    performing: list[str] = field(default_factory=list)
    """The calls of tools that are under way."""

    def __post_init__(self) -> None:
        self.story = Story(**(QUIET | self.changes))
        self.happen(events.Opened())
        self.deliver_all()

    def happen(self, event: events.Event, at: float | None = None) -> None:
        """Let *event* happen, and what the pool and the model do about it."""
        waiting = [event]
        while waiting:
            self.story.feed(waiting.pop(0), at)
            for command in self.story.fresh:
                match command:
                    case commands.ConvertUplink(payload):
                        result = converted(len(payload) / 48, len(payload))
                        waiting.append(events.UplinkReady(result))
                    case commands.FlushUplink():
                        waiting.append(events.UplinkReady(converted(0, 0, b"")))
                    case commands.ResetUplink():
                        waiting = [e for e in waiting if not isinstance(e, events.UplinkReady)]
                    case commands.SendUpstream(order):
                        if not self.loses_orders:
                            self.model.take(order)
                    case commands.CallTool(call_id):
                        self.performing.append(call_id)
                    case commands.CancelTool(call_id):
                        self.performing.remove(call_id)
                    case commands.CloseUpstream():
                        self.is_linked = False
                    case commands.DialUpstream(_, is_fresh):
                        assert not self.is_linked, "two links at once"
                        self.is_linked = True
                        self.model = self._new()
                        self.is_spare = self.has_spare and not is_fresh
                        spare_s = 50.0 if self.is_spare else None
                        waiting.append(events.UpstreamOpened(1.0, spare_s=spare_s))
                    case commands.PrepareUpstream():
                        assert self.prepared is None, "two are prepared at once"
                        self.prepared = self._new()
                        waiting.append(events.PreparedOpened(1.0))
                    case commands.SendPrepared(order):
                        assert self.prepared is not None, "told to nobody"
                        self.prepared.take(order)
                    case commands.DropPrepared():
                        self.prepared = None
                    case commands.SwapUpstream():
                        assert self.prepared is not None, "swapped for nobody"
                        self.is_linked, self.is_spare = True, False
                        self.model, self.prepared = self.prepared, None
                        self._check_knows_all()

    def _check_knows_all(self) -> None:
        """A model that is gone over to knows the conversation before, unless there was no time."""
        logs = [each for each in self.story.fresh if isinstance(each, commands.Log)]
        [log] = [each for each in logs if each.event == "rolled_over"]
        entries = self.story.session.ledger.entries
        assert log.fields["is_forced"] or [each.id for each in entries] == self.model.told

    def _new(self) -> Model:
        self.links += 1
        model = self.kind(self.links - 1)
        model.says.append(realtime.SessionCreated())
        return model

    def deliver_prepared(self, copies: int = 1) -> None:
        """The next that the model has said which is made ready."""
        if self.prepared is not None and self.prepared.says:
            said = self.prepared.says.pop(0)
            for _ in range(copies):
                self.happen(events.PreparedSaid(said))

    def deliver(self, place: int, change: Callable[[Any], list[Any]]) -> None:
        """The event at *place* of those under way comes, changed."""
        if self.model.says:
            said = self.model.says.pop(place % len(self.model.says))
            for event in change(said) if self.is_linked else ():
                self.happen(events.UpstreamSaid(event))

    def deliver_all(self) -> None:
        while self.model.says:
            self.deliver(0, lambda event: [event])
        while self.prepared is not None and self.prepared.says:
            self.deliver_prepared()

    def wait(self, seconds: float) -> None:
        """Time passes, and the session is woken whenever it wishes to be."""
        until = self.story.now + seconds
        while (wake_at := self.story.session.timers.earliest) <= until:
            self.happen(events.Tick(), at=max(wake_at, self.story.now))
        self.story.now = until

    def behave(self, enough: Callable[[], bool] = lambda: False) -> None:
        """The line is in order, until it is *enough* or nothing more is to be expected."""
        self.loses_orders = False
        until = self.story.now + PATIENCE_S
        while self.story.now < until and not enough():
            self.deliver_all()
            self.model.speak()
            self.deliver_all()
            if not enough():
                self.wait(0.5)

    @property
    def timers(self) -> set[str]:
        """What the session waits for, but for what it always does."""
        return set(self.story.session.timers._due_at) - PERMANENT_TIMERS

    def told(self, kind: type, since: int = 0) -> list[Any]:
        """The messages of this kind to the client."""
        said = [c.message for c in self.story.all[since:] if isinstance(c, commands.SendClient)]
        return [message for message in said if isinstance(message, kind)]

    def completed(self, since: int) -> list[str]:
        """Answers that were heard to their end."""
        done = self.told(ResponseDone, since)
        return [message.response_id for message in done if message.status == "completed"]
