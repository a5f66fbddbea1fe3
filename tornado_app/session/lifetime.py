"""How long a session may live: the client's signs of life, and its token."""

import math

from tornado_app.admission.limits import Bucket
from tornado_app.errors import Ref, Refused
from tornado_app.protocol.close import (
    ENDED_BY_OPERATOR,
    IDLE_TIMEOUT,
    TOKEN_EXPIRED,
    TOKEN_REVOKED,
)
from tornado_app.protocol.endings import Ending
from tornado_app.protocol.told import TokenExpiring, TokenRefreshed
from tornado_app.session.actions import Actions
from tornado_app.session.commands import CheckToken, PingClient
from tornado_app.session.config import SessionConfig
from tornado_app.session.heard import LATE_S
from tornado_app.session.timers import Timers

TOKEN_WARNING_S = 60.0
GRACE_S = 0.25
"""A process that stood still, as one that is suspended, wakes to its timers before it reads: what
came meanwhile is heard by then."""
REFRESHES_PER_MINUTE = 6.0
"""To check a token costs more than any other message, and one a call is enough for long."""


class Lifetime:
    """Pings the client, and says when it is dead or its token has expired.  Thread: loop."""

    __slots__ = (
        "_actions",
        "_asks_at",
        "_config",
        "_expires_at_unix_s",
        "_heard_at",
        "_is_asked_again",
        "_refreshes",
        "_timers",
        "_unread_at",
        "_waits_until",
    )

    def __init__(self, config: SessionConfig, actions: Actions, timers: Timers) -> None:
        self._config = config
        self._actions = actions
        self._timers = timers
        self._heard_at = config.opened_at
        self._unread_at = -math.inf
        """When it was not read, and could not be heard."""
        self._asks_at = math.inf
        """When it is asked next whether the client is silent."""
        self._is_asked_again = False
        """It was silent when it was asked last."""
        self._waits_until = math.inf
        """For a client that was lost."""
        self._expires_at_unix_s = config.token_expires_at_unix_s
        self._refreshes = Bucket(REFRESHES_PER_MINUTE / 60, REFRESHES_PER_MINUTE)

    def start(self) -> None:
        config, timers = self._config, self._timers
        timers.set("ping", config.opened_at + config.presence.ping_interval_s)
        self._ask_at(config.opened_at + config.presence.read_timeout_s)
        self._expect_end(warned_at=config.opened_at)

    @property
    def token_expires_at(self) -> int:
        """Unix time in milliseconds."""
        return int(self._expires_at_unix_s * 1000)

    def refresh(self, token: str, ref: Ref | None) -> Refused | None:
        """Have *token* checked, or say why that is not done."""
        wait_s = self._refreshes.take(self._actions.now)
        if wait_s:
            sentence = (
                f"A token may be refreshed {REFRESHES_PER_MINUTE:g} times a minute. "
                "The one before goes on."
            )
            return Refused("rate_limited", sentence, "token", int(wait_s * 1000) + 1)
        self._actions.do(CheckToken(token, ref))
        return None

    def refreshed(self, expires_at_unix_s: float) -> TokenRefreshed:
        """Another token counts from now on."""
        self._expires_at_unix_s = expires_at_unix_s
        # Of a short token half is used before the next is asked for, or each would ask for one.
        now = self._actions.now
        self._expect_end(warned_at=now + (self._ends_at - now) / 2)
        self._actions.log("token_refreshed", expires_at=self.token_expires_at)
        return TokenRefreshed(self.token_expires_at, ref=self._actions.ref)

    @property
    def _ends_at(self) -> float:
        """When the token expires, by the session's clock."""
        config = self._config
        return config.opened_at + self._expires_at_unix_s - config.opened_at_unix_ms / 1000

    def _expect_end(self, *, warned_at: float) -> None:
        """*warned_at*: not before."""
        ends_at = self._ends_at
        self._timers.set("token_expiry", ends_at + self._config.token_leeway_s)
        self._timers.set("token_warning", max(warned_at, ends_at - TOKEN_WARNING_S))

    def away(self) -> None:
        """The client is lost, and may come back within the window."""
        self._timers.clear("ping")
        self._timers.clear("read")
        self._wait_until(self._actions.now + self._config.presence.resume_window_s)

    def is_gone(self) -> bool:
        """Whether the time is over in which a client that was lost may come back."""
        now = self._actions.now
        if now - self._waits_until <= LATE_S:
            return True
        self._wait_until(now + LATE_S)  # it may be at the door of a process that stood still
        return False

    def back(self, expires_at_unix_s: float) -> None:
        """It is back, with another token."""
        now, timers = self._actions.now, self._timers
        self._heard_at, self._is_asked_again = -math.inf, False
        timers.clear("resume")
        timers.set("ping", now + self._config.presence.ping_interval_s)
        self._ask_at(now + self._config.presence.read_timeout_s)
        self._expires_at_unix_s = expires_at_unix_s
        self._expect_end(warned_at=now + (self._ends_at - now) / 2)

    @property
    def is_heard(self) -> bool:
        """A frame came since the client is there, or is back."""
        return self._heard_at > -math.inf

    def heard(self) -> None:
        """A frame of the client came."""
        self._heard_at = self._actions.now

    def not_read(self) -> None:
        """The client is read no further for now: it is not silent, and not heard either."""
        self._unread_at = self._actions.now

    def revoked(self) -> Ending:
        """The token was taken back."""
        sentence = "The token, or its user, may not connect any more."
        return Ending("token_revoked", sentence, False, TOKEN_REVOKED, "token_revoked")

    def ended_by_operator(self, words: str) -> Ending:
        """Whoever runs the server has ended the call."""
        sentence = words or "Whoever runs this server has ended the call."
        return Ending("ended_by_operator", sentence, False, ENDED_BY_OPERATOR, "ended_by_operator")

    def on_timer(self, name: str) -> Ending | None:
        """An ending if the session must end now."""
        match name:
            case "ping":
                self._timers.set("ping", self._actions.now + self._config.presence.ping_interval_s)
                self._actions.do(PingClient())
            case "token_warning":
                self._actions.say(TokenExpiring(self.token_expires_at))
            case "token_expiry":
                sentence = "The token has expired. Reconnect with a fresh one."
                return Ending("token_expired", sentence, False, TOKEN_EXPIRED, "token_expired")
            case "read":
                return self._on_read_timer()
        return None

    def _wait_until(self, until: float) -> None:
        self._waits_until = until
        self._timers.set("resume", until)

    def _ask_at(self, at: float) -> None:
        self._asks_at = at
        self._timers.set("read", at)

    def _on_read_timer(self) -> Ending | None:
        """The timer is set once and asks, so that a frame costs no more than a note of the time.

        A client is silent that is so twice, if this process was there in between.
        """
        now = self._actions.now
        silent_at = max(self._heard_at, self._unread_at) + self._config.presence.read_timeout_s
        was_late = now - self._asks_at > LATE_S
        was_asked, self._is_asked_again = self._is_asked_again, now >= silent_at
        if now < silent_at:
            self._ask_at(silent_at)
            return None
        if was_late or not was_asked:
            self._ask_at(now + GRACE_S)
            return None
        sentence = f"Nothing was heard for {self._config.presence.read_timeout_s:g} s."
        return Ending("idle_timeout", sentence, False, IDLE_TIMEOUT, "client_silent")
