"""Who has a place among so many: what is counted, under which limit, and who counts it."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tornado_app.errors import ErrorCode, Refused

LimitName = Literal[
    "connections",
    "connections_per_user",
    "connections_per_address",
    "connections_per_organisation",
    "openings_per_s",
    "openings_per_user_per_minute",
]
CODES: dict[LimitName, ErrorCode] = {
    "connections": "server_busy",
    "connections_per_user": "connection_limit",
    "connections_per_address": "connection_limit",
    "connections_per_organisation": "connection_limit",
    "openings_per_s": "server_busy",
    "openings_per_user_per_minute": "rate_limited",
}
SENTENCES: dict[LimitName, str] = {
    "connections": "All {allowed} places are taken. Try again later.",
    "connections_per_user": "You have {used} connections, and {allowed} are allowed.",
    "connections_per_address": "Your address has {used} connections, and {allowed} are allowed.",
    "connections_per_organisation": (
        "Your organisation has {used} connections, and {allowed} are allowed."
    ),
    "openings_per_s": "{allowed} calls a second may begin. Try again in a moment.",
    "openings_per_user_per_minute": "You may begin {allowed} calls a minute.",
}
RETRY_MS = 5000


@dataclass(frozen=True, slots=True)
class Seat:
    """One of so many places, under the name of the setting that says how many."""

    limit: LimitName
    whose: str
    """A user, an address, an organisation; empty: of all together."""
    allowed: int
    lasts_s: float | None = None
    """It is free again after so long; None: when it is given back."""
    is_new: bool = False
    """The call that its owner goes on with has none of these to give back for it."""

    def most(self, *, takes_over: bool) -> int:
        """So many there may be with it, as of `Places.admit`."""
        return self.allowed + (takes_over and not self.is_new)

    @property
    def key(self) -> tuple[str, str]:
        return self.limit, self.whose


@dataclass(eq=False, slots=True)
class Lease:
    """What one call has; to be released once."""

    name: str
    """Of this one alone, on all machines."""
    seats: Sequence[Seat]

    @property
    def kept(self) -> list[Seat]:
        """Those that last as long as the call."""
        return [seat for seat in self.seats if seat.lasts_s is None]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which limit is reached, and how many there are of it."""

    limit: LimitName
    used: int
    allowed: int
    lasts_s: float | None = None

    @classmethod
    def of(cls, seat: Seat, used: int) -> "Refusal":
        return cls(seat.limit, used, seat.allowed, seat.lasts_s)

    @property
    def code(self) -> ErrorCode:
        return CODES[self.limit]

    def refused(self) -> Refused:
        sentence = SENTENCES[self.limit].format(used=self.used, allowed=self.allowed)
        wait_ms = RETRY_MS
        if self.lasts_s is not None:  # one comes free after a part of that, on the average
            wait_ms = max(1000, int(self.lasts_s * 1000 / self.allowed))
        return Refused(self.code, sentence, None, wait_ms)


class Places(Protocol):
    """Counts who has a place, here or together with other processes.  Thread: loop."""

    @property
    def here(self) -> int:
        """How many calls this process has."""

    def used(self, seat: Seat) -> int:
        """How many there are under that limit."""

    def admit(self, lease: Lease, *, takes_over: bool = False) -> Refusal | None:
        """Take all seats of *lease*, or none and say why.

        *takes_over*: it comes in place of one that is counted, and will be released at once, so
        there is room for one more, but of seats that are new.
        """

    def release(self, lease: Lease) -> None:
        """The call is over.

        Raises:
            KeyError: If that lease was never admitted, or is released already.
        """


class PlacesHere:
    """Counts those of this process alone.  Thread: loop."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._leases: set[Lease] = set()
        self._taken: Counter[tuple[str, str]] = Counter()
        self._lasting: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        """When each of them is free again; in the order in which somebody took one last."""

    @property
    def here(self) -> int:
        return len(self._leases)

    def used(self, seat: Seat) -> int:
        if seat.lasts_s is None:
            return self._taken[seat.key]
        return len(self._still(seat.key))

    def admit(self, lease: Lease, *, takes_over: bool = False) -> Refusal | None:
        """As `Places.admit`."""
        for seat in lease.seats:
            used = self.used(seat)
            if used >= seat.most(takes_over=takes_over):
                return Refusal.of(seat, used)
        for seat in lease.seats:
            if seat.lasts_s is None:
                self._taken[seat.key] += 1
            else:
                self._take_for(seat.key, seat.lasts_s)
        self._leases.add(lease)
        return None

    def release(self, lease: Lease) -> None:
        """As `Places.release`."""
        self._leases.remove(lease)
        for seat in lease.kept:
            self._taken[seat.key] -= 1
            if not self._taken[seat.key]:
                del self._taken[seat.key]

    def _take_for(self, key: tuple[str, str], lasts_s: float) -> None:
        self._lasting.setdefault(key, deque()).append(self._clock() + lasts_s)
        self._lasting.move_to_end(key)
        # Those who never come again are forgotten with the next who come.
        while not self._still(next(iter(self._lasting))):
            pass

    def _still(self, key: tuple[str, str]) -> deque[float]:
        still, now = self._lasting.get(key, deque()), self._clock()
        while still and still[0] <= now:
            still.popleft()
        if not still:
            self._lasting.pop(key, None)
        return still
