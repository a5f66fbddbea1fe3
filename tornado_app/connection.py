"""One call: what happens is fed to its session, and what that decides is performed."""

import contextlib
import math
import random
from asyncio import TimerHandle
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from tornado_app.admission.budget import Budget
from tornado_app.call_account import CallAccount
from tornado_app.call_client import CallClient
from tornado_app.call_facts import CallFacts
from tornado_app.client_side.client import Client
from tornado_app.equipment import Equipment
from tornado_app.errors import ErrorCode
from tornado_app.metering import CallMeter
from tornado_app.metrics.calls import CallReadings
from tornado_app.metrics.last_waits import LastWaits
from tornado_app.performer import Performer
from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.figures import CostFigures
from tornado_app.reading_on import ReadingOn
from tornado_app.session import commands, events
from tornado_app.session.config import SessionConfig
from tornado_app.session.machine import Session
from tornado_app.session.recorded import RecordedSession
from tornado_app.session.totals import Totals
from tornado_app.tracing.tracing import AnyTrace
from tornado_app.usage.call_usage import CallUsage
from tornado_app.watching.ear import Ear
from tornado_app.watching.levels import Loudness
from tornado_app.watching.looking import Looking

TIMER_SLACK_S = 0.002
"""uvloop's timers count whole milliseconds and may be a little early."""


