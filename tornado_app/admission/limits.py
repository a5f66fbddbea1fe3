"""How much anybody may have: a rate, and a number of connections."""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal, Protocol

from tornado_app.errors import Refused

HAIR_S = 1e-6
"""Rounding must not ask a caller who waited exactly as told to wait once more."""


class Bucket:
    """*burst* at once, and *rate_per_s* on the average.  Thread: whoever owns it.

    It is kept as the one time at which it will be full again, so that asking is an addition: the
    generic cell rate algorithm (ITU-T I.371, annex A).
    """

    def __init__(self, rate_per_s: float, burst: float) -> None:
        self.rate_per_s = rate_per_s
        self.burst = burst
        self._burst_s = burst / rate_per_s
        self._full_at = -math.inf

    def take(self, now: float, n: float = 1) -> float:
        """Take *n* and return 0.0, or take nothing and return the seconds until *n* are there.

        More than *burst* at once will never be there: infinity.
        """
        if n > self.burst:
            return math.inf
        full_at = (max(now, self._full_at)) + n / self.rate_per_s
        wait_s = full_at - now - self._burst_s
        if wait_s > HAIR_S:
            return wait_s
        self._full_at = full_at
        return 0.0

    def spend(self, now: float, n: float) -> float:
        """Take *n*, on credit if need be; return the seconds until nothing is owed, often 0.0."""
        self._full_at = (max(now, self._full_at)) + n / self.rate_per_s
        owed_s = self._full_at - now - self._burst_s
        return owed_s if owed_s > 0 else 0.0

    def used(self, now: float) -> float:
        """How much of the burst is spent; more than all of it if something is owed."""
        return max(0.0, self._full_at - now) * self.rate_per_s


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which limit is reached, under the name of its setting, and the protocol's code for it."""

    limit: Literal["connections", "connections_per_user"]
    code: Literal["server_busy", "connection_limit"]
    used: int
    allowed: int

    def refused(self) -> Refused:
        if self.limit == "connections":
            sentence = f"All {self.allowed} places are taken. Try again later."
        else:
            sentence = f"You have {self.used} connections, and {self.allowed} are allowed."
        return Refused(self.code, sentence, None, 5000)


class Places(Protocol):
    """Counts who is connected, here or together with other processes.  Thread: loop."""

    connections: int
    connections_per_user: int

    @property
    def here(self) -> int:
        """How many this process has."""

    @property
    def used(self) -> int:
        """How many there are of `connections`."""

    def used_by(self, user_id: str) -> int:
        """How many there are of `connections_per_user`."""

    def admit(self, user_id: str, *, takes_over: bool = False) -> Refusal | None:
        """As `Admission.admit`."""

    def release(self, user_id: str) -> None:
        """As `Admission.release`."""


class Admission:
    """Counts who is connected to this process.  Thread: loop."""

    def __init__(self, connections: int, connections_per_user: int) -> None:
        self.connections = connections
        self.connections_per_user = connections_per_user
        self._users: Counter[str] = Counter()

    @property
    def here(self) -> int:
        return self._users.total()

    @property
    def used(self) -> int:
        return self.here

    def used_by(self, user_id: str) -> int:
        return self._users[user_id]

    def admit(self, user_id: str, *, takes_over: bool = False) -> Refusal | None:
        """Count one more connection of this user, or say why not.

        Each connection admitted is to be released once.  *takes_over*: it comes in place of one
        that is counted, and will be released at once, so there is room for one more.
        """
        spare = int(takes_over)
        if self.used >= self.connections + spare:
            return Refusal("connections", "server_busy", self.used, self.connections)
        if self._users[user_id] >= self.connections_per_user + spare:
            used = self._users[user_id]
            return Refusal(
                "connections_per_user", "connection_limit", used, self.connections_per_user
            )
        self._users[user_id] += 1
        return None

    def release(self, user_id: str) -> None:
        """Give one connection of this user back.

        Raises:
            KeyError: If this user has none.
        """
        if user_id not in self._users:
            raise KeyError(user_id)
        self._users[user_id] -= 1
        if not self._users[user_id]:
            del self._users[user_id]
