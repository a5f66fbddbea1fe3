"""What was used on several machines, as each of them knows it a second later."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tornado_app.admission.machines.link import Away, Link
from tornado_app.admission.machines.scripts import FOLD, HOLD, NOTE, digest, start_of
from tornado_app.admission.quotas import HELD, Key
from tornado_app.logs import get_logger

NOTE_S = 1.0
KEYS_AT_ONCE = 64
REST_S = 60.0
"""What nobody has asked for so long is added up in Redis, and forgotten here."""
KEPT_S = 40 * 86_400
"""Longer than a month, since it was last used."""
HELD_MS = 15_000
"""So long what is kept aside is, after it was last said to be: whoever dies keeps nothing."""
STOP_S = 1.0


@dataclass(eq=False, slots=True)
class _Meter:
    """What this process has used, under a name of its own: so to say it twice adds nothing."""

    field: str
    asked_at: float
    mine: int = 0
    others: int = 0
    noted: int = 0
    """So much of `mine` does Redis know."""
    reset_at: int = 0
    """When it was reset last, in Unix milliseconds; 0: never."""
    is_reset_told: bool = True
    """Redis knows that."""

    def reset(self, at_unix_ms: int) -> None:
        self.reset_at = max(at_unix_ms, self.reset_at + 1)
        self.mine = self.others = self.noted = 0
        self.is_reset_told = False

    def hear(self, told: "_Told", reset_at: int, others: int) -> None:
        """What Redis answers to *told*."""
        if self.reset_at > max(told.reset_at, reset_at):
            return  # it was reset meanwhile
        if reset_at > told.reset_at:  # by another; what Redis did not know yet was used since
            self.mine -= self.noted
            self.noted = 0
        else:
            self.noted = told.mine
        self.reset_at, self.others, self.is_reset_told = reset_at, others, True


@dataclass(frozen=True, slots=True)
class _Told:
    """What Redis was told of a meter."""

    mine: int
    reset_at: int


class RedisMeters:
    """As `MetersHere`, with what others have used.  Thread: loop."""

    def __init__(
        self,
        link: Link,
        prefix: str,
        run: str,
        clock: Callable[[], float],
        is_away: Callable[[], bool],
    ) -> None:
        """*run* is of this process alone, and *is_away* says that there is nobody to ask."""
        self._link = link
        self._note, self._fold = link.script(NOTE), link.script(FOLD)
        self._hold = link.script(HOLD)
        self._start = start_of(prefix)
        self._run = run
        self._clock = clock
        self._is_away = is_away
        self._numbers = itertools.count(1)
        self._meters: dict[Key, _Meter] = {}
        self._is_stopping = False
        self._task: asyncio.Task[None] | None = None
        self._log = get_logger()

    def used(self, key: Key) -> int:
        """As `Meters.used`: of others, what was so a second ago."""
        meter = self._meter(key)
        return meter.mine + meter.others

    def spend(self, key: Key, parts: int) -> None:
        """As `Meters.spend`."""
        self._meter(key).mine += parts

    def start(self) -> None:
        self._task = asyncio.ensure_future(self._keep())

    async def stop(self) -> None:
        """Say the last and add it up, if Redis is there: no other process will."""
        self._is_stopping = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=STOP_S)
        with contextlib.suppress(Away, TimeoutError):
            async with asyncio.timeout(STOP_S):
                own = [key for key, meter in self._meters.items() if meter.mine or meter.noted]
                for _ in range(2):  # the first may learn of a reset
                    await self.note(own)
                # What was on its way before has come by now; later, it would be added twice.
                await self._add_up(own)
        await self._link.close()

    async def note(self, keys: Iterable[Key]) -> None:
        """Tell what was used here, and learn what was elsewhere.  Raises `Away`."""
        wanted = [(key, self._meter(key)) for key in keys]
        await self._note_used([each for each in wanted if each[0].unit != HELD])
        await self._note_held([each for each in wanted if each[0].unit == HELD])

    async def _note_used(self, wanted: Sequence[tuple[Key, _Meter]]) -> None:
        for start in range(0, len(wanted), KEYS_AT_ONCE):
            batch = wanted[start : start + KEYS_AT_ONCE]
            told = [_Told(meter.mine, meter.reset_at) for _, meter in batch]
            arguments: list[int | str] = [KEPT_S]
            for (_, meter), each in zip(batch, told, strict=True):
                arguments += [meter.field, each.mine, each.reset_at]
            found = await self._note([self._name(key) for key, _ in batch], arguments)
            answers = zip(found[::2], found[1::2], strict=True)
            for (_, meter), each, (reset_at, others) in zip(batch, told, answers, strict=True):
                meter.hear(each, reset_at, others)

    async def _note_held(self, wanted: Sequence[tuple[Key, _Meter]]) -> None:
        for start in range(0, len(wanted), KEYS_AT_ONCE):
            batch = wanted[start : start + KEYS_AT_ONCE]
            told = [meter.mine for _, meter in batch]
            arguments: list[int | str] = [HELD_MS]
            for (_, meter), mine in zip(batch, told, strict=True):
                arguments += [meter.field, mine]
            found = await self._hold([self._name(key) for key, _ in batch], arguments)
            for (_, meter), mine, others in zip(batch, told, found, strict=True):
                meter.noted, meter.others = mine, others

    async def learn(self, keys: Iterable[Key]) -> None:
        """As `note`; without an answer it is as it was."""
        if not self._is_away():
            with contextlib.suppress(Away):
                await self.note(keys)

    async def reset(self, keys: Iterable[Key], unix_ms: int) -> bool:
        """Have them begin anew; False: Redis does not answer, and others learn it later."""
        wanted = [*keys]
        await self.learn(wanted)  # a reset counts behind those that were before it
        for key in wanted:
            self._meter(key).reset(unix_ms)
        await self.learn(wanted)
        return all(self._meter(key).is_reset_told for key in wanted)

    def _meter(self, key: Key) -> _Meter:
        meter, now = self._meters.get(key), self._clock()
        if meter is None:
            field = f"{self._run}{next(self._numbers)}"
            meter = self._meters[key] = _Meter(field, now)
        meter.asked_at = now
        return meter

    async def _keep(self) -> None:
        while not self._is_stopping:
            await asyncio.sleep(NOTE_S)
            if self._is_away():
                continue
            try:
                if self._link.is_silent:
                    await self._link.reach()
                await self._forget_resting()
                asked_at = {key: meter.asked_at for key, meter in self._meters.items()}
                await self.note(asked_at)
                for key, at in asked_at.items():  # nobody has asked but this
                    self._meters[key].asked_at = at
            except Away:
                pass  # whoever renews places says so
            except Exception:  # noqa: BLE001  a fault of ours, and quotas have to count after it
                self._log.exception("places_failed")

    async def _forget_resting(self) -> None:
        before = self._clock() - REST_S
        for key, meter in list(self._meters.items()):
            is_told = meter.noted == meter.mine and meter.is_reset_told
            # What is kept aside is given back some day, though the process stood still for long.
            is_kept = key.unit == HELD and meter.mine
            if meter.asked_at < before and is_told and not is_kept:
                # Whoever asks meanwhile begins with a field of its own.
                del self._meters[key]
                if meter.mine:
                    await self._fold([self._name(key)], [meter.field])

    async def _add_up(self, keys: list[Key]) -> None:
        keys = [key for key in keys if key.unit != HELD]
        for start in range(0, len(keys), KEYS_AT_ONCE):
            batch = keys[start : start + KEYS_AT_ONCE]
            await self._fold(
                [self._name(key) for key in batch], [self._meters[key].field for key in batch]
            )

    def _name(self, key: Key) -> str:
        return f"{self._start}:used:{key.unit}:{key.owner}:{key.date}:{digest(key.whose)}"
