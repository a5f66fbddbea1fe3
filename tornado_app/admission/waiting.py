"""How many may stand at the door: sockets of which nobody has shown a token yet."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

from tornado_app.admission.proxies import Network, neighbourhood

Bound = Literal["unauthenticated", "unauthenticated_per_address"]


@dataclass(frozen=True, slots=True)
class _Place:
    neighbours: str | None
    cut: Callable[[], None]


class WaitingRoom:
    """Whoever has waited longest gives way to whoever comes.  Thread: loop.

    A client needs a round trip to show its token, and an attacker has nothing to show: with the
    room full of silent sockets, a client gets in unless the whole room is filled anew meanwhile.
    To refuse those who come would shut out everybody until the silent ones time out.

    Peers that are load balancers have all clients behind them, and no bound by address.
    """

    def __init__(
        self,
        in_all: int,
        per_address: int,
        trusted: Sequence[Network],
        on_cut: Callable[[Bound, str], None],
    ) -> None:
        """*on_cut* is told of everybody who gives way to a bound: which, and their address."""
        self._on_cut = on_cut
        self.set_bounds(in_all, per_address, trusted)
        # Both in the order in which their owners were last heard of.
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()
        self._neighbours: dict[str, OrderedDict[Hashable, None]] = {}

    def set_bounds(self, in_all: int, per_address: int, trusted: Sequence[Network]) -> None:
        """For those who come from now on; who is beyond them gives way to the next."""
        self._in_all = in_all
        self._per_address = per_address
        self._trusted = trusted

    def __len__(self) -> int:
        return len(self._places)

    def enter(self, who: Hashable, ip: str, cut: Callable[[], None]) -> None:
        """Give *who* a place, and take it from somebody else if need be; *cut* takes it away."""
        neighbours = neighbourhood(ip, self._trusted)
        if neighbours is not None:
            beside = self._neighbours.setdefault(neighbours, OrderedDict())
            while len(beside) >= self._per_address:
                self._give_way(next(iter(beside)), "unauthenticated_per_address")
            self._neighbours.setdefault(neighbours, beside)[who] = None
        while len(self._places) >= self._in_all:
            self._give_way(next(iter(self._places)), "unauthenticated")
        self._places[who] = _Place(neighbours, cut)

    def heard(self, who: Hashable) -> None:
        """It has asked something, and is the last now to give way."""
        if (place := self._places.get(who)) is not None:
            self._places.move_to_end(who)
            if place.neighbours is not None:
                self._neighbours[place.neighbours].move_to_end(who)

    def leave(self, who: Hashable) -> None:
        """It was let in, or is gone.  Nothing, if it had no place."""
        place = self._places.pop(who, None)
        if place is None or place.neighbours is None:
            return
        beside = self._neighbours[place.neighbours]
        del beside[who]
        if not beside:
            del self._neighbours[place.neighbours]

    def make_room(self, places: int) -> int:
        """Cut so many of those who have waited longest; how many there were."""
        oldest = [who for who, _ in zip(self._places, range(places), strict=False)]
        for who in oldest:
            self._cut(who)
        return len(oldest)

    def _give_way(self, who: Hashable, bound: Bound) -> None:
        neighbours = self._places[who].neighbours
        self._cut(who)
        self._on_cut(bound, neighbours or "")

    def _cut(self, who: Hashable) -> None:
        cut = self._places[who].cut
        self.leave(who)
        cut()