class Connection:
    """One client and its session, which sees one event at a time.  Thread: loop."""

    __slots__ = (
        "_answer",
        "_busy",
        "_client",
        "_clock",
        "_events",
        "_facts",
        "_finished",
        "_links",
        "_log",
        "_looking",
        "_loop",
        "_on_finished",
        "_performer",
        "_reading",
        "_session",
        "_taker",
        "_timer",
        "_timer_at",
        "_timers",
        "_trace",
        "account",
        "budget",
        "ip",
        "last_waits",
    )

    def __init__(
        self,
        config: SessionConfig,
        client: Client,
        dialect: Dialect,
        equipment: Equipment,
        log: Any,
        *,
        on_finished: Callable[["Connection"], None],
        trace: AnyTrace | None = None,
        meter: CallMeter | None = None,
        usage: Callable[[Callable[[], Totals]], CallUsage] | None = None,
    ) -> None:
        """*trace* is told facts; None: calls have none.  *meter*: None: it has no quota.  *usage*
        makes who counts what is used, and is told what there was so far; None: nobody does.
        """
        self.ip = ""
        """Where its client is, or was."""
        self._client = CallClient(config, client, dialect, equipment.clock)
        self._taker = self._client.taker
        self._loop, self._clock = equipment.loop, equipment.clock
        self._log = log
        self._on_finished = on_finished
        self._trace = trace
        self.budget = Budget(config.call_bytes, equipment.memory)
        kind = RecordedSession if config.recorded else Session
        self._session = kind(config, self.budget, random.SystemRandom().random)
        self._timers = self._session.timers
        self._looking = Looking(self._session)
        self._answer = self._session.downlink
        counted = usage(self._session.totals) if usage is not None else None
        self.account = CallAccount(
            self._session, meter, counted, equipment, feed=self.feed, fail=self._fail
        )
        self.last_waits = LastWaits()
        """For answers."""
        listeners = (trace, self.account, self.last_waits)
        self._facts = CallFacts(log, equipment.tally, equipment.clock, listeners)
        self._events: deque[events.Event] = deque()
        self._busy = self._finished = False
        self._timer: TimerHandle | None = None
        self._timer_at = math.inf
        self._reading = ReadingOn(self._taker, self._session, log)
        self._performer = Performer(
            config,
            self._client,
            equipment,
            self._facts,
            log,
            read=dialect.read_model,
            reading=self._reading,
            feed=self.feed,
            finish=self._finish,
            traceparent=trace.traceparent if trace is not None else None,
        )
        self._links = self._performer.links

    def lose_client(self, event: events.ClientGone) -> None:
        """Its WebSocket is closed."""
        self._client.lose()
        self.feed(event)

    def feed(self, event: events.Event) -> None:
        """Let the session decide on *event* and do what it says.  Never raises.

        Performing a command may cause another event; it waits its turn, so that the session
        always sees one event at a time.
        """
        if self._busy:
            self._events.append(event)
            return
        self._busy = True
        try:
            self._handle(event)
            while self._events or (self._answer.may_go_on and self._has_room):
                self._go_on()
        except Exception:  # noqa: BLE001  nothing may escape a callback of Tornado
            self._fail()
        finally:
            self._busy = False
        if self._reading.is_held:
            self._reading.reckon()
        wake_at = self._timers.earliest
        if wake_at < self._timer_at:
            self._arm_timer(wake_at)

    def can_resume(self, last_seq: int) -> bool:
        """Whether all is kept that a client has missed that has *last_seq*."""
        return not self.ended and self._client.has(last_seq)

    def resume(
        self,
        client: Client,
        last_seq: int,
        back: events.ClientBack,
        *,
        token_id: str | None,
        ip: str,
    ) -> None:
        """Go on with *client*, which has everything up to *last_seq*: ask `can_resume` before.

        It is at *ip*, and the token that counts from now on is *token_id*.
        """
        self._performer.token_id, self.ip = token_id, ip
        self._client.attach(client, last_seq)
        self.feed(back)

    def on_client_room(self) -> None:
        """The client has read most of what it had to."""
        self._client.go_on()
        if self._answer.may_go_on:
            self.feed(events.ClientHasRoom())
        self._reading.reckon()

    def look(self) -> None:
        """Let go on what may, by the facts as they are.  Called once a second; never raises.

        All that waits is told when it need not.  This is for the word that gets lost: none may
        silence a call for good.
        """
        try:
            self._client.forget_old()
            unsent_bytes = self._links.look()
            is_held, unanswered_s = self._reading.take_was_held(), self._reading.unanswered_s
            room_bytes = self.budget.answer_room_bytes
            ahead_bytes = self._reading.read_ahead(room_bytes, was_held=is_held)
            queued_bytes = self._taker.queued_bytes + ahead_bytes
            better = self._performer.better_upstreams(self._session.upstream)
            uses = self.account.settle()
        except Exception:  # noqa: BLE001  the calls behind this one are to be looked at as well
            self._fail()
            return
        self.feed(events.Look(unsent_bytes, is_held, queued_bytes, better, unanswered_s))
        if uses:
            self.feed(events.Metered(uses))

    def loudness(self) -> Loudness:
        """As of `Looking.loudness`."""
        return self._looking.loudness(self.config, self._clock())

    def listen(self) -> Ear:
        """Have all that is said from now on be heard; its client is told before anything is."""
        now = self._clock()
        self.feed(events.ListenedTo(is_on=True))
        return self._looking.listen(self.config, now)

    def end_listening(self) -> None:
        self._looking.end_listening(self._clock())
        self.feed(events.ListenedTo(is_on=False))

    @property
    def config(self) -> SessionConfig:
        """As it is by now."""
        return self._performer.config

    @property
    def token_id(self) -> str | None:
        """Of the token that counts now."""
        return self._performer.token_id

    @property
    def cost(self) -> CostFigures | None:
        """Of the call so far; None: its client is not told."""
        return self.account.spent if self.config.shows_cost else None

    @property
    def _has_room(self) -> bool:
        """The client takes more of the answer.  None of a session that has ended: it would give
        nothing, and be asked for ever.
        """
        return not self._session.ended and not self._taker.is_full

    def may_lack_token(self, last_seq: int | None) -> bool:
        """As of `Session.may_lack_token`."""
        return self._session.may_lack_token(last_seq)

    @property
    def ended(self) -> bool:
        return self._session.ended

    @property
    def dialect_name(self) -> str:
        """How its client speaks."""
        return self._client.dialect_name

    @property
    def state(self) -> str:
        """How its model is, or that its client is away."""
        return self._session.state

    @property
    def errors(self) -> Mapping[ErrorCode, int]:
        """What its client was told that was wrong."""
        return self._session.errors

    @property
    def upstream(self) -> str:
        """Which of several models it is at, by the operator's name; empty: there is one."""
        return self._session.upstream

    def _handle(self, event: events.Event) -> None:
        for command in self._looking.decider.handle(event, self._clock()):
            self._performer.perform(command)

    def _go_on(self) -> None:
        """What was caused meanwhile comes first, then more of the answer."""
        if self._events:
            self._handle(self._events.popleft())
            return
        for command in self._looking.decider.go_on(self._clock()):
            self._performer.perform(command)

    def _arm_timer(self, at: float) -> None:
        """Have a `Tick` come at *at*; an early one is harmless and arms the next."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        delay_s = max(0.0, at - self._clock()) + TIMER_SLACK_S
        self._timer = self._loop.call_later(delay_s, self._tick)

    def _tick(self) -> None:
        self._timer, self._timer_at = None, math.inf
        self.feed(events.Tick())

    def _fail(self) -> None:
        """A fault of ours: this session ends, and no other notices.

        Each step stands alone, so that a second fault leaves nothing behind either.
        """
        self._log.exception("session_failed")
        self._events.clear()
        ending: list[commands.Command] = []
        with contextlib.suppress(Exception):
            ending = self._session.abandon(self._clock())
        for command in ending:
            with contextlib.suppress(Exception):
                self._performer.perform(command)
        if not self._finished:  # it had ended, and was stopped on the way out
            for step in (self._links.close, self._client.close):
                with contextlib.suppress(Exception):
                    step()
            self._finish()

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        self._looking.end(self._clock())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._performer.end()
        self._on_finished(self)
        # A session that had a fault may not be able to count.
        with contextlib.suppress(Exception):
            self._facts.count(self._session.totals())
        with contextlib.suppress(Exception):
            self.account.end()
        if self._trace is not None:
            self._trace.finish(self._clock())

    @property
    def readings(self) -> CallReadings:
        """How it is just now."""
        session, links, performer = self._session, self._links, self._performer
        waiting_model_ms, waiting_client_ms = session.waiting_ms
        return CallReadings(
            state=session.state,
            totals=session.totals(),
            to_model_ms=waiting_model_ms,
            to_client_ms=waiting_client_ms,
            uplink_pieces=performer.uplink.waiting,
            downlink_pieces=performer.downlink.waiting,
            unread_bytes=links.unread_bytes,
            unsent_bytes=links.unsent_bytes,
            client_bytes=self._taker.queued_bytes,
        )
