"""Places that several machines count together, and what holds while they cannot."""

import asyncio
import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tornado_app.admission.counting import RETRY_MS, Lease, Places, Refusal, Seat
from tornado_app.admission.machines.link import Away, Busy, Cause, Link
from tornado_app.admission.machines.scripts import ACQUIRE, HAS, RELEASE, RENEW, Keys
from tornado_app.errors import Refused
from tornado_app.logs import get_logger

RENEWALS = 3
"""In the life of a lease: two may be lost."""
LEASES_AT_ONCE = 64
"""Some 1 ms of the loop."""
LOOK_S = 1.0
"""How often it is looked whether Redis has lost what it was told."""
PROBE_S = 0.5
"""How often it is tried whether Redis is there again."""
STOP_S = 1.0

NOT_COUNTED = "Calls cannot be counted now. Try again later."
TOO_MANY_BEGIN = "Too many calls begin at once. Try again later."


@dataclass(frozen=True, slots=True)
class Rules:
    """What an operator decides of it."""

    prefix: str
    lease_s: float
    """So long a place is kept of a process that has died."""
    lets_in: bool
    """Without an answer, by what is counted here alone."""


class RedisPlaces:
    """Whoever comes is counted here first, and then by Redis.  Thread: loop.

    So a place that is refused here costs no question, and what is known here holds when there is
    nobody to ask.
    """

    def __init__(
        self,
        here: Places,
        link: Link,
        rules: Rules,
        loop: asyncio.AbstractEventLoop,
        hear: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        """*here* counts what is this machine's; *hear* is told what is counted of all this."""
        self._here = here
        self._link = link
        self._rules = rules
        self._loop = loop
        self._hear = hear
        self._keys = Keys(rules.prefix)
        self._acquire = link.script(ACQUIRE)
        # One task asks both, and no storm of openings may let a lease end.
        self._renew = link.script(RENEW, has_own_socket=True)
        self._release = link.script(RELEASE, has_own_socket=True)
        self._has = link.script(HAS, has_own_socket=True)
        self._count = link.script(RENEW)
        self._held: dict[str, tuple[Lease, Lease]] = {}
        """By name: what is counted by Redis, and what here."""
        self._leaving: dict[str, tuple[float, Sequence[Seat]]] = {}
        """Given back, and Redis does not know it yet; since when, by name."""
        self._unsure: set[str] = set()
        """Asked for, and never answered: one that stands still may count them when it goes on."""
        self._seen: dict[str, int] = {}
        """How many there were when Redis last said so, by key."""
        self._renew_at = self._look_at = 0.0
        self._is_there = False  # before it has answered once
        self._away_since: float | None = None
        """Since when it was told that it does not answer any more."""
        self._wake = asyncio.Event()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger()

    @property
    def here(self) -> int:
        return len(self._held)

    @property
    def is_away(self) -> bool:
        """Redis does not answer; calls go on, and who may begin one is decided by the rules."""
        return not self._is_there

    @property
    def is_closed(self) -> bool:
        """Nobody is let in just now."""
        return self.is_away and not self._rules.lets_in

    @property
    def owed(self) -> int:
        """How many places are given back, and Redis does not know it yet."""
        return len(self._leaving)

    def used(self, seat: Seat) -> int:
        """How many there were a moment ago."""
        here = self._here.used(seat)
        return here if self.is_away else max(here, self._seen.get(self._keys.of(seat), 0))

    async def count(self, seats: Sequence[Seat]) -> dict[Seat, int]:
        """How many there are of each now; without an answer, as `used`."""
        if seats and not self.is_away:
            with contextlib.suppress(Away):
                keys = [self._keys.of(seat) for seat in seats]
                found = await self._count(keys, [int(self._rules.lease_s * 1000)])
                return dict(zip(seats, found, strict=True))
        return {seat: self.used(seat) for seat in seats}

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        """Give everything back, if Redis is there."""
        self._is_stopping = True
        self._wake.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=STOP_S)
        for lease, _ in tuple(self._held.values()):
            self.release(lease)
        with contextlib.suppress(Away, TimeoutError):
            async with asyncio.timeout(STOP_S):
                await self._give_back()
        await self._link.close()

    async def reserve(self, lease: Lease, *, takes_over: bool = False) -> Refused | None:
        """Take all seats of *lease* on all machines, or none and say why not."""
        local = Lease(lease.name, lease.kept)
        if refusal := self._here.admit(local, takes_over=takes_over):
            return refusal.refused()
        was_away = self.is_away
        try:
            found = await self._asked(lease, takes_over=takes_over)
        except Busy:  # nothing was counted
            self._here.release(local)
            return Refused("server_busy", TOO_MANY_BEGIN, retry_after_ms=RETRY_MS)
        except Away as away:
            self._note_away(away.cause)
            if was_away:  # nothing was asked
                self._here.release(local)
            else:
                self._unsure.add(lease.name)
                self._withdraw(lease, local)
            return self._without_answer(lease, takes_over=takes_over)
        except BaseException:  # nobody waits any more
            self._unsure.add(lease.name)
            self._withdraw(lease, local)
            raise
        if isinstance(found, Refusal):
            self._here.release(local)
            return found.refused()
        self._held[lease.name] = lease, local
        return None

    def release(self, lease: Lease) -> None:
        """As `Places.release`."""
        _, local = self._held.pop(lease.name)
        self._here.release(local)
        self._leave(lease.name, lease.kept)

    async def _asked(self, lease: Lease, *, takes_over: bool) -> Refusal | None:
        if self.is_away:
            raise Away("unreachable")
        keys, arguments = self._keys.acquiring(lease, self._rules.lease_s, takes_over=takes_over)
        full, *counts = await self._acquire(keys, arguments)
        if full:
            return Refusal.of(lease.seats[full - 1], counts[0])
        self._seen.update(zip(keys, counts, strict=True))
        return None

    def _without_answer(self, lease: Lease, *, takes_over: bool) -> Refused | None:
        """By what is counted here."""
        if not self._rules.lets_in:
            return Refused("server_busy", NOT_COUNTED, retry_after_ms=RETRY_MS)
        if refusal := self._here.admit(lease, takes_over=takes_over):
            return refusal.refused()
        self._leaving.pop(lease.name, None)
        self._held[lease.name] = lease, lease
        self._log.debug("place_uncounted")
        self._hear("place_uncounted", {})
        return None

    def _withdraw(self, lease: Lease, local: Lease) -> None:
        """Redis may have counted it all the same, and not have said so in time."""
        self._here.release(local)
        self._leave(lease.name, lease.seats)

    def _leave(self, name: str, seats: Sequence[Seat]) -> None:
        since = math.inf if name in self._unsure else self._loop.time()
        self._leaving[name] = since, seats
        self._wake.set()

    async def _keep(self) -> None:
        """Tell Redis what is so here, again and again."""
        while not self._is_stopping:
            try:
                await self._give_back()
                if self._loop.time() >= self._renew_at or await self._is_lost():
                    await self._renew_all()
            except Away as away:
                self._note_away(away.cause)
            except Exception:  # noqa: BLE001  a fault of ours, and limits have to hold after it
                self._log.exception("places_failed")
                await asyncio.sleep(PROBE_S)
            await self._rest()

    async def _rest(self) -> None:
        """Until there is something to say, or time to say it again."""
        if self.is_away:
            await asyncio.sleep(PROBE_S)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(min(self._renew_at, self._look_at)):
                await self._wake.wait()
        self._wake.clear()

    async def _is_lost(self) -> bool:
        """Whether Redis has forgotten a call that runs, as it does if somebody has it forget all.

        The newest of them: a Redis that was a copy of another may lack it.
        """
        if self._loop.time() < self._look_at:
            return False
        self._look_at = self._loop.time() + LOOK_S
        if not self._held:
            return False
        lease = next(reversed(self._held.values()))[0]
        left_ms = int(self._rules.lease_s * 1000 / 2)
        return not await self._has([self._keys.of(lease.kept[0])], [lease.name, left_ms])

    async def _give_back(self) -> None:
        over_at = self._loop.time() - self._rules.lease_s
        for name in [name for name, (since, _) in self._leaving.items() if since < over_at]:
            del self._leaving[name]  # Redis has forgotten it by itself
        while batch := list(self._leaving.items())[:LEASES_AT_ONCE]:
            places = [(name, seats) for name, (_, seats) in batch]
            keys, arguments = self._keys.releasing(places)
            await self._release(keys, arguments)
            for name, given in batch:
                if self._leaving.get(name) is given:
                    del self._leaving[name]
                    self._unsure.discard(name)
            self._seen.update({key: self._seen[key] - 1 for key in keys if self._seen.get(key)})

    async def _renew_all(self) -> None:
        leases, seen = [lease for lease, _ in self._held.values()], dict[str, int]()
        for start in range(0, max(1, len(leases)), LEASES_AT_ONCE):
            batch = leases[start : start + LEASES_AT_ONCE]
            keys, arguments = self._keys.renewing(batch, self._rules.lease_s)
            seen.update(zip(keys, await self._renew(keys, arguments), strict=True))
        self._seen = seen
        self._renew_at = self._loop.time() + self._rules.lease_s / RENEWALS
        self._look_at = self._loop.time() + LOOK_S
        self._note_back()

    def _note_away(self, cause: Cause) -> None:
        self._is_there = False
        if self._away_since is None:
            self._away_since, self._renew_at = self._loop.time(), 0.0
            self._log.warning("shared_away", cause=cause)
            self._hear("shared_away", {"cause": cause})
            self._wake.set()

    def _note_back(self) -> None:
        self._is_there = True
        if self._away_since is not None:
            away_s = round(self._loop.time() - self._away_since, 1)
            self._away_since = None
            self._log.info("shared_back", away_s=away_s)
