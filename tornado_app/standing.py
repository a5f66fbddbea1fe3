"""What a caller may have in all calls together: by plan, organisation and quotas."""

from dataclasses import dataclass
from pathlib import Path

from tornado_app.admission.claims import Caller, TokenRejected, at, name_at
from tornado_app.admission.quotas import PARTS, Owner, Period, Quota, Unit, owned
from tornado_app.errors import Refused
from tornado_app.settings.plans import read_plans
from tornado_app.settings.schema import Settings

ROOT = Path(__file__).resolve().parents[1]

PLAN_SCOPE = "plan:"
NO_PLAN = "The token names a plan that this server does not have."

UNITS: tuple[Unit, ...] = tuple(PARTS)
OWNERS: tuple[Owner, ...] = ("user", "organisation")
PERIODS: tuple[Period, ...] = ("day", "month")


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one caller."""

    settings: Settings
    """As everybody has them, but for what the plan says."""
    organisation: str = ""
    """Empty: none is named."""
    quotas: tuple[Quota, ...] = ()

    @property
    def counts_money(self) -> bool:
        """Somebody has to know what the call costs while it runs."""
        shows_cost = self.settings.usage.show_cost
        return shows_cost or any(quota.unit == "money" for quota in self.quotas)


class Standings:
    """Thread: any; nothing here changes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._plans = read_plans(settings, ROOT)[0]
        self._has_quotas = any(map(_has_quotas, (settings, *self._plans.values())))

    @property
    def has_quotas(self) -> bool:
        """Anybody has some."""
        return self._has_quotas

    def of(self, caller: Caller) -> Standing:
        """What holds for *caller*.

        Raises:
            Refused: ``token_invalid``, if its token names a plan that there is not, or something
                that is no name.
        """
        try:
            organisation = self._named(caller, self._settings.limits.organisation_claim)
            settings = self._settings_of(caller)
        except TokenRejected as rejected:
            raise Refused(rejected.code, rejected.sentence) from None
        if not self._has_quotas:
            return Standing(settings, organisation)
        quotas = tuple(owned(_amounts(settings), caller.user_id, organisation))
        return Standing(settings, organisation, quotas)

    def of_owner(self, owner: Owner, whose: str, plan: str) -> tuple[Settings, tuple[Quota, ...]]:
        """The settings and the quotas of a user or an organisation in that *plan*; empty: in none.

        A quota that others have, and they have not, is one of 0.

        Raises:
            LookupError: If there is no such plan.
        """
        settings = self._plans[plan] if plan else self._settings
        of_all = [_amounts(each) for each in (settings, *self._plans.values())]
        quotas = (
            Quota(unit, owner, whose, period, of_all[0][unit, owner, period])
            for unit in UNITS
            for period in PERIODS
            if any(amounts[unit, owner, period] for amounts in (_amounts(self._settings), *of_all))
        )
        return settings, tuple(quotas)

    def _settings_of(self, caller: Caller) -> Settings:
        if not self._settings.limits.plans_file:
            return self._settings
        scopes = sorted(scope for scope in caller.scopes if scope.startswith(PLAN_SCOPE))
        plan = self._named(caller, self._settings.limits.plan_claim)
        plan = plan or (scopes[0].removeprefix(PLAN_SCOPE) if scopes else "")
        if not plan:
            return self._settings
        if plan not in self._plans:
            raise Refused("token_invalid", NO_PLAN)
        return self._plans[plan]

    @staticmethod
    def _named(caller: Caller, claim: tuple[str, ...]) -> str:
        if not claim or at(caller.claims, claim) is None:
            return ""
        return name_at(caller.claims, claim)


def _amounts(settings: Settings) -> dict[tuple[Unit, Owner, Period], float]:
    return {
        (unit, owner, period): getattr(settings.quotas, f"{unit}_per_{owner}_per_{period}")
        for unit in UNITS
        for owner in OWNERS
        for period in PERIODS
    }


def _has_quotas(settings: Settings) -> bool:
    return any(_amounts(settings).values())
