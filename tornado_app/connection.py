"""The one place where loop, threads and pool meet: performs what a session decides."""

import contextlib
import math
import random
from asyncio import TimerHandle
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, assert_never

from tornado_app.admission.budget import Budget
from tornado_app.call_account import CallAccount
from tornado_app.call_audio import CallAudio
from tornado_app.call_facts import CallFacts
from tornado_app.client_side.client import Client
from tornado_app.equipment import Equipment
from tornado_app.errors import ErrorCode, Ref, Refused
from tornado_app.links import Links
from tornado_app.metering import CallMeter
from tornado_app.metrics.calls import CallReadings
from tornado_app.metrics.last_waits import LastWaits
from tornado_app.protocol.close import INTERNAL
from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.told import CostFigures
from tornado_app.reading_on import ReadingOn
from tornado_app.resuming.line import Line
from tornado_app.session import commands, events
from tornado_app.session.config import SessionConfig
from tornado_app.session.machine import Session
from tornado_app.session.record import Entry
from tornado_app.session.recorded import RecordedSession
from tornado_app.session.totals import Totals
from tornado_app.tools.calls import Calls
from tornado_app.tracing.tracing import AnyTrace
from tornado_app.upstream.call_route import CallRoute
from tornado_app.usage.call_usage import CallUsage
from tornado_app.watching.ear import Ear
from tornado_app.watching.levels import Loudness
from tornado_app.watching.watch import Watch

TIMER_SLACK_S = 0.002
"""uvloop's timers count whole milliseconds and may be a little early."""


