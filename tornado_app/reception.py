"""Who is let in, as long as there is room, and who is expected; `Judge` says what each may have."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from tornado_app.admission.claims import Caller
from tornado_app.admission.counting import Lease, Seat
from tornado_app.admission.places import Place
from tornado_app.errors import Refused
from tornado_app.guests import Guest, Knock
from tornado_app.judging import Asked, Judge
from tornado_app.metering import Metering
from tornado_app.protocol.dialect import Dialect
from tornado_app.protocol.opening import Opening
from tornado_app.resuming.tickets import Ticket
from tornado_app.seating import Seating
from tornado_app.trust import Trust


@dataclass(frozen=True, slots=True)
class _Coming:
    """A request that may come in, if there is room."""

    asked: Asked
    resumes: Ticket | None
    lease: Lease

    @property
    def takes_over(self) -> bool:
        """It comes in place of the call that it goes on with, and so may be one more for a moment
        where that has a place.
        """
        return self.resumes is not None


class Running(Protocol):
    """The calls that run, as far as a request may go on with one."""

    def resumed_by(self, caller: Caller, opening: Opening, dialect: Dialect) -> Ticket | None:
        """What a client may go on with, by its resume token: a session that is there."""

    def seats_of(self, session_id: str) -> Sequence[Seat]:
        """The places that this call has."""


class Reception:
    """Thread: loop."""

    def __init__(
        self, judge: Judge, trust: Trust, seating: Seating, metering: Metering, running: Running
    ) -> None:
        self.is_closed = False
        """Nobody is let in any more."""
        self.seating = seating
        self.metering = metering
        self._judge = judge
        self._trust = trust
        self._running = running
        self._expected: set[Callable[[Refused], None]] = set()
        """Tells those who are open, and have not said who they are, that they may not stay."""
        self.sockets_gone = asyncio.Event()
        """Set while nobody has a place, and nobody is expected."""
        self.sockets_gone.set()

    def close(self) -> None:
        """Let nobody in any more, and send those away who have not said who they are."""
        self.is_closed = True
        for turn_away in tuple(self._expected):
            turn_away(_going_away())

    def check_open(self) -> None:
        """Whether anybody may still begin a call; raises Refused."""
        if self.is_closed:
            raise _going_away()

    @property
    def expects(self) -> int:
        """How many are open, and have not said who they are."""
        return len(self._expected)

    def coming_in(self, knock: Knock) -> "Coroutine[Any, Any, Guest] | None":
        """As `admit`, to be awaited, where others have to be asked; None: `admit` it at once.

        Raises:
            Refused: If this request may not come in, whoever it is of.
        """
        self._check_door(knock.origin)
        keys = self._trust.awaited(knock.token)
        if keys is None and self.seating.shared is None:
            return None
        return self._come_in(knock, keys)

    async def _come_in(self, knock: Knock, keys: "asyncio.Future[None] | None") -> Guest:
        if keys is not None:
            await keys
        if self.seating.shared is None:
            return self.admit(knock)
        coming = self._look_at(knock)
        self._check_quotas(coming.asked, coming.resumes)
        # Both at once: of a Redis that hangs nobody waits for two answers.
        learning = asyncio.ensure_future(self.metering.learn(coming.asked.standing.quotas))
        try:
            await self.seating.reserve(coming.lease, takes_over=coming.takes_over)
        except BaseException:
            learning.cancel()
            raise
        try:
            await learning
            self._check_quotas(coming.asked, coming.resumes)
            self._check_door(knock.origin)  # as it is by now
        except BaseException:  # nobody may wait any more
            self.seating.give_back(coming.lease)
            raise
        return self._guest(knock, coming)

    async def identify(self, origin: str | None, token: str | None) -> Caller:
        """Who asks something that is no call, from a page of that *origin* or from none.

        Raises:
            Refused: As `admit`.
        """
        self._check_door(origin)
        if (keys := self._trust.awaited(token)) is not None:
            await keys
        return self._trust.identify(token)

    def admit(self, knock: Knock) -> Guest:
        """Let a request in, or say why not.  Cheap checks come first, the place is taken last.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        coming = self._look_at(knock)
        self._check_quotas(coming.asked, coming.resumes)
        self.seating.take(coming.lease, takes_over=coming.takes_over)
        return self._guest(knock, coming)

    def _look_at(self, knock: Knock) -> _Coming:
        """All that is asked of a request before it takes a place."""
        self._check_door(knock.origin)
        asked = self._judge.judge(knock)
        resumes = self._running.resumed_by(asked.caller, asked.opening, knock.dialect)
        if asked.wrong is not None and resumes is None:
            raise asked.wrong
        # Of another organisation, or another address, the call leaves its client no place.
        left = None if resumes is None else self._running.seats_of(resumes.session_id)
        lease = self.seating.lease(asked.caller, asked.standing, knock.ip, left=left)
        return _Coming(asked, resumes, lease)

    def _check_quotas(self, asked: Asked | Guest, resumes: Ticket | None) -> None:
        """A call that goes on ends by itself, as every other."""
        held = self._judge.most_of_first(asked)
        used_up = self.metering.exceeded(asked.standing.quotas, held)
        if used_up is not None and resumes is None:
            raise used_up.refused(time.time_ns() // 1_000_000)

    def _guest(self, knock: Knock, coming: _Coming) -> Guest:
        self.sockets_gone.clear()
        asked = coming.asked
        place = Place(coming.lease.seats, partial(self._give_back, coming.lease))
        return Guest(
            knock.dialect,
            asked.caller,
            asked.opening,
            asked.terms,
            knock.ip,
            place,
            asked.standing,
            coming.resumes,
            wrong=asked.wrong,
            traceparent=knock.traceparent,
        )

    def release(self, guest: Guest) -> None:
        """The guest's socket is closed."""
        guest.place.leave()

    def expect(self, knock: Knock, turn_away: Callable[[Refused], None]) -> None:
        """Let a request in that will say who it is when it is open, or say why not.

        *turn_away* is called if the server goes away meanwhile; `dismiss` takes it back.

        Raises:
            Refused: With the code that docs/protocol.md gives for it.
        """
        self._check_door(knock.origin)
        self._judge.check_opening(knock)
        self._expected.add(turn_away)
        self.sockets_gone.clear()

    def dismiss(self, turn_away: Callable[[Refused], None]) -> None:
        """It has been admitted, or is gone.  Nothing, if it was not expected."""
        self._expected.discard(turn_away)
        self._note_sockets()

    def begin_anew(self, guest: Guest) -> "Coroutine[Any, Any, None] | None":
        """Whether a call may begin for a guest that was let in to go on with another, and cannot:
        to be awaited, where others have to be asked.

        Raises:
            Refused: As `admit`, also when it is awaited.
        """
        self.check_open()
        if guest.wrong is not None:
            raise guest.wrong
        self._check_quotas(guest, guest.resumes)
        if not guest.replaces:
            self.seating.check_room(guest.place.seats)
        lease = self.seating.beginning(guest.caller, guest.standing)
        if not lease.seats:
            return None
        if self.seating.shared is not None:
            return self._count_beginning(lease)
        self.seating.take(lease, takes_over=False)
        self.seating.give_back(lease)
        return None

    async def _count_beginning(self, lease: Lease) -> None:
        await self.seating.reserve(lease, takes_over=False)
        self.seating.give_back(lease)
        self.check_open()

    def _check_door(self, origin: str | None) -> None:
        """What is asked of everybody, whoever it is."""
        self.check_open()
        if not self._judge.allows_origin(origin):
            raise Refused("origin_denied", "Pages of this origin may not connect.")

    def _give_back(self, lease: Lease) -> None:
        self.seating.give_back(lease)
        self._note_sockets()

    def _note_sockets(self) -> None:
        if not self.seating.here and not self._expected:
            self.sockets_gone.set()


def _going_away() -> Refused:
    return Refused("going_away", "This server is going away. Reconnect.", None, 1000)
