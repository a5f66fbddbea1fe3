"""What calls use of quotas: counted once a second, here or together with other machines."""

import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING, Any

from tornado_app.admission.quotas import PARTS, Key, Meters, MetersHere, Quota, QuotaUse, Unit
from tornado_app.settings.schema import Settings

if TYPE_CHECKING:  # its package is an option
    from tornado_app.admission.machines.redis_meters import RedisMeters


Tell = Callable[[Iterable[Key]], Coroutine[Any, Any, None]]


def unix_s() -> float:
    return time.time()  # noqa: TID251  the date that people know


def money_parts(cost: Decimal) -> int:
    """In whole parts; what is less than one counts as one."""
    return int((cost * PARTS["money"]).to_integral_value(ROUND_CEILING))


class CallMeter:
    """Of one call.  Thread: loop."""

    def __init__(
        self,
        quotas: Sequence[Quota],
        meters: Meters,
        clock: Callable[[], float] = unix_s,
        tell: Tell | None = None,
    ) -> None:
        """*clock* says the Unix time in seconds; *tell* has other machines know of some meters, and
        learns of them; None: there are none.
        """
        self._quotas = quotas
        self._meters = meters
        self._clock = clock
        self._tell = tell
        self._noted: dict[Unit, int] = {}
        self._held: dict[Key, int] = {}
        """What this call keeps aside, by meter."""
        self._untold = False
        """More of it than others were told at once."""
        self.counts_money = any(quota.unit == "money" for quota in quotas)

    def look(
        self,
        audio_ms: float,
        tokens: int,
        cost: Decimal = Decimal(0),
        held: Decimal = Decimal(0),
    ) -> tuple[QuotaUse, ...]:
        """The call has used so much since it began, and keeps *held* of money aside; how each quota
        stands now.
        """
        now = self._clock()
        totals: dict[Unit, int] = {
            "audio_s": int(audio_ms),
            "tokens": tokens,
            "money": money_parts(cost),
        }
        more = {unit: total - self._noted.get(unit, 0) for unit, total in totals.items()}
        self._noted = totals
        uses = []
        for quota in self._quotas:
            key = quota.key(now)
            self._meters.spend(key, more[quota.unit])
            all_held = self._hold(quota.held_key(now), money_parts(held))
            uses.append(quota.use(self._meters.used(key), now, all_held))
        return tuple(uses)

    def end(self) -> None:
        """The call is over, whether or not it could say what it has used."""
        self._give_back(list(self._held))

    def telling(self) -> "Coroutine[Any, Any, None] | None":
        """Have others know at once of what is kept aside, and learn what they do; None: they do."""
        if self._tell is None or not self._untold:
            return None
        self._untold = False
        now = self._clock()
        return self._tell([key for quota in self._quotas for key in _keys(quota, now)])

    def _hold(self, key: Key | None, parts: int) -> int:
        """Keep so much aside, in place of what it was; how much all calls do."""
        if key is None:
            return 0
        # Of a day that is over, or that a clock which is put back has not reached yet.
        self._give_back([each for each in self._held if _is_other(each, key)])
        before = self._held.get(key, 0)
        self._untold = self._untold or parts > before
        self._held[key] = parts
        self._meters.spend(key, parts - before)
        return self._meters.used(key)

    def _give_back(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._meters.spend(key, -self._held.pop(key))


class Metering:
    """Of all calls.  Thread: loop."""

    def __init__(self, shared: "RedisMeters | None" = None) -> None:
        self.shared = shared
        """Those of all machines; None: each counts for itself."""
        self._here = MetersHere()
        self._meters: Meters = shared or self._here

    def new_meter(self, quotas: Sequence[Quota]) -> CallMeter | None:
        """None, if there is nothing to count for."""
        if not quotas:
            return None
        return CallMeter(quotas, self._meters, tell=self.shared.learn if self.shared else None)

    def exceeded(self, quotas: Sequence[Quota], held: Decimal = Decimal(0)) -> QuotaUse | None:
        """One that is used up, as far as it is known here, for a call that would keep so much money
        aside.
        """
        now = unix_s()
        for quota in quotas:
            used, *others = (self._meters.used(key) for key in _keys(quota, now))
            all_held = sum(others) + money_parts(held) if others else 0
            use = quota.use(used, now, all_held)
            if use.is_over:
                return use
        return None

    def start(self) -> None:
        if self.shared is not None:
            self.shared.start()

    async def stop(self) -> None:
        if self.shared is not None:
            await self.shared.stop()

    async def uses(self, quotas: Sequence[Quota]) -> list[QuotaUse]:
        """How each stands now, as far as that can be known."""
        await self.learn(quotas)
        now = unix_s()
        return [quota.use(self._meters.used(quota.key(now)), now) for quota in quotas]

    async def reset(self, quotas: Sequence[Quota]) -> bool:
        """Have them begin anew; False: Redis does not answer, and others learn it when it does."""
        now = unix_s()
        keys = [quota.key(now) for quota in quotas]
        if self.shared is not None:
            return await self.shared.reset(keys, int(now * 1000))
        for key in keys:
            self._here.reset(key)
        return True

    async def learn(self, quotas: Sequence[Quota]) -> None:
        """What was used elsewhere, if Redis answers."""
        if self.shared is not None and quotas:
            now = unix_s()
            await self.shared.learn([key for quota in quotas for key in _keys(quota, now)])


def _is_other(one: Key, key: Key) -> bool:
    """Whether it is of the same quota, and of another day or month."""
    is_alike = (one.owner, len(one.date)) == (key.owner, len(key.date))
    return is_alike and one.date != key.date


def _keys(quota: Quota, now_unix_s: float) -> Iterator[Key]:
    """All meters of it, the one of what is used first."""
    yield quota.key(now_unix_s)
    if (held := quota.held_key(now_unix_s)) is not None:
        yield held


def new_metering(settings: Settings, run: str, is_away: Callable[[], bool]) -> Metering:
    """As the settings say; the rest as of `RedisMeters`."""
    shared = settings.shared
    if not shared.redis_url:
        return Metering()
    from tornado_app.admission.machines.link import Link  # noqa: PLC0415  the package is an option
    from tornado_app.admission.machines.redis_meters import RedisMeters  # noqa: PLC0415

    link = Link(shared.redis_url.reveal(), shared.timeout_s)
    return Metering(RedisMeters(link, shared.key_prefix, run, time.monotonic, is_away))
