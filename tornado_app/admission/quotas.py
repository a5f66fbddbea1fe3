"""How much a user or an organisation may have in a day or a month, and of what."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, Protocol

from tornado_app.errors import Refused

Unit = Literal["audio_s", "tokens", "money"]
PARTS: dict[Unit, int] = {"audio_s": 1000, "tokens": 1, "money": 1_000_000}
"""What is counted, and in how many parts of it: only whole numbers add up on all machines."""
Owner = Literal["user", "organisation"]
Period = Literal["day", "month"]

SENTENCE = "Your quota is used up: {limit} is {allowed:.15g}."
OF_ORGANISATION = "The quota of your organisation is used up: {limit} is {allowed:.15g}."
NOT_ENOUGH = "What is left of {limit}, which is {allowed:.15g}, is not enough for another answer."

HELD: Final = "money_held"
"""What calls keep aside for their next answers: it is given back, and ends with who has it."""


class Key(NamedTuple):
    """One meter."""

    unit: Unit | Literal["money_held"]
    owner: Owner
    whose: str
    date: str
    """The day, 2026-12-01, or the month, 2026-12, in UTC."""


@dataclass(frozen=True, slots=True)
class Quota:
    """So much of a unit in a period, for whom; UTC says when a day or a month begins."""

    unit: Unit
    owner: Owner
    whose: str
    period: Period
    allowed: float

    @property
    def limit(self) -> str:
        """The name of its setting."""
        return f"{self.unit}_per_{self.owner}_per_{self.period}"

    def key(self, now_unix_s: float) -> Key:
        date = datetime.fromtimestamp(now_unix_s, UTC)
        text = date.strftime("%Y-%m-%d" if self.period == "day" else "%Y-%m")
        return Key(self.unit, self.owner, self.whose, text)

    def held_key(self, now_unix_s: float) -> Key | None:
        """Of what is kept aside of it; None: of what it counts nothing is."""
        return self.key(now_unix_s)._replace(unit=HELD) if self.unit == "money" else None

    def use(self, used: int, now_unix_s: float, held: int = 0) -> "QuotaUse":
        """What it means that the meter stands at *used* parts, and so many are kept aside."""
        # The quotient nearest to a whole number of parts is the number as an operator writes it, so
        # that both compare exactly.
        shown = (used + held) / PARTS[self.unit]
        reset_at = int(ends_at(self.period, now_unix_s) * 1000)
        digits = 6 if self.unit == "money" else 1
        return QuotaUse(self.limit, shown, self.allowed, reset_at, digits, held > 0)


@dataclass(frozen=True, slots=True)
class QuotaUse:
    """How much of a quota is used."""

    limit: str
    used: float
    allowed: float
    reset_at: int
    """Unix time in milliseconds at which it begins anew."""
    digits: int = 1
    """How many behind the point tell a client enough."""
    holds: bool = False
    """Some of it is only kept aside, and may be as much as there is."""

    @property
    def is_money(self) -> bool:
        return self.limit.startswith("money_")

    @property
    def is_over(self) -> bool:
        return self.used > self.allowed or (self.used == self.allowed and not self.holds)

    def refused(self, now_unix_ms: int) -> Refused:
        """What is told when it is used up."""
        sentence = OF_ORGANISATION if "organisation" in self.limit else SENTENCE
        sentence = NOT_ENOUGH if self.holds else sentence
        text = sentence.format(limit=self.limit, allowed=self.allowed)
        wait_ms = max(1, self.reset_at - now_unix_ms)
        return Refused("quota_exceeded", text, retry_after_ms=wait_ms)


class Meters(Protocol):
    """What was used, here or together with other machines.  Thread: loop."""

    def used(self, key: Key) -> int:
        """As far as it is known here, in parts."""

    def spend(self, key: Key, parts: int) -> None:
        """So much more was used; less than 0: so much is given back of what was kept aside."""


class MetersHere:
    """Counts for this process alone, as long as that lives.  Thread: loop."""

    def __init__(self) -> None:
        self._used: dict[str, dict[Key, int]] = {}
        """By the date; what is of a day or a month that is over is forgotten with the next."""

    def used(self, key: Key) -> int:
        """As `Meters.used`."""
        return self._used.get(key.date, {}).get(key, 0)

    def spend(self, key: Key, parts: int) -> None:
        """As `Meters.spend`."""
        if key.date not in self._used:
            if parts < 0:
                return  # what is given back was forgotten with its day
            over = [date for date in self._used if len(date) == len(key.date) and date < key.date]
            for date in over:
                del self._used[date]
            self._used[key.date] = {}
        meters = self._used[key.date]
        meters[key] = meters.get(key, 0) + parts

    def reset(self, key: Key) -> None:
        """Begin anew."""
        self._used.get(key.date, {}).pop(key, None)


def ends_at(period: Period, now_unix_s: float) -> float:
    """When the day or the month is over, in Unix time."""
    now = datetime.fromtimestamp(now_unix_s, UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        return (day + timedelta(days=1)).timestamp()
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1).timestamp()


def owned(
    amounts: dict[tuple[Unit, Owner, Period], float], user_id: str, organisation: str
) -> Iterator[Quota]:
    """The quotas of one caller; 0 is none, and who is in no organisation has none of it."""
    for (unit, owner, period), allowed in amounts.items():
        whose = user_id if owner == "user" else organisation
        if allowed and whose:
            yield Quota(unit, owner, whose, period, allowed)