class Connection:
    """One client, its session, its lanes and its upstream links.  Thread: loop."""

    __slots__ = (
        "_answer",
        "_audio",
        "_busy",
        "_calls",
        "_client",
        "_clock",
        "_decider",
        "_dialect",
        "_downlink",
        "_encode",
        "_equipment",
        "_events",
        "_facts",
        "_finished",
        "_line",
        "_links",
        "_log",
        "_on_finished",
        "_reading",
        "_route",
        "_session",
        "_timer",
        "_timer_at",
        "_trace",
        "_uplink",
        "account",
        "budget",
        "config",
        "ip",
        "last_waits",
        "token_id",
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
        self.config = config
        self.token_id = config.token_id
        """Of the token that counts now."""
        self.ip = ""
        """Where its client is, or was."""
        self._line = _new_line(config, client, dialect, equipment.clock)
        """What a client is told that may come back; None: it may not."""
        self._client: Client = self._line or client
        self._dialect = dialect
        self._encode = dialect.encode
        self._equipment = equipment
        self._clock = equipment.clock
        self._log = log
        self._on_finished = on_finished
        self._trace = trace
        self.budget = Budget(config.call_bytes, equipment.memory)
        kind = RecordedSession if config.recorded else Session
        self._session = kind(config, self.budget, random.SystemRandom().random)
        self._decider: Session | Watch = self._session
        """The session, or who stands before it while somebody looks."""
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
        self._busy = False
        self._timer: TimerHandle | None = None
        self._timer_at = math.inf
        self._reading = ReadingOn(self._client, self._session, log)
        self._route = CallRoute(equipment.several, config) if equipment.several else None
        self._links = self._new_links()
        self._finished = False
        traceparent = trace.traceparent if trace is not None else None
        self._calls = Calls(equipment.tools, config, self.feed, log, traceparent)
        self._audio = CallAudio(config, equipment.pipeline, equipment.files, self.feed, log)
        self._uplink, self._downlink = self._audio.uplink, self._audio.downlink

    def _new_links(self) -> Links:
        equipment = self._equipment
        return Links(
            self.config.session_id,
            equipment.dial,
            equipment.retire,
            equipment.mailbox,
            equipment.clock,
            read=self._dialect.read_model,
            reading=self._reading,
            feed=self.feed,
            race=self._route.race if self._route else None,
            spares=equipment.spares,
        )

    def lose_client(self, event: events.ClientGone) -> None:
        """Its WebSocket is closed."""
        if self._line is not None:
            self._line.detach()
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
        wake_at = self._session.wake_at()
        if wake_at < self._timer_at:
            self._arm_timer(wake_at)

    def can_resume(self, last_seq: int) -> bool:
        """Whether all is kept that a client has missed that has *last_seq*."""
        return self._line is not None and not self.ended and self._line.has(last_seq)

    def resume(self, client: Client, last_seq: int, back: events.ClientBack) -> None:
        """Go on with *client*, which has everything up to *last_seq*: ask `can_resume` before."""
        if self._line is not None:
            self._line.attach(client, last_seq)
            self.feed(back)

    def on_client_room(self) -> None:
        """The client has read most of what it had to."""
        if self._line is not None:
            self._line.go_on()
        if self._answer.may_go_on:
            self.feed(events.ClientHasRoom())
        self._reading.reckon()

    def look(self) -> None:
        """Let go on what may, by the facts as they are.  Called once a second; never raises.

        All that waits is told when it need not.  This is for the word that gets lost: none may
        silence a call for good.
        """
        try:
            if self._line is not None:
                self._line.forget_old()
            unsent_bytes = self._links.look()
            is_held, unanswered_s = self._reading.take_was_held(), self._reading.unanswered_s
            queued_bytes = self._client.queued_bytes
            better, uses = self._better_upstreams(), self.account.settle()
        except Exception:  # noqa: BLE001  the calls behind this one are to be looked at as well
            self._fail()
            return
        self.feed(events.Look(unsent_bytes, is_held, queued_bytes, better, unanswered_s))
        if uses:
            self.feed(events.Metered(uses))

    def loudness(self) -> Loudness:
        """How loud both were in the last moments; silence, if nobody has asked a moment ago."""
        now = self._clock()
        loudness = self._watch(now).look(now)
        if self._finished:
            self._unwatch()
        return loudness

    def listen(self) -> Ear:
        """Have all that is said from now on be heard; its client is told before anything is."""
        now = self._clock()
        self.feed(events.ListenedTo(is_on=True))
        ear = self._watch(now).listen(now)
        if self._finished:
            self._unwatch()
        return ear

    def end_listening(self) -> None:
        if isinstance(self._decider, Watch):
            self._decider.end_listening(self._clock())
        self.feed(events.ListenedTo(is_on=False))

    def _watch(self, now: float) -> Watch:
        if not isinstance(self._decider, Watch):
            self._decider = Watch(self._session, self.config, now, self._unwatch)
        return self._decider

    def _unwatch(self) -> None:
        if isinstance(self._decider, Watch):
            self._decider.end_listening(self._clock())
        self._decider = self._session

    @property
    def cost(self) -> CostFigures | None:
        """Of the call so far; None: its client is not told."""
        return self.account.spent if self.config.shows_cost else None

    def _better_upstreams(self) -> frozenset[str]:
        return self._route.better(self._session.upstream) if self._route else frozenset()

    @property
    def _has_room(self) -> bool:
        """The client takes more of the answer.  None of a session that has ended: it would give
        nothing, and be asked for ever.
        """
        return not self._session.ended and not self._client.is_full

    def may_lack_token(self, last_seq: int | None) -> bool:
        """As of `Session.may_lack_token`."""
        return self._session.may_lack_token(last_seq)

    @property
    def ended(self) -> bool:
        return self._session.ended

    @property
    def dialect_name(self) -> str:
        """How its client speaks."""
        return self._dialect.subprotocol

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
        for command in self._decider.handle(event, self._clock()):
            self._perform(command)

    def _go_on(self) -> None:
        """What was caused meanwhile comes first, then more of the answer."""
        if self._events:
            self._handle(self._events.popleft())
            return
        for command in self._decider.go_on(self._clock()):
            self._perform(command)

    def _perform(self, command: commands.Command) -> None:
        match command:
            # The hot path comes first, and takes no value apart, as in `Session`.
            case commands.SendClient():
                self._send_client(command)
            case commands.ConvertUplink():
                self._uplink.put(command.payload)
            case commands.SendUpstream():
                self._links.send(encode_order(command.order))
            case commands.ConvertDownlink():
                self._downlink.put(command.payload)
            case commands.Log() | commands.Timed():
                self._facts.note(command)
            case (
                commands.DecodeUplink()
                | commands.FlushUplink()
                | commands.ResetUplink()
                | commands.HoldUplink()
                | commands.ReleaseUplink()
                | commands.FlushDownlink()
                | commands.ResetDownlink()
            ):
                self._audio.perform(command)
            case commands.ChangeUplink() | commands.ChangeDownlink():
                self.config = self._audio.change(command, self.config)
            case commands.SendPrepared(order):
                self._links.send_prepared(encode_order(order))
            case _:
                self._perform_seldom(command)

    def _perform_seldom(self, command: commands.SeldomCommand) -> None:
        """What no chunk leads to."""
        match command:
            case (
                commands.PingClient()
                | commands.PauseClient()
                | commands.ResumeClient()
                | commands.DropClient()
                | commands.CloseClient()
            ):
                self._tell_socket(command)
            case (
                commands.DialUpstream()
                | commands.CloseUpstream()
                | commands.PrepareUpstream()
                | commands.DropPrepared()
                | commands.SwapUpstream()
            ):
                self._choose_model(command)
                self._links.perform(command, self.config)
            case commands.NoteModel():
                self._note_model(command)
            case (
                commands.CallTool()
                | commands.CancelTool()
                | commands.SumUp()
                | commands.StopSummingUp()
            ):
                self._calls.perform(command)
            case commands.CheckToken(token, ref):
                self._check_token(token, ref)
            case commands.Record(entries):
                self._record(entries)
            case commands.Finish():
                self._finish()
            case _:
                assert_never(command)

    def _choose_model(self, command: commands.Command) -> None:
        if not isinstance(command, commands.DialUpstream) or command.model is None:
            return
        asked = replace(self.config.model_session, model=command.model)
        self.config = replace(self.config, model_session=asked)
        if self._route is not None:
            self._route.begin_anew(self.config)

    def _tell_socket(self, command: commands.SocketCommand) -> None:
        match command:
            case commands.PingClient():
                self._client.ping()
            case commands.PauseClient():
                self._client.pause()
            case commands.ResumeClient():
                self._client.resume()
            case commands.DropClient(close):
                self._client.replace(self._dialect.closing(close))
            case commands.CloseClient(close):
                self._client.close(self._dialect.closing(close))
            case _:
                assert_never(command)

    def _record(self, entries: list[Entry]) -> None:
        if self._equipment.recorder is not None:
            self._equipment.recorder.put(self.config.session_id, entries)

    def _send_client(self, command: commands.SendClient) -> None:
        if self._line is not None and not command.urgent:
            self._line.acknowledge(command)
            return
        text = self._encode(command.message, command.seq, command.timestamp_ms)
        if text:
            self._client.send(text, urgent=command.urgent)
        if command.binary is not None:
            self._client.send(command.binary, binary=True)

    def _check_token(self, token: str, ref: Ref | None) -> None:
        keys = self._equipment.keys_for(token)
        if keys is None:
            self.feed(events.TokenChecked(self._checked(token), ref))
        else:
            keys.add_done_callback(
                lambda _: self.feed(events.TokenChecked(self._checked(token), ref))
            )

    def _checked(self, token: str) -> float | Refused:
        try:
            caller = self._equipment.check_token(token, self.config)
        except Refused as refused:
            return refused
        self.token_id = caller.token_id
        return caller.call_ends_at

    def _note_model(self, note: commands.NoteModel) -> None:
        if self._route is None:
            self._equipment.on_model(note.accepted)
        else:
            self._route.note(note)

    def _arm_timer(self, at: float) -> None:
        """Have a `Tick` come at *at*; an early one is harmless and arms the next."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = at
        delay_s = max(0.0, at - self._clock()) + TIMER_SLACK_S
        self._timer = self._equipment.loop.call_later(delay_s, self._tick)

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
                self._perform(command)
        if not self._finished:  # it had ended, and was stopped on the way out
            for step in (self._links.close, partial(self._client.close, INTERNAL)):
                with contextlib.suppress(Exception):
                    step()
            self._finish()

    def _finish(self) -> None:
        if self._finished:
            return
        self._finished = True
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._calls.end()
        if self.config.recorded and self._equipment.recorder is not None:
            self._equipment.recorder.end(self.config.session_id)
        self._audio.end()
        self._links.end()
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
        session, links = self._session, self._links
        waiting_model_ms, waiting_client_ms = session.waiting_ms
        return CallReadings(
            state=session.state,
            totals=session.totals(),
            to_model_ms=waiting_model_ms,
            to_client_ms=waiting_client_ms,
            uplink_pieces=self._uplink.waiting,
            downlink_pieces=self._downlink.waiting,
            unread_bytes=links.unread_bytes,
            unsent_bytes=links.unsent_bytes,
            client_bytes=self._client.queued_bytes,
        )


def _new_line(
    config: SessionConfig, client: Client, dialect: Dialect, clock: Callable[[], float]
) -> Line | None:
    if not config.resume_window_s:
        return None
    kept_bytes, kept_s = config.resume_bytes, config.resume_window_s
    return Line(client, dialect.encode, kept_bytes, kept_s, clock)
