"""What one call costs, and when that is said: tornado_app/call_account.py."""

import asyncio
import contextlib
from decimal import Decimal
from types import SimpleNamespace

import pytest

from tests.session.story import config
from tests.usage.test_call_usage import PRICES, TOKENS
from tornado_app.admission.budget import Budget, ProcessBudget
from tornado_app.admission.quotas import PARTS, MetersHere, Quota
from tornado_app.call_account import CallAccount
from tornado_app.metering import CallMeter
from tornado_app.session import events
from tornado_app.session.machine import Session
from tornado_app.usage.call_usage import CallUsage

ANSWER = {
    "response_id": "r1",
    "status": "completed",
    "tokens": sum(TOKENS.values()),
    "tokens_by_type": TOKENS,
}
TODAY = 86_400.0
COST = Decimal("0.0012")
"""Of that: 100 of text and 50 of audio in, 30 of audio out."""


class Account:
    """That of a call which has the quotas of *units*."""

    def __init__(self, *units, tell=None, counts=True):
        self.fed, self.failed = [], 0
        self.config = config()
        self.session = Session(self.config, Budget(1 << 20, ProcessBudget(1 << 20, 1)), float)
        self.meters = MetersHere()
        self.quota = Quota("money", "user", "a", "day", 1.0)
        quotas = [Quota(unit, "user", "a", "day", 1.0) for unit in units]
        meter = CallMeter(quotas, self.meters, lambda: TODAY, tell) if quotas else None
        usage = CallUsage(self.config, self.session.totals, [].append, prices=PRICES)
        equipment = SimpleNamespace(loop=asyncio.get_running_loop(), clock=lambda: 1.0)
        self.account = CallAccount(
            self.session,
            meter,
            usage if counts else None,
            equipment,
            feed=self.fed.append,
            fail=self.fail,
        )

    def fail(self):
        self.failed += 1

    def answer(self):
        self.account.hear("response_done", ANSWER, 1.0)

    @property
    def kept_aside(self):
        return Decimal(self.meters.used(self.quota.held_key(TODAY))) / PARTS["money"]

    @property
    def used(self):
        """Of the first quota, as the session was told each time."""
        return [event.uses[0].used for event in self.fed if isinstance(event, events.Metered)]


class Others:
    """Other machines, which are told when they are let."""

    def __init__(self):
        self.told, self.may_hear = 0, asyncio.Event()

    async def __call__(self, _):
        self.told += 1
        await self.may_hear.wait()


async def turns():
    """What was called back is over."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.gen_test
async def test_money_is_counted_with_the_answer_that_cost_it():
    """Not a second later: others may have none left."""
    call = Account("money")
    call.answer()

    assert COST == Decimal(call.account.spent.amount)
    assert COST == Decimal(call.meters.used(call.quota.key(TODAY))) / PARTS["money"]
    assert [pytest.approx(float(COST + call.kept_aside))] == call.used
    assert call.kept_aside > COST, "of the next, the longest"


@pytest.mark.gen_test
@pytest.mark.parametrize("units", [(), ("tokens",)])
async def test_what_is_no_money_has_a_second(units):
    call = Account(*units)
    call.answer()

    assert [] == call.fed
    assert len(units) == len(call.account.settle())


@pytest.mark.gen_test
async def test_what_nobody_counts_costs_nothing():
    call = Account("money", counts=False)
    call.answer()

    assert [0.0] == call.used
    assert call.account.spent is None


@pytest.mark.gen_test
async def test_others_are_told_at_once_and_heard():
    """One at a time; what was kept aside elsewhere counts when it is known."""
    others = Others()
    call = Account("money", tell=lambda _: others(()))
    call.answer()
    call.answer()
    await turns()
    assert (1, 2) == (others.told, len(call.used))
    others.may_hear.set()
    await turns()

    assert 3 <= len(call.used)
    assert not call.failed


@pytest.mark.gen_test
async def test_a_fault_behind_what_others_told_ends_the_call():
    """It is in a callback of the loop, where nobody else would see it."""
    others = Others()
    call = Account("money", tell=lambda _: others(()))
    call.answer()
    call.account._session = None
    others.may_hear.set()
    await turns()

    assert 1 == call.failed


@pytest.mark.gen_test
async def test_a_call_that_is_over_keeps_nothing_aside_and_hears_nothing():
    others = Others()
    call = Account("money", tell=lambda _: others(()))
    call.answer()
    kept_aside = call.kept_aside
    call.session.abandon(2.0)
    call.account.end()
    told = len(call.fed)
    others.may_hear.set()
    await turns()

    assert kept_aside > call.kept_aside == 0
    assert told == len(call.fed)


@pytest.mark.gen_test
@pytest.mark.parametrize("counts", [True, False])
async def test_a_call_that_had_a_fault_in_its_end_keeps_nothing_aside(counts):
    """Whether or not its session can still say what was used."""
    call = Account("money")
    call.answer()
    assert call.kept_aside
    if not counts:
        call.account._session = None
    with contextlib.suppress(AttributeError):
        call.account.end()

    assert not call.kept_aside
