"""Who has a place, under which limits; counted here, or together with other machines."""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tornado_app.admission.claims import Caller
from tornado_app.admission.counting import Lease, LimitName, Places, PlacesHere, Refusal, Seat
from tornado_app.admission.proxies import neighbourhood, networks
from tornado_app.admission.quotas import Owner
from tornado_app.protocol.figures import LimitUse
from tornado_app.settings.schema import Settings
from tornado_app.standing import Standing

if TYPE_CHECKING:  # its package is an option
    from tornado_app.admission.machines.redis_places import RedisPlaces

OPENINGS_S = 1.0
MINUTE_S = 60.0


class Seating:
    """Thread: loop."""

    def __init__(
        self,
        settings: Settings,
        loop: asyncio.AbstractEventLoop,
        hear: Callable[[str, Mapping[str, Any]], None],
        places: Places | None = None,
    ) -> None:
        """*places*: counted with other processes; *hear*: as `RedisPlaces` has it."""
        self.go_by(settings)
        self._here: Places = places or PlacesHere(time.monotonic)
        self.shared: RedisPlaces | None = None
        """None: nobody else is asked."""
        if settings.shared.redis_url:
            self.shared = _redis_places(settings, self._here, loop, hear)
        self.run = secrets.token_urlsafe(9)
        """The name of this process, which no other has."""
        self._leases = 0

    def go_by(self, settings: Settings) -> None:
        """Other load balancers from now on."""
        self._trusted = networks(settings.server.trusted_proxies)

    def start(self) -> None:
        if self.shared is not None:
            self.shared.start()

    async def stop(self) -> None:
        if self.shared is not None:
            await self.shared.stop()

    @property
    def here(self) -> int:
        """How many calls this process has."""
        return self._here.here if self.shared is None else self.shared.here

    @property
    def is_away(self) -> bool:
        """Redis does not answer."""
        return self.shared is not None and self.shared.is_away

    @property
    def is_closed(self) -> bool:
        """Nobody is let in just now, because nobody can be counted."""
        return self.shared is not None and self.shared.is_closed

    def used(self, seat: Seat) -> int:
        """How many there are under that limit."""
        return (self.shared or self._here).used(seat)

    def lease(
        self, caller: Caller, standing: Standing, ip: str, *, left: Iterable[Seat] | None = None
    ) -> Lease:
        """What *caller* is counted under; nothing is taken yet.

        *left*: what the call has that it goes on with; None: one begins.
        """
        seats = self._seats(caller, standing, ip)
        if left is None:
            return self._lease(seats)
        keys = {seat.key for seat in left}
        return self._lease(
            replace(seat, is_new=seat.key not in keys) for seat in seats if seat.lasts_s is None
        )

    def beginning(self, caller: Caller, standing: Standing) -> Lease:
        """What is counted of a call that begins though it was to go on; as `lease`, to be given
        back at once: it lasts by itself.
        """
        seats = self._seats(caller, standing, "")
        return self._lease(seat for seat in seats if seat.lasts_s is not None)

    def check_room(self, seats: Sequence[Seat]) -> None:
        """For whoever has them already, and had more room than others when they were taken.

        Raises:
            Refused: If there are more than a limit allows.
        """
        for seat in seats:
            used = self.used(seat)
            if used > seat.allowed:
                raise Refusal.of(seat, used - 1).refused()

    def take(self, lease: Lease, *, takes_over: bool) -> None:
        """All of *lease* at once, where nobody else has to be asked.

        Raises:
            Refused: If a limit is reached.
        """
        refusal = self._here.admit(lease, takes_over=takes_over)
        if refusal is not None:
            raise refusal.refused()

    async def reserve(self, lease: Lease, *, takes_over: bool) -> None:
        """As `take`, whoever has to be asked."""
        if self.shared is None:
            self.take(lease, takes_over=takes_over)
        elif refused := await self.shared.reserve(lease, takes_over=takes_over):
            raise refused

    def give_back(self, lease: Lease) -> None:
        """The call of *lease* is over."""
        (self.shared or self._here).release(lease)

    @staticmethod
    def seats_of(owner: Owner, whose: str, settings: Settings) -> list[Seat]:
        """What a user or an organisation is counted under."""
        limits = settings.limits
        found: list[tuple[LimitName, int, float | None]] = (
            [("connections_per_organisation", limits.connections_per_organisation, None)]
            if owner == "organisation"
            else [
                ("connections_per_user", limits.connections_per_user, None),
                ("openings_per_user_per_minute", limits.openings_per_user_per_minute, MINUTE_S),
            ]
        )
        return [
            Seat(limit, whose, allowed, lasts_s) for limit, allowed, lasts_s in found if allowed
        ]

    def uses(self, seats: Sequence[Seat]) -> dict[str, LimitUse]:
        """What `get_status` tells of them."""
        return {
            seat.limit: LimitUse(self.used(seat), seat.allowed)
            for seat in seats
            if seat.lasts_s is None
        }

    async def look(self, seats: Sequence[Seat]) -> dict[str, LimitUse]:
        """How many there are of each, on all machines."""
        if self.shared is None:
            found = {seat: self.used(seat) for seat in seats}
        else:
            found = await self.shared.count(seats)
        return {seat.limit: LimitUse(used, seat.allowed) for seat, used in found.items()}

    def _lease(self, seats: Iterable[Seat]) -> Lease:
        self._leases += 1
        return Lease(f"{self.run}{self._leases}", tuple(seats))

    def _seats(self, caller: Caller, standing: Standing, ip: str) -> Iterator[Seat]:
        """Those that are wanted often come first: who is refused by one has not taken another."""
        limits = standing.settings.limits
        yield Seat("connections", "", limits.connections)
        yield Seat("connections_per_user", caller.user_id, limits.connections_per_user)
        found: tuple[tuple[LimitName, str, int, float | None], ...] = (
            ("connections_per_address", self._address(ip), limits.connections_per_address, None),
            (
                "connections_per_organisation",
                standing.organisation,
                limits.connections_per_organisation,
                None,
            ),
            (
                "openings_per_user_per_minute",
                caller.user_id,
                limits.openings_per_user_per_minute,
                MINUTE_S,
            ),
        )
        for limit, whose, allowed, lasts_s in found:
            if allowed and whose:
                yield Seat(limit, whose, allowed, lasts_s)
        if limits.openings_per_s:
            yield Seat("openings_per_s", "", limits.openings_per_s, OPENINGS_S)

    def _address(self, ip: str) -> str:
        """Of IPv6 its network; empty: a load balancer's, behind which there is everybody."""
        return (neighbourhood(ip, self._trusted) or "") if ip else ""


def _redis_places(
    settings: Settings,
    here: Places,
    loop: asyncio.AbstractEventLoop,
    hear: Callable[[str, Mapping[str, Any]], None],
) -> "RedisPlaces":
    from tornado_app.admission.machines.link import Link  # noqa: PLC0415  the package is an option
    from tornado_app.admission.machines.redis_places import RedisPlaces, Rules  # noqa: PLC0415

    shared = settings.shared
    rules = Rules(shared.key_prefix, shared.lease_s, lets_in=shared.when_away == "count_here")
    link = Link(shared.redis_url.reveal(), shared.timeout_s)
    return RedisPlaces(here, link, rules, loop, hear)
