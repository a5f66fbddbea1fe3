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


HALF = Decimal("0.5")


def test_what_a_call_keeps_aside_is_nothing_for_the_next():
    """Until it is over, or needs less; what it has used in place of it stays."""
    now = [DAY_S * 20_000 - 1]
    quotas = (quota("money", allowed=1.0), quota("money", "organisation", "month", allowed=5.0))
    meters = MetersHere()
    one, two = (CallMeter(quotas, meters, lambda: now[0]) for _ in range(2))

    def overs(call, cost, held):
        return [use.is_over for use in call.look(0.0, 0, cost, held)]

    assert [False, False] == overs(one, Decimal(0), HALF)
    assert [True, False] == overs(two, Decimal(0), HALF + Decimal("0.000001"))
    assert [False, False] == overs(two, Decimal(0), HALF)
    assert [True, False] == overs(one, Decimal("0.1"), HALF)
    assert [False, False] == overs(one, Decimal("0.1"), Decimal(0))
    assert [0.6, 0.6] == [use.used for use in two.look(0.0, 0, Decimal(0), HALF)]
    now[0] += 2
    assert [0.5, 0.6] == [use.used for use in two.look(0.0, 0, Decimal(0), HALF)], "a new day"
    assert [0.0, 0.1] == [use.used for use in two.look(0.0, 0, Decimal(0), Decimal(0))]


def test_a_clock_that_is_put_back_over_midnight_keeps_nothing_aside():
    """Neither of the day that it has left nor of the one that it is in again."""
    midnight = DAY_S * 20_000
    now = [midnight - 1]
    quotas = (quota("money"), quota("money", period="month"))
    meters = MetersHere()
    one, two = (CallMeter(quotas, meters, lambda: now[0]) for _ in range(2))
    for at in (midnight - 1, midnight + 1, midnight - 1):
        now[0] = at
        one.look(0.0, 0, Decimal(0), HALF)
        two.look(0.0, 0, Decimal(0), HALF)
    for call in (one, two):
        call.look(0.0, 0)

    for at in (midnight - 1, midnight + 1):
        assert [0, 0] == [meters.used(each.held_key(at)) for each in quotas]


def test_nobody_comes_in_where_all_is_kept_aside():
    metering = Metering()
    quotas = (quota("money", allowed=1.0),)
    call = metering.new_meter(quotas)
    call.look(0.0, 0, Decimal("0.4"), Decimal("0.5"))
    assert metering.exceeded(quotas, Decimal("0.1")) is None
    assert "money_per_user_per_day" == metering.exceeded(quotas, Decimal("0.100001")).limit
    call.look(0.0, 0, Decimal(1))
    assert metering.exceeded(quotas).is_over
    assert call.telling() is None, "there is nobody to tell"


async def _nothing():
    pass


def test_others_are_told_at_once_of_more_and_later_of_less():
    told = []

    def tell(keys):
        told.append([key.unit for key in keys])
        return _nothing()

    call = CallMeter((quota("money"), quota("tokens")), MetersHere(), lambda: DAY_S, tell)
    for held, is_told in ((0, False), (2, True), (2, False), (1, False), (3, True)):
        call.look(0.0, 0, Decimal(0), Decimal(held))
        telling = call.telling()
        assert is_told == (telling is not None)
        if telling is not None:
            telling.close()
        assert call.telling() is None
    assert [["money", "money_held", "tokens"]] * 2 == told


def test_nobody_without_a_quota_is_metered():
    metering = Metering()
    assert metering.new_meter(()) is None
    assert metering.exceeded(()) is None
