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
from typing import Literal, assert_never

from tornado_app.admission.budget import Budget
from tornado_app.errors import ErrorCode, InvalidMessage, Ref, Refused
from tornado_app.protocol.close import (
    GOING_AWAY,
    INTERNAL,
    LIMIT_REACHED,
    Close,
)
from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.overhearing import Overheard
from tornado_app.protocol.told import GoingAway, UpstreamStatus
from tornado_app.session import events
from tornado_app.session.commands import (
    CloseClient,
    CloseUpstream,
    Command,
    DropClient,
    Finish,
)
from tornado_app.session.conductor import Conductor
from tornado_app.session.config import SessionConfig
from tornado_app.session.gateway_conducts import GatewayConducts
from tornado_app.session.log_lines import log_closed, log_opened
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


class Session:
    """One client and its model.  Thread: loop.

    Feed it events with `handle` and perform the commands it returns, in order; call it with
    `Tick` at `wake_at`.  *jitter* gives numbers from 0 to 1.
    """

    __slots__ = (
        "_actions",
        "_backlog",
        "_conductor",
        "_config",
        "_lifetime",
        "_mending",
        "_model",
        "_presence",
        "_quotas",
        "_rates",
        "_rolling",
        "_timers",
        "_times",
        "downlink",
        "ended",
        "ledger",
    )

    def __init__(self, config: SessionConfig, budget: Budget, jitter: Callable[[], float]) -> None:
        parts = Parts(config, budget, jitter)
        self._config = config
        self._actions = parts.actions
        self._timers = parts.timers
        self._model = parts.model
        self._backlog = parts.backlog
        self._rates = parts.rates
        self._lifetime = parts.lifetime
        self.ledger = parts.ledger
        self._conductor = conductor = _conductor(parts)
        self.downlink = conductor.downlink
        self._times = TimeLimits(parts, conductor)
        self._quotas = Quotas(
            config, parts.actions, self._times, stop_answering=conductor.stop_answering
        )
        self._rolling = RollingOver(
            config,
            parts.model,
            parts.actions,
            parts.timers,
            parts.prepared,
            summing_up=parts.summing_up,
            conductor=conductor,
            jitter=jitter,
        )
        self._mending = Mending(parts.model, parts.actions, parts.timers, conductor)
        self._presence = Presence(parts.actions, parts.lifetime, conductor)
        self.ended = False

    def handle(self, event: events.Event, now: float) -> list[Command]:
        """Everything that *event* leads to.  Nothing once the session has ended."""
        if self.ended:
            return []
        actions = self._actions
        actions.now, actions.ref, actions.has_room = now, None, False
        if self._backlog.paused:
            self._lifetime.not_read()
        self._dispatch(event)
        if self._backlog.paused and not self.ended:
            self._conductor.ease()
        return actions.take()

    def go_on(self, now: float) -> list[Command]:
        """The next that waits for the client to have room, a piece of audio or a message.

        Call it while `Downlink.may_go_on` and the client has room.
        """
        if self.ended:
            return []
        self._actions.now = now
        self._actions.ref = None
        self.downlink.go_on()
        return self._actions.take()

    def abandon(self, now: float) -> list[Command]:
        """End a session that had a fault of ours."""
        if self.ended:
            return []
        self._actions.now = now
        self._actions.refuse(Refused("internal", "The server had a fault of its own. Reconnect."))
        self._end(INTERNAL, "fault")
        return self._actions.take()

    @property
    def is_connected(self) -> bool:
        """The model is ready to hear and to answer."""
        return self._model.state == "connected"

    @property
    def most_output_tokens(self) -> int:
        """Which no answer has more of; 0: that is not bounded."""
        if self._config.client_conducts:  # who may ask for more with each
            return self._config.most_output_tokens
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

    def wake_at(self) -> float:
        """When a `Tick` is due; infinity, and so for ever once the session has ended, if never."""
        return self._timers.earliest

    def _dispatch(self, event: events.Event) -> None:
        match event:
            # The hot path comes first, and takes no value apart: that is a fifth of a microsecond.
            case events.ClientAudio():
                self._actions.chunk += 1
                if self._admit(event.ref, is_audio=True):
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
                if self._admit(event.ref, is_audio=True):
                    self._refuse_client_if(self._conductor.file(event))
            case events.DownlinkReady():
                self.downlink.ready(event.result)
            case events.ToolDone():
                self._conductor.tool_done(event)
                self._conductor.settle()
            case events.ClientSaid(message):
                if self._admit_order(message.ref):
                    self._refuse_client_if(self._conductor.obey(message))
                self._times.client_said(message)
            case events.StatusAsked(limits, ref, cost):
                if self._admit_order(ref):
                    self._conductor.tell_status(limits, cost)
            case events.TokenChecked(result, ref):
                self._on_token_checked(result, ref)
            case events.ClientRefused(refused):
                self._on_refused(refused)
            case events.ClientHeard():
                self._lifetime.heard()
                self._end_over(self._rates.fragment(self._actions.now), "too_many_fragments")
            case events.ClientPinged():
                self._lifetime.heard()
                self._end_over(self._rates.ping(self._actions.now), "too_many_pings")
            case events.Tick():
                self._on_tick()
            case events.Look():
                self._look(event)
            case events.Metered(uses):
                self._quotas.metered(uses)
            case events.ClientHasRoom():
                self.downlink.not_taken()  # whoever feeds it goes on with what waits
            case _:
                self._on_connection(event)

    def _on_connection(self, event: events.ConnectionEvent) -> None:
        match event:
            case events.Opened(resume_token):
                self._open(resume_token)
            case events.UpstreamOpened():
                self._model.on_opened(event)
            case events.UpstreamBacklog(unsent_bytes):
                self._model.gate.on_unsent(unsent_bytes)
            case events.UpstreamRoundTrip(latency_ms):
                self._model.on_round_trip(latency_ms)
            case events.UpstreamLost(failure, error, has_spare):
                self._on_lost(failure, error, has_spare=has_spare)
            case (
                events.PreparedOpened()
                | events.PreparedSaid()
                | events.PreparedBacklog()
                | events.PreparedLost()
            ):
                self._rolling.prepared.on_event(event)
            case events.SummedUp():
                self._rolling.summing_up.on_done(event)
            case events.ClientSlow(why):
                self._on_slow(why)
            case events.ClientGone(code, is_lost):
                self._on_gone(code, is_lost=is_lost)
            case events.ClientBack():
                self._times.active_at = self._actions.now
                self._presence.come_back(event)
            case events.Drain(deadline):
                self._drain(deadline)
            case events.Stop(close):
                self._end(close, "server_stopped")
            case events.TokenRevoked():
                self._end_if(self._lifetime.revoked())
            case events.EndedByOperator(words):
                self._end_if(self._lifetime.ended_by_operator(words))
            case events.ListenedTo(is_on):
                self._presence.listened_to(is_on=is_on)
            case _:
                assert_never(event)

    def _look(self, facts: events.Look) -> None:
        self._model.gate.on_unsent(facts.unsent_bytes)
        self._rolling.see(facts.better)
        self._model.look(is_read=not facts.is_held, unanswered_s=facts.unanswered_s)
        self._conductor.look(facts.queued_bytes)
        self._on_tick()

    def _open(self, resume_token: str | None) -> None:
        log_opened(self._actions, self._config)
        self._lifetime.start()
        self._times.start()
        self._model.open(resume_token)

    def _on_slow(self, why: str) -> None:
        if why == "write_timeout" and self._config.resume_window_s:  # as of a network that is gone
            self._actions.do(DropClient(LIMIT_REACHED))
            self._go_away()
        else:
            self._end(LIMIT_REACHED, f"client_slow_{why}")

    def _on_gone(self, code: int | None, *, is_lost: bool) -> None:
        if is_lost and self._config.resume_window_s:
            self._go_away()
        else:
            self._end(None, "client_gone", code)

    def _go_away(self) -> None:
        if "drain" in self._timers:  # nobody is let in any more
            self._end(None, "drained")
        else:
            self._presence.lose()

    def _admit(self, ref: Ref | None, *, is_audio: bool = False) -> bool:
        """Whether the client may say one more thing now; it is called *ref*."""
        self._actions.ref = ref
        self._lifetime.heard()
        refused = self._rates.message(self._actions.now)
        if refused is None:
            return True
        if self._conductor.takes(refused):
            return True
        if is_audio:
            refused.chunk = self._actions.chunk
        self._refuse_client(refused)
        return False

    def _admit_order(self, ref: Ref | None) -> bool:
        self._actions.orders += 1
        return self._admit(ref)

    def _on_refused(self, refused: InvalidMessage) -> None:
        """A message was wrong, and so was nothing but a message."""
        if refused.is_audio:
            self._actions.chunk += 1
            refused.chunk = self._actions.chunk
        else:
            self._actions.orders += 1
        if self._admit(refused.ref, is_audio=refused.is_audio):
            self._refuse_client(refused)

    def _refuse_client_if(self, refused: Refused | None) -> None:
        if refused is not None:
            self._refuse_client(refused)

    def _refuse_client(self, refused: Refused) -> None:
        self._conductor.refuse(refused)
        self._count_error()

    def _count_error(self) -> None:
        self._end_over(self._rates.wrong_message(self._actions.now), "too_many_errors")

    def _end_over(self, refused: Refused | None, cause: str) -> None:
        """End the session if a rate was so far exceeded."""
        if refused is not None:
            self._conductor.forget_pending()
            self._actions.refuse(refused)
            self._end(LIMIT_REACHED, cause)

    def _on_uplink(self, result: events.Converted | events.Unusable) -> None:
        if isinstance(result, events.Unusable) and result.sentence and result.code != "server_busy":
            self._count_error()
        if self.ended:
            return
        self._conductor.uplink_ready(result)

    def _on_token_checked(self, result: float | Refused, ref: Ref | None) -> None:
        self._actions.ref = ref
        if isinstance(result, Refused):
            self._actions.log("token_refused", detail=result.detail)
            self._refuse_client(result)
        else:
            told = self._lifetime.refreshed(result)
            self._conductor.in_turn(partial(self._actions.say, told))

    def _on_upstream(self, said: realtime.UpstreamEvent | Overheard) -> None:
        self._times.active_at = self._actions.now
        end = self._conductor.hear(said)
        if end is not None:
            self._act_on(end)
        self._conductor.settle()

    def _on_tick(self) -> None:
        for name in self._timers.take_due(self._actions.now):
            if not self.ended:
                self._on_timer(name)
        self._conductor.settle()

    def _on_timer(self, name: str) -> None:
        if name == "drain":
            self._end(GOING_AWAY, "drained")
        elif name == "resume":
            self._end(None, "client_gone")
        elif name in LIMITS:
            self._end_if(self._times.on_timer(name))
        elif name == TIMER:
            self._rolling.on_timer()
        else:
            self._act_on(self._conductor.on_timer(name))

    def _act_on(self, end: Ending | Failure | None) -> None:
        if isinstance(end, Failure):
            self._lose_link_if(end)
        else:
            self._end_if(end)

    def _lose_link_if(self, failure: Failure | None) -> None:
        """Give up a link with which nothing can be done any more."""
        if failure is not None:
            self._actions.do(CloseUpstream())
            self._on_lost(failure)
            self._mending.mend()  # of no other call it is known

    def _on_lost(
        self,
        failure: Failure,
        error: realtime.ErrorFacts | None = None,
        *,
        has_spare: bool = False,
    ) -> None:
        if not self._rolling.takes_over(failure):
            self._end_if(self._mending.on_lost(failure, error, has_spare=has_spare))

    def _mend_before(self, event: events.Event) -> None:
        self._mending.mend()
        self._dispatch(event)

    def _end_if(self, ending: Ending | None) -> None:
        if ending is not None:
            self._conductor.forget_pending()
            if not ending.is_told:
                self._actions.refuse(ending.refused)
            self._end(ending.close, ending.cause)

    def _drain(self, deadline: float) -> None:
        if self._presence.is_away:  # and nobody is let in any more
            self._end(None, "drained")
            return
        self._timers.set("drain", deadline)
        self._actions.say(GoingAway("draining", self._config.unix_ms(deadline)))

    def _end(self, close: Close | None, cause: str, client_code: int | None = None) -> None:
        """The one way out, whoever ends it.  *close* None: the client has gone, with its code."""
        untaken_ms = self.downlink.waiting_ms
        self._conductor.shut(is_told=close is not None)
        if close is not None:
            self.downlink.finish()
        else:
            self.downlink.forget()
        log_closed(
            self._actions,
            self._config,
            self._conductor.figures(),
            self.downlink.sent,
            cause=cause,
            close_code=close.code if close else client_code,
            untaken_ms=untaken_ms,
            broken_pieces=self.downlink.broken_pieces,
            reconnects=self._model.reconnects,
        )
        self._timers.clear_all()
        self._rolling.stop()
        self._model.shut()
        self._conductor.release()
        self._actions.do(CloseUpstream())
        if close is not None:
            self._actions.do(CloseClient(close))
        self._actions.do(Finish())
        self.ended = True


def _conductor(parts: Parts) -> Conductor:
    return ClientConducts(parts) if parts.config.client_conducts else GatewayConducts(parts)
