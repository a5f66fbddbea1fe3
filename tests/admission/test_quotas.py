"""Quotas: tornado_app/admission/quotas.py."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.quotas import Key, MetersHere, Quota, QuotaUse, ends_at, owned


def unix_s(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def quota(allowed: float = 600, period: str = "day", unit: str = "audio_s") -> Quota:
    return Quota(unit, "user", "alice", period, allowed)


@pytest.mark.parametrize(
    ("period", "now", "ends"),
    [
        ("day", "2026-12-01T00:00:00", "2026-12-02T00:00:00"),
        ("day", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("month", "2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("month", "2028-02-01T00:00:00", "2028-03-01T00:00:00"),
        ("month", "2027-01-31T12:00:00", "2027-02-01T00:00:00"),
    ],
)
def test_a_day_and_a_month_end(period, now, ends):
    assert unix_s(ends) == ends_at(period, unix_s(now))


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_a_day_is_one_of_utc(monkeypatch, zone):
    """Wherever the server stands: machines in two places count together."""
    now = unix_s("2026-11-30T12:30:00")
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert time.localtime(now).tm_hour != 12
        assert "2026-11-30" == quota().key(now).date
        assert "2026-11" == quota(period="month").key(now).date
        ends = ends_at("day", now), ends_at("month", now)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (unix_s("2026-12-01T00:00:00"), unix_s("2026-12-01T00:00:00")) == ends


@given(st.floats(0, 4e9), st.sampled_from(["day", "month"]))
def test_a_meter_is_another_one_exactly_when_its_time_is_over(now, period):
    mine = quota(period=period)
    over = ends_at(period, now)

    assert mine.key(now) == mine.key(over - 0.001)
    assert mine.key(now) != mine.key(over)


@pytest.mark.parametrize(
    ("unit", "parts", "is_over"),
    [
        ("audio_s", 599_999, False),
        ("audio_s", 600_000, True),
        ("tokens", 599, False),
        ("tokens", 600, True),
        ("money", 599_999_999, False),
        ("money", 600_000_000, True),
    ],
)
def test_a_quota_is_exact_at_its_border(unit, parts, is_over):
    now = unix_s("2026-12-01T12:00:00")
    meters, mine = MetersHere(), quota(unit=unit)
    meters.spend(mine.key(now), parts)

    use = mine.use(meters.used(mine.key(now)), now)
    assert is_over == use.is_over
    assert (f"{unit}_per_user_per_day", 600) == (use.limit, use.allowed)
    assert unix_s("2026-12-02T00:00:00") * 1000 == use.reset_at


@given(st.integers(1, 10**12))
def test_money_is_exact_at_its_border(parts):
    """However an operator writes it: to a millionth, up to a million, as no binary fraction is."""
    mine = quota(allowed=float(f"{parts // 10**6}.{parts % 10**6:06}"), unit="money")
    assert [False, True] == [mine.use(used, 0.0).is_over for used in (parts - 1, parts)]


@pytest.mark.parametrize(
    ("used", "held", "is_over"),
    [(0, 600, False), (300, 300, False), (300, 301, True), (599, 0, False), (600, 0, True)],
)
def test_what_is_kept_aside_may_be_all_that_is_left(used, held, is_over):
    """What is used up may not be; who is told of it is told why."""
    mine = quota(unit="money", allowed=600e-6)
    use = mine.use(used, 0.0, held)
    assert ((used + held) / 10**6, is_over) == (use.used, use.is_over)
    is_told = "not enough for another answer" in use.refused(0).sentence
    assert is_told == (held > 0)


def test_what_is_told_of_one_that_is_used_up():
    """With the time at which it begins anew."""
    refused = QuotaUse("tokens_per_user_per_day", 10, 10, 5000).refused(1000)
    assert ("quota_exceeded", 4000) == (refused.code, refused.retry_after_ms)
    assert "Your quota is used up: tokens_per_user_per_day is 10." == refused.sentence
    large = QuotaUse("tokens_per_user_per_day", 20_000_000, 20_000_000, 5000).refused(1000)
    assert large.sentence.endswith(" is 20000000.")
    of_all = QuotaUse("tokens_per_organisation_per_day", 10, 10, 5000).refused(9000)
    assert of_all.sentence.startswith("The quota of your organisation")
    assert 1 == of_all.retry_after_ms


@pytest.mark.parametrize("unit", ["audio_s", "tokens", "money"])
@pytest.mark.parametrize("owner", ["user", "organisation"])
def test_which_quota_is_one_of_money(unit, owner):
    """A client is told its currency, and tenths of a second are enough of the others."""
    use = Quota(unit, owner, "acme", "day", 600).use(1, 0.0)

    assert (unit == "money", 6 if unit == "money" else 1) == (use.is_money, use.digits)


def test_what_is_over_is_forgotten():
    meters = MetersHere()
    day, month = Key("tokens", "user", "a", "2026-12-01"), Key("tokens", "user", "a", "2026-12")
    meters.spend(day, 3)
    meters.spend(month, 3)
    meters.spend(day._replace(date="2026-12-02"), 1)

    assert (0, 3) == (meters.used(day), meters.used(month))
    assert 1 == meters.used(day._replace(date="2026-12-02"))


def test_a_clock_that_is_put_back_over_midnight_costs_no_day():
    """What is used is of two days then, and of neither anything is lost."""
    meters = MetersHere()
    day = Key("tokens", "user", "a", "2026-12-02")
    meters.spend(day, 3)
    meters.spend(day._replace(date="2026-12-01"), 1)
    meters.spend(day, 2)

    assert 5 == meters.used(day)


def test_who_has_which():
    """No bound is none, and who is in no organisation has none of it."""
    amounts = {
        ("audio_s", "user", "day"): 0.0,
        ("audio_s", "user", "month"): 10.0,
        ("tokens", "organisation", "day"): 5.0,
    }
    assert [Quota("audio_s", "user", "alice", "month", 10.0)] == list(owned(amounts, "alice", ""))
    assert ["alice", "acme"] == [each.whose for each in owned(amounts, "alice", "acme")]


def test_a_meter_that_is_reset_begins_anew():
    """And no other."""
    now = unix_s("2026-12-01T12:00:00")
    meters, mine, tokens = MetersHere(), quota(), quota(unit="tokens")
    meters.spend(mine.key(now), 7)
    meters.spend(tokens.key(now), 3)
    meters.reset(mine.key(now))
    meters.reset(mine.key(now - 86_400))

    assert [0, 3] == [meters.used(mine.key(now)), meters.used(tokens.key(now))]


def test_only_of_money_something_is_kept_aside():
    """On a meter beside its own, for the same time and the same owner."""
    now = unix_s("2026-12-01T12:00:00")
    assert quota().held_key(now) is None

    money = quota(unit="money")
    held = money.held_key(now)
    assert held != money.key(now)
    assert money.key(now)[1:] == held[1:]
