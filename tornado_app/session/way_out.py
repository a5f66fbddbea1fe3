"""The one way out of a session, whoever ends it."""

from tornado_app.errors import Refused
from tornado_app.protocol.close import GOING_AWAY, LIMIT_REACHED, Close
from tornado_app.protocol.endings import Ending
from tornado_app.protocol.told import GoingAway
from tornado_app.session.commands import CloseClient, CloseUpstream, DropClient, Finish
from tornado_app.session.conductor import Conductor
from tornado_app.session.log_lines import log_closed
from tornado_app.session.parts import Parts
from tornado_app.session.presence import Presence
from tornado_app.session.rolling_over import RollingOver


class WayOut:
    """Thread: loop."""

    __slots__ = (
        "_actions",
        "_conductor",
        "_config",
        "_connecting",
        "_downlink",
        "_model",
        "_presence",
        "_rolling",
        "_timers",
        "ended",
    )

    def __init__(
        self, parts: Parts, conductor: Conductor, presence: Presence, rolling: RollingOver
    ) -> None:
        self._config = parts.config
        self._actions = parts.actions
        self._timers = parts.timers
        self._model = parts.model
        self._connecting = parts.connecting
        self._conductor = conductor
        self._downlink = conductor.downlink
        self._presence = presence
        self._rolling = rolling
        self.ended = False

    def end(self, close: Close | None, cause: str, client_code: int | None = None) -> None:
        """*close* None: the client has gone, with its code."""
        untaken_ms = self._downlink.waiting_ms
        self._conductor.shut(is_told=close is not None)
        if close is not None:
            self._downlink.finish()
        else:
            self._downlink.forget()
        log_closed(
            self._actions,
            self._config,
            self._conductor.figures(),
            self._downlink.sent,
            cause=cause,
            close_code=close.code if close else client_code,
            untaken_ms=untaken_ms,
            broken_pieces=self._downlink.broken_pieces,
            reconnects=self._connecting.reconnects,
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

    def end_if(self, ending: Ending | None) -> None:
        if ending is not None:
            self._conductor.forget_pending()
            if not ending.is_told:
                self._actions.refuse(ending.refused)
            self.end(ending.close, ending.cause)

    def end_over(self, refused: Refused | None, cause: str) -> None:
        """End the session if a rate was so far exceeded."""
        if refused is not None:
            self._conductor.forget_pending()
            self._actions.refuse(refused)
            self.end(LIMIT_REACHED, cause)

    def drain(self, deadline: float) -> None:
        """The server goes away at *deadline*, and lets nobody in any more."""
        if self._presence.is_away:
            self.end(None, "drained")
            return
        self._timers.set("drain", deadline)
        self._actions.say(GoingAway("draining", self._config.unix_ms(deadline)))

    def drained(self) -> None:
        """It goes."""
        self.end(GOING_AWAY, "drained")

    def on_gone(self, code: int | None, *, is_lost: bool) -> None:
        """The client has closed its socket with *code*, or *is_lost*."""
        if is_lost and self._config.presence.resume_window_s:
            self._go_away()
        else:
            self.end(None, "client_gone", code)

    def on_slow(self, why: str) -> None:
        """The client does not take what it is told."""
        window_s = self._config.presence.resume_window_s
        if why == "write_timeout" and window_s:  # as of a network that is gone
            self._actions.do(DropClient(LIMIT_REACHED))
            self._go_away()
        else:
            self.end(LIMIT_REACHED, f"client_slow_{why}")

    def _go_away(self) -> None:
        if "drain" in self._timers:  # nobody is let in any more
            self.end(None, "drained")
        else:
            self._presence.lose()
