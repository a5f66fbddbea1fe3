"""Who is at both ends of a call, and for how long: what each event about that means."""

from typing import assert_never

from tornado_app.protocol.close import RESUMED_ELSEWHERE
from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.realtime.events import ErrorFacts
from tornado_app.session import events
from tornado_app.session.commands import CloseUpstream
from tornado_app.session.log_lines import log_opened
from tornado_app.session.mending import Mending
from tornado_app.session.negotiated import first_formats
from tornado_app.session.parts import Parts
from tornado_app.session.presence import Presence
from tornado_app.session.rolling_over import RollingOver
from tornado_app.session.time_limits import TimeLimits
from tornado_app.session.way_out import WayOut


class BothEnds:
    """Thread: loop."""

    __slots__ = (
        "_actions",
        "_config",
        "_connecting",
        "_lifetime",
        "_mending",
        "_model",
        "_presence",
        "_reports",
        "_rolling",
        "_times",
        "_way_out",
    )

    def __init__(
        self,
        parts: Parts,
        *,
        mending: Mending,
        presence: Presence,
        rolling: RollingOver,
        times: TimeLimits,
        way_out: WayOut,
    ) -> None:
        self._config = parts.config
        self._actions = parts.actions
        self._connecting = parts.connecting
        self._reports = parts.reports
        self._lifetime = parts.lifetime
        self._model = parts.model
        self._mending = mending
        self._presence = presence
        self._rolling = rolling
        self._times = times
        self._way_out = way_out

    def on_event(self, event: events.ConnectionEvent) -> None:
        match event:
            case events.Opened(resume_token):
                self._open(resume_token)
            case events.UpstreamOpened():
                self._connecting.on_opened(event)
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
                self._way_out.on_slow(why)
            case events.ClientGone(code, is_lost):
                self._way_out.on_gone(code, is_lost=is_lost)
            case events.ClientBack():
                self._times.active_at = self._actions.now
                self._presence.come_back(event)
            case events.Drain(deadline):
                self._way_out.drain(deadline)
            case events.Stop(close):
                self._way_out.end(close, "server_stopped")
            case events.BegunAnew():
                self._way_out.end(RESUMED_ELSEWHERE, "begun_anew")
            case events.TokenRevoked():
                self._way_out.end_if(self._lifetime.revoked())
            case events.EndedByOperator(words):
                self._way_out.end_if(self._lifetime.ended_by_operator(words))
            case events.ListenedTo(is_on):
                self._presence.listened_to(is_on=is_on)
            case _:
                assert_never(event)

    def act_on(self, end: Ending | Failure | None) -> None:
        """An ending ends the session; a failure its link, with which no more can be done."""
        if isinstance(end, Failure):
            self._actions.do(CloseUpstream())
            self._on_lost(end)
            self._mending.mend()  # of no other call it is known
        else:
            self._way_out.end_if(end)

    def _open(self, resume_token: str | None) -> None:
        log_opened(self._actions, self._config)
        self._lifetime.start()
        self._times.start()
        self._reports.first(first_formats(self._config), resume_token)
        self._connecting.dial()

    def _on_lost(
        self, failure: Failure, error: ErrorFacts | None = None, *, has_spare: bool = False
    ) -> None:
        if not self._rolling.takes_over(failure):
            self._way_out.end_if(self._mending.on_lost(failure, error, has_spare=has_spare))
