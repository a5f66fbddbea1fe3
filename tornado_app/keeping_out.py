"""Who is kept out for a time: written down for this machine, and told to all others."""

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from tornado_app.admission.bans import Bans
from tornado_app.admission.bans_file import change
from tornado_app.logs import get_logger
from tornado_app.settings.schema import Settings
from tornado_app.taken_back import bans_path
from tornado_app.trust import Trust

if TYPE_CHECKING:  # its package is an option
    from tornado_app.admission.machines.redis_bans import RedisBans

STOP_S = 5.0


class KeepingOut:
    """Thread: loop; the file is written in another."""

    def __init__(
        self, settings: Settings, trust: Trust, run: str, is_away: Callable[[], bool]
    ) -> None:
        """*run* and *is_away*: as of `RedisBans`, if there is a Redis."""
        self._path = bans_path(settings)
        self._has_operators = bool(settings.admin.keys)
        self._trust = trust
        self._shared = self._new_shared(settings, run, is_away)
        self._is_unwritten = False
        self._writing: asyncio.Task[None] | None = None
        self._is_refused = False
        """It could not be written down, which has been told."""
        self._log = get_logger()

    @property
    def is_everywhere(self) -> bool:
        """All machines know, or will within a second, what is known here."""
        return self._shared is None or self._shared.are_told

    def start(self) -> None:
        if self._has_operators:  # a file that cannot be written is told of now, not with a ban
            self._have_written()
        if self._shared is not None:
            self._shared.start()

    async def stop(self) -> None:
        """What was learnt has been written down then, or cannot be."""
        if self._shared is not None:
            await self._shared.stop()
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=STOP_S)
            self._writing.cancel()

    async def change(self, how: Callable[[Bans], Bans]) -> None:
        """Have what *how* makes of those who are kept out in their place.

        Whatever *how* raises goes on.

        Raises:
            OSError: If it cannot be written down; nothing has changed then.
            ValueError: If what is written there is none of ours.
        """
        self._trust.taken_back.learn_bans(await self._write(how))
        if self._shared is not None:
            await self._shared.look()

    async def _write(self, how: Callable[[Bans], Bans]) -> Bans:
        known = self._trust.taken_back.bans

        def changed(written: Bans) -> Bans:
            return how(written.merged(known, _unix_s()))

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, partial(change, self._path, changed))

    def _new_shared(
        self, settings: Settings, run: str, is_away: Callable[[], bool]
    ) -> "RedisBans | None":
        shared = settings.shared
        if not shared.redis_url:
            return None
        from tornado_app.admission.machines.link import Link  # noqa: PLC0415  an option
        from tornado_app.admission.machines.redis_bans import RedisBans  # noqa: PLC0415

        return RedisBans(
            Link(shared.redis_url.reveal(), shared.timeout_s),
            shared.key_prefix,
            run,
            known=lambda: self._trust.taken_back.bans,
            learn=self._learn,
            is_away=is_away,
        )

    def _learn(self, found: Bans) -> None:
        """They count at once, and are written down as soon as that can be."""
        before = self._trust.taken_back.bans
        self._trust.taken_back.learn_bans(found)
        if self._trust.taken_back.bans is not before:
            self._have_written()

    def _have_written(self) -> None:
        self._is_unwritten = True
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write_down())

    async def _write_down(self) -> None:
        while self._is_unwritten:
            self._is_unwritten = False
            try:
                await self._write(lambda bans: bans)
                self._is_refused = False
            except (OSError, ValueError) as error:  # what was learnt is known to Redis, and here
                if not self._is_refused:
                    reason = error.strerror if isinstance(error, OSError) else None
                    self._log.error("bans_unwritten", reason=reason or str(error))
                self._is_refused = True


def _unix_s() -> float:
    return time.time()  # noqa: TID251  bans have the time that people know
