"""How long a session may live: the client's signs of life, and its token."""

from tornado_app.protocol.close import IDLE_TIMEOUT, TOKEN_EXPIRED
from tornado_app.protocol.endings import Ending
from tornado_app.protocol.told import TokenExpiring
from tornado_app.session.actions import Actions
from tornado_app.session.commands import PingClient
from tornado_app.session.config import SessionConfig
from tornado_app.session.timers import Timers

TOKEN_WARNING_S = 60.0


class Lifetime:
    """Pings the client, and says when it is dead or its token has expired.  Thread: loop."""

    def __init__(self, config: SessionConfig, actions: Actions, timers: Timers) -> None:
        self._config = config
        self._actions = actions
        self._timers = timers
        self._heard_at = config.opened_at

    def start(self) -> None:
        config, timers = self._config, self._timers
        expires_at = config.opened_at + config.token_expires_at_unix_s
        expires_at -= config.opened_at_unix_ms / 1000
        timers.set("ping", config.opened_at + config.ping_interval_s)
        timers.set("read", config.opened_at + config.read_timeout_s)
        timers.set("token_expiry", expires_at + config.token_leeway_s)
        timers.set("token_warning", max(config.opened_at, expires_at - TOKEN_WARNING_S))

    def heard(self) -> None:
        """A frame of the client came."""
        self._heard_at = self._actions.now

    def on_timer(self, name: str) -> Ending | None:
        """An ending if the session must end now."""
        match name:
            case "ping":
                self._timers.set("ping", self._actions.now + self._config.ping_interval_s)
                self._actions.do(PingClient())
            case "token_warning":
                expires_at_ms = int(self._config.token_expires_at_unix_s * 1000)
                self._actions.say(TokenExpiring(expires_at_ms))
            case "token_expiry":
                sentence = "The token has expired. Reconnect with a fresh one."
                return Ending("token_expired", sentence, False, TOKEN_EXPIRED, "token_expired")
            case "read":
                return self._on_read_timer()
        return None

    def _on_read_timer(self) -> Ending | None:
        """The timer is set once and asks, so that a frame costs no more than a note of the time."""
        silent_at = self._heard_at + self._config.read_timeout_s
        if self._actions.now < silent_at:
            self._timers.set("read", silent_at)
            return None
        sentence = f"Nothing was heard for {self._config.read_timeout_s:g} s."
        return Ending("idle_timeout", sentence, False, IDLE_TIMEOUT, "client_silent")
