"""What calls use of quotas: counted once a second, here or together with other machines."""

import time
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from tornado_app.admission.quotas import PARTS, Meters, MetersHere, Quota, QuotaUse, Unit
from tornado_app.settings.schema import Settings

if TYPE_CHECKING:  # its package is an option
    from tornado_app.admission.machines.redis_meters import RedisMeters


def unix_s() -> float:
    return time.time()  # noqa: TID251  the date that people know


def money_parts(cost: Decimal) -> int:
    """In whole parts; what is less than one counts as one."""
    return int((cost * PARTS["money"]).to_integral_value(ROUND_CEILING))


class CallMeter:
    """Of one call.  Thread: loop."""

    def __init__(
        self, quotas: Sequence[Quota], meters: Meters, clock: Callable[[], float] = unix_s
    ) -> None:
        """*clock* says the Unix time in seconds."""
        self._quotas = quotas
        self._meters = meters
        self._clock = clock
        self._noted: dict[Unit, int] = {}

    def look(
        self, audio_ms: float, tokens: int, cost: Decimal = Decimal(0)
    ) -> tuple[QuotaUse, ...]:
        """The call has used so much since it began; how each quota stands now."""
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
            uses.append(quota.use(self._meters.used(key), now))
        return tuple(uses)


class Metering:
    """Of all calls.  Thread: loop."""

    def __init__(self, shared: "RedisMeters | None" = None) -> None:
        self.shared = shared
        """Those of all machines; None: each counts for itself."""
        self._here = MetersHere()
        self._meters: Meters = shared or self._here

    def new_meter(self, quotas: Sequence[Quota]) -> CallMeter | None:
        """None, if there is nothing to count for."""
        return CallMeter(quotas, self._meters) if quotas else None

    def exceeded(self, quotas: Sequence[Quota]) -> QuotaUse | None:
        """One that is used up, as far as it is known here."""
        now = unix_s()
        uses = (quota.use(self._meters.used(quota.key(now)), now) for quota in quotas)
        return next((use for use in uses if use.is_over), None)

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
            await self.shared.learn([quota.key(now) for quota in quotas])


def new_metering(settings: Settings, run: str, is_away: Callable[[], bool]) -> Metering:
    """As the settings say; the rest as of `RedisMeters`."""
    shared = settings.shared
    if not shared.redis_url:
        return Metering()
    from tornado_app.admission.machines.link import Link  # noqa: PLC0415  the package is an option
    from tornado_app.admission.machines.redis_meters import RedisMeters  # noqa: PLC0415

    link = Link(shared.redis_url.reveal(), shared.timeout_s)
    return Metering(RedisMeters(link, shared.key_prefix, run, time.monotonic, is_away))
