"""What a call has used: tornado_app/metering.py."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.quotas import MetersHere, Quota
from tornado_app.metering import CallMeter, Metering

DAY_S = 86_400.0


def quota(unit, owner="user", period="day", allowed=10.0):
    return Quota(unit, owner, "a", period, allowed)


def test_two_calls_of_one_user_add_up():
    """Each tells its own totals, which only grow; what was told is not counted again."""
    meters, now = MetersHere(), 1_800_000_000.0
    quotas = (quota("audio_s"), quota("tokens"))
    one, two = (CallMeter(quotas, meters, lambda: now) for _ in range(2))
    one.look(1500.0, 3)
    two.look(2500.4, 4)
    audio, tokens = one.look(1600.9, 3)

    assert (4.1, 7.0) == (audio.used, tokens.used)
    assert not audio.is_over
    assert two.look(9000.0, 4)[0].is_over


def test_a_new_day_begins_at_nothing():
    """What was used before midnight is of the day before; a month goes on."""
    now = [DAY_S * 20_000 - 1]
    quotas = (quota("tokens"), quota("tokens", period="month"))
    call = CallMeter(quotas, MetersHere(), lambda: now[0])
    assert [9.0, 9.0] == [use.used for use in call.look(0.0, 9)]
    now[0] += 2
    assert [1.0, 10.0] == [use.used for use in call.look(0.0, 10)]


@given(st.lists(st.decimals(0, 5, places=9), min_size=1, max_size=30))
def test_money_adds_up_to_what_it_costs(costs):
    """In whole parts, and never less than it is: by less than one of them in all."""
    meters, now = MetersHere(), 1_800_000_000.0
    call = CallMeter((quota("money"),), meters, lambda: now)
    total = Decimal(0)
    for cost in costs:
        total += cost
        (use,) = call.look(0.0, 0, total)
        part = Decimal("0.000001")
        assert total <= Decimal(repr(use.used)) < total + part


def test_nobody_without_a_quota_is_metered():
    metering = Metering()
    assert metering.new_meter(()) is None
    assert metering.exceeded(()) is None
