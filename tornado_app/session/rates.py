"""How much a client may say."""

from tornado_app.admission.limits import Bucket
from tornado_app.errors import Refused
from tornado_app.session.config import RateRules

FRAGMENTS_PER_MESSAGE = 10
"""A message may come in pieces (RFC 6455, 5.4).  Clients that cut a file cut it into pieces of some
kilobytes; empty ones by the thousand are an attack."""


class Rates:
    """Counts messages, pings, fragments, changes of formats and wrong messages.  Thread: loop.

    Each is asked when one more came, and says what to tell the client if that was too much.
    """

    __slots__ = ("_errors", "_format_changes", "_fragments", "_messages", "_pings", "_rules")

    def __init__(self, rules: RateRules) -> None:
        rate_per_s, burst = rules.messages_per_s, rules.message_burst
        self._rules = rules
        self._messages = Bucket(rate_per_s, burst)
        self._pings = Bucket(rate_per_s, burst)
        self._fragments = Bucket(rate_per_s * FRAGMENTS_PER_MESSAGE, burst * FRAGMENTS_PER_MESSAGE)
        changes = rules.format_changes_per_minute
        self._format_changes = Bucket(changes / 60, changes)
        self._errors = Bucket(rules.errors_per_minute / 60, rules.errors_per_minute)

    def message(self, now: float) -> Refused | None:
        wait_s = self._messages.take(now)
        if not wait_s:
            return None
        sentence = (
            f"More than {self._rules.messages_per_s:g} messages a second; this one was dropped."
        )
        return Refused("rate_limited", sentence, None, int(wait_s * 1000) + 1)

    def ping(self, now: float) -> Refused | None:
        if not self._pings.take(now):
            return None
        sentence = f"More than {self._pings.rate_per_s:g} pings a second."
        return Refused("rate_limited", sentence, None, 1000)

    def fragment(self, now: float) -> Refused | None:
        if not self._fragments.take(now):
            return None
        sentence = f"More than {self._fragments.rate_per_s:g} fragments of messages a second."
        return Refused("rate_limited", sentence, None, 1000)

    def format_change(self, now: float) -> Refused | None:
        """One costs the pool what some seconds of audio do."""
        wait_s = self._format_changes.take(now)
        if not wait_s:
            return None
        most = self._rules.format_changes_per_minute
        sentence = f"The formats of a call may change {most:g} times a minute."
        return Refused("rate_limited", sentence, None, int(wait_s * 1000) + 1)

    def wrong_message(self, now: float) -> Refused | None:
        if not self._errors.take(now):
            return None
        sentence = f"More than {self._rules.errors_per_minute:g} refused messages in a minute."
        return Refused("rate_limited", sentence, None, 60_000)

    def used(self, now: float) -> float:
        """How much of `message_burst` is spent."""
        return self._messages.used(now)
