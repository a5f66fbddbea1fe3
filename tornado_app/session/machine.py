"""The session: what each event means.

Two rules.  All that a session decides is decided here or in its parts (`parts.py`);
and none of them knows what is at the other end of a command.

             Opened               session.created + session.updated
    (new) ----------> connecting ----------------------------------> connected
                          |  ^                                         |   |
             UpstreamLost |  | redial                     UpstreamLost |   | ClientGone, Stop,
                          v  |                                         |   | token, idle, limit
                      reconnecting <-----------------------------------+   |
                          | no attempt left, or fatal                      v
                          +-------------------------------------------> ended
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Literal

from tornado_app.admission.budget import Budget
from tornado_app.errors import ErrorCode, Ref, Refused
from tornado_app.protocol.close import INTERNAL
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.overhearing import Overheard
from tornado_app.protocol.told import UpstreamStatus
from tornado_app.session import events
from tornado_app.session.admitting import Admitting
from tornado_app.session.both_ends import BothEnds
from tornado_app.session.commands import Command
from tornado_app.session.conductor import Conductor
from tornado_app.session.config import SessionConfig
from tornado_app.session.gateway_conducts import GatewayConducts
from tornado_app.session.mending import Mending
from tornado_app.session.parts import Parts
from tornado_app.session.presence import Presence
from tornado_app.session.quotas import Quotas
from tornado_app.session.record import SoundFormats
from tornado_app.session.relaying.client_conducts import ClientConducts
from tornado_app.session.rolling_over import RollingOver
from tornado_app.session.term import TIMER
from tornado_app.session.time_limits import LIMITS, TimeLimits
from tornado_app.session.totals import Totals, total
from tornado_app.session.way_out import WayOut


class Session:
    """One client and its model.  Thread: loop.

    Feed it events with `handle` and perform the commands it returns, in order; call it with
    `Tick` when `timers` say so.  *jitter* gives numbers from 0 to 1.
    """

    __slots__ = (
        "_actions",
        "_admitting",
        "_backlog",
        "_conductor",
        "_config",
        "_ends",
        "_lifetime",
        "_mending",
        "_model",
        "_presence",
        "_quotas",
        "_rolling",
        "_times",
        "_way_out",
        "downlink",
        "ledger",
        "timers",
    )

    def __init__(self, config: SessionConfig, budget: Budget, jitter: Callable[[], float]) -> None:
        parts = Parts(config, budget, jitter)
        self._config = config
        self._actions = parts.actions
        self.timers = parts.timers
        """When a `Tick` is due: `earliest`, infinity once the session has ended."""
        self._model = parts.model
        self._backlog = parts.backlog
        self._lifetime = parts.lifetime
        self.ledger = parts.ledger
        self._conductor = conductor = _conductor(parts)
        self.downlink = conductor.downlink
        self._times = TimeLimits(parts, conductor)
        self._quotas = Quotas(
            config, parts.actions, self._times, stop_answering=conductor.stop_answering
        )
        self._rolling = RollingOver(parts, conductor, jitter=jitter)
        self._mending = Mending(parts, conductor)
        self._presence = Presence(parts.actions, parts.lifetime, conductor)
        self._way_out = WayOut(parts, conductor, self._presence, self._rolling)
        self._ends = BothEnds(
            parts,
            mending=self._mending,
            presence=self._presence,
            rolling=self._rolling,
            times=self._times,
            way_out=self._way_out,
        )
        self._admitting = Admitting(parts, conductor, self._way_out)

    def handle(self, event: events.Event, now: float) -> list[Command]:
        """Everything that *event* leads to.  Nothing once the session has ended."""
        if self._way_out.ended:
            return []
        actions = self._actions
        actions.now, actions.ref, actions.has_room = now, None, False
        if self._backlog.paused:
            self._lifetime.not_read()
        self._dispatch(event)
        if self._backlog.paused and not self._way_out.ended:
            self._conductor.ease()
        return actions.take()

    def go_on(self, now: float) -> list[Command]:
        """The next that waits for the client to have room, a piece of audio or a message.

        Call it while `Downlink.may_go_on` and the client has room.
        """
        if self._way_out.ended:
            return []
        self._actions.now = now
        self._actions.ref = None
        self.downlink.go_on()
        return self._actions.take()

    def abandon(self, now: float) -> list[Command]:
        """End a session that had a fault of ours."""
        if self._way_out.ended:
            return []
        self._actions.now = now
        self._actions.refuse(Refused("internal", "The server had a fault of its own. Reconnect."))
        self._way_out.end(INTERNAL, "fault")
        return self._actions.take()

    @property
    def ended(self) -> bool:
        """Nothing leads to anything any more."""
        return self._way_out.ended

    @property
    def is_connected(self) -> bool:
        """The model is ready to hear and to answer."""
        return self._model.state == "connected"

    @property
    def most_output_tokens(self) -> int:
        """Which no answer has more of; 0: that is not bounded."""
        if self._config.client_conducts:  # who may ask for more with each
            return self._config.answers.most_output_tokens
        return self._model.in_force.max_output_tokens

    @property
    def upstream(self) -> str:
        """Which of several the model is at, or was; empty: there is one, or none was reached."""
        return self._model.upstream.name

    def may_lack_token(self, last_seq: int | None) -> bool:
        """As of `Presence.may_lack_token`."""
        return self._presence.may_lack_token(last_seq)

    @property
    def state(self) -> UpstreamStatus | Literal["away"]:
        """How its model is, or that its client is away."""
        return "away" if self._presence.is_away else self._model.state

    @property
    def sound_formats(self) -> SoundFormats:
        """Of what the model hears and says."""
        return self._conductor.sound_formats

    @property
    def waiting_ms(self) -> tuple[float, float]:
        """How long the audio plays that waits for the model, and for the client."""
        return self._conductor.figures().buffered_ms, self.downlink.waiting_ms

    @property
    def errors(self) -> Mapping[ErrorCode, int]:
        """What the client was told that was wrong; of `totals` what costs nothing."""
        return self._actions.errors

    def totals(self) -> Totals:
        """What there was so far."""
        return total(self._conductor.figures(), self.downlink.sent, self._actions)

    def _dispatch(self, event: events.Event) -> None:
        match event:
            # The hot path comes first, and takes no value apart: that is a fifth of a microsecond.
            case events.ClientAudio():
                self._actions.chunk += 1
                if self._admitting.admit(event.ref, is_audio=True):
                    self._conductor.audio(event.payload)
            case events.UplinkReady():
                self._on_uplink(event.result)
            case events.UpstreamSaid():
                self._actions.read_at = event.read_at
                self._actions.has_room = event.has_room
                self._on_upstream(event.event)
            case _ if self._mending.unsent_ms is not None:
                self._mend_before(event)  # what is above is of no model, or of one that is there
            case events.ClientFile():
                self._actions.chunk += 1
                self._times.active_at = self._actions.now
                if self._admitting.admit(event.ref, is_audio=True):
                    self._admitting.refuse_if(self._conductor.file(event))
            case events.DownlinkReady():
                self.downlink.ready(event.result)
            case events.ToolDone():
                self._conductor.tool_done(event)
                self._conductor.settle()
            case events.ClientSaid(message):
                if self._admitting.admit_order(message.ref):
                    self._admitting.refuse_if(self._conductor.obey(message))
                self._times.client_said(message)
            case events.StatusAsked(limits, ref, cost):
                if self._admitting.admit_order(ref):
                    self._conductor.tell_status(limits, cost)
            case events.TokenChecked(result, ref):
                self._on_token_checked(result, ref)
            case events.ClientRefused(refused):
                self._admitting.on_wrong(refused)
            case events.ClientHeard():
                self._admitting.on_fragment()
            case events.ClientPinged():
                self._admitting.on_ping()
            case events.Tick():
                self._on_tick()
            case events.Look():
                self._look(event)
            case events.Metered(uses):
                self._quotas.metered(uses)
            case events.ClientHasRoom():
                self.downlink.not_taken()  # whoever feeds it goes on with what waits
            case _:
                self._ends.on_event(event)

    def _look(self, facts: events.Look) -> None:
        self._model.gate.on_unsent(facts.unsent_bytes)
        self._rolling.see(facts.better)
        self._model.look(is_read=not facts.is_held, unanswered_s=facts.unanswered_s)
        self._conductor.look(facts.queued_bytes)
        self._on_tick()

    def _on_uplink(self, result: events.Converted | events.Unusable) -> None:
        if isinstance(result, events.Unusable) and result.sentence and result.code != "server_busy":
            self._admitting.count_error()
        if self._way_out.ended:
            return
        self._conductor.uplink_ready(result)

    def _on_token_checked(self, result: float | Refused, ref: Ref | None) -> None:
        self._actions.ref = ref
        if isinstance(result, Refused):
            self._actions.log("token_refused", detail=result.detail)
            self._admitting.refuse(result)
        else:
            told = self._lifetime.refreshed(result)
            self._conductor.in_turn(partial(self._actions.say, told))

    def _on_upstream(self, said: realtime.UpstreamEvent | Overheard) -> None:
        self._times.active_at = self._actions.now
        end = self._conductor.hear(said)
        if end is not None:
            self._ends.act_on(end)
        self._conductor.settle()

    def _on_tick(self) -> None:
        for name in self.timers.take_due(self._actions.now):
            if not self._way_out.ended:
                self._on_timer(name)
        self._conductor.settle()

    def _on_timer(self, name: str) -> None:
        if name == "drain":
            self._way_out.drained()
        elif name == "resume":
            if self._lifetime.is_gone():
                self._way_out.end(None, "client_gone")
        elif name in LIMITS:
            self._way_out.end_if(self._times.on_timer(name))
        elif name == TIMER:
            self._rolling.on_timer()
        else:
            self._ends.act_on(self._conductor.on_timer(name))

    def _mend_before(self, event: events.Event) -> None:
        self._mending.mend()
        self._dispatch(event)


def _conductor(parts: Parts) -> Conductor:
    return ClientConducts(parts) if parts.config.client_conducts else GatewayConducts(parts)
