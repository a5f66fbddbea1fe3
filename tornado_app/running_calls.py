"""The calls that run: which there are, which places they have, and a look at each once a second."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from tornado_app.admission.counting import Seat
from tornado_app.admission.places import Place
from tornado_app.audio.pipeline import nothing
from tornado_app.connection import Connection

LOOK_S = 1.0
"""How often every call is asked what may go on, beside being told: some 10 us for each."""
LOOK_AT_ONCE = 25
"""So many before everybody else has a turn."""


class RunningCalls:
    """By the id of the session.  Thread: loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._connections: dict[str, Connection] = {}
        self._places: dict[str, Place] = {}
        self._none_left = asyncio.Event()
        self._none_left.set()
        self.each_second: Callable[[], None] = nothing
        """What an administration has done beside looking after calls."""
        self._look_timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Look at each from now on."""
        self._look_timer = self._loop.call_later(LOOK_S, self._look)

    @property
    def all(self) -> frozenset[Connection]:
        """As they are now."""
        return frozenset(self._connections.values())

    def find(self, session_id: str) -> Connection | None:
        """The call of that session, if it runs."""
        return self._connections.get(session_id)

    def seats_of(self, session_id: str) -> Sequence[Seat]:
        """The places that this call has; none, if it does not run."""
        place = self._places.get(session_id)
        return () if place is None else place.seats

    def add(self, connection: Connection, place: Place) -> None:
        """One that begins, and holds *place* as long as it runs."""
        session_id = connection.config.session_id
        self._connections[session_id] = connection
        self._places[session_id] = place.hold()
        self._none_left.clear()

    def move(self, session_id: str, place: Place) -> None:
        """Its client has come back, with another place."""
        self._places[session_id].leave()
        self._places[session_id] = place.hold()

    def forget(self, session_id: str) -> None:
        """It is over."""
        if self._connections.pop(session_id, None) is not None:
            self._places.pop(session_id).leave()
        if not self._connections:
            self._none_left.set()

    async def ended(self, timeout_s: float) -> bool:
        """Wait until there are none; False if there still are after *timeout_s*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._none_left.wait()
        return self._none_left.is_set()

    def look_no_more(self) -> None:
        if self._look_timer is not None:
            self._look_timer.cancel()

    def _look(self) -> None:
        self.begin()
        self.each_second()
        self._look_at([*self._connections.values()])

    def _look_at(self, connections: list[Connection]) -> None:
        for connection in connections[:LOOK_AT_ONCE]:
            connection.look()
        if others := connections[LOOK_AT_ONCE:]:
            self._loop.call_soon(self._look_at, others)
