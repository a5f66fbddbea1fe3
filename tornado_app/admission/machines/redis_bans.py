"""Who is kept out, as all machines tell each other."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable

import msgspec

from tornado_app.admission.bans import NOBODY, Bans, read_bans
from tornado_app.admission.machines.link import Away, Link
from tornado_app.admission.machines.scripts import SHARE, start_of
from tornado_app.logs import get_logger

LOOK_S = 0.25
"""A question of which the answer is mostly one short word."""
TRIES = 8
"""Of machines that write at the same moment one is first; the others put theirs to it."""
SPARE_S = 3600.0
"""So much may clocks differ, and nothing is gone from Redis before it is over."""
STOP_S = 1.0


class RedisBans:
    """Puts what is known here to what is in Redis, and learns the rest; both are whole states, so
    that whatever was missed is found with the next look.  Thread: loop.
    """

    def __init__(
        self,
        link: Link,
        prefix: str,
        run: str,
        *,
        known: Callable[[], Bans],
        learn: Callable[[Bans], None],
        is_away: Callable[[], bool],
    ) -> None:
        """*run* is of this process alone; *known* are those that it knows, and *learn* puts others
        to them, at once; *is_away* says that there is nobody to ask.
        """
        self._link = link
        # It waits for nobody: `_asking` has it asked once at a time.
        self._share = link.script(SHARE, has_own_socket=True)
        self._key = f"{start_of(prefix)}:bans"
        self._versions = (f"{run}{number}" for number in itertools.count(1))
        self._known = known
        self._learn = learn
        self._is_away = is_away
        self._version = ""
        """Of what Redis had last."""
        self._told: Bans | None = NOBODY
        """Redis has all of these; None: that is not known."""
        self._asking = asyncio.Lock()
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger()

    @property
    def are_told(self) -> bool:
        """Redis has all that is known here, as far as it was heard."""
        return self._told is self._known()

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        self._is_stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=STOP_S)
        await self._link.close()

    async def look(self) -> None:
        """Learn what there is, and have Redis know what is known here; if it does not answer, that
        is done when it is back.
        """
        async with self._asking:
            with contextlib.suppress(Away):  # whoever renews places says so
                for _ in range(TRIES):
                    if self._is_away() or await self._is_settled():
                        return

    async def _keep(self) -> None:
        while not self._is_stopping:
            try:
                await self.look()
            except Exception:  # noqa: BLE001  a fault of ours, and bans have to hold after it
                self._log.exception("places_failed")
            await asyncio.sleep(LOOK_S)

    async def _is_settled(self) -> bool:
        """Ask once; False: somebody else has written meanwhile, or there is more to write."""
        ours = self._known()
        version, *found = await self._share([self._key], [self._version, *self._news(ours)])
        self._version = version.decode()
        if not found:
            self._told = ours
            return True
        there, now = self._read(found[0]), _unix_s()
        self._learn(there)
        known = self._known()
        is_all = there.merged(known, now) == there.merged(NOBODY, now)
        self._told = known if is_all else None
        return is_all

    def _news(self, ours: Bans) -> tuple[int | str, ...]:
        """Arguments of `SHARE`: what is to be there, if that is not so."""
        if ours is self._told:
            return ()
        current = ours.merged(NOBODY, _unix_s())
        if current == NOBODY:
            return ()
        over_at_ms = int((current.over_at + SPARE_S) * 1000)
        return next(self._versions), msgspec.json.encode(current).decode(), over_at_ms

    def _read(self, text: bytes) -> Bans:
        try:
            return read_bans(text) if text else NOBODY
        except ValueError as error:  # each machine has its own, and writes it again
            self._log.error("bans_unreadable", reason=f"in Redis: {error}")
            return NOBODY


def _unix_s() -> float:
    return time.time()  # noqa: TID251  bans have the time that people know
