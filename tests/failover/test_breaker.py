"""Tests of tornado_app/failover/breaker.py: stories first, then whatever happens."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tornado_app.failover.breaker import PROBE_S, Breaker, BreakerRules
from tornado_app.protocol.endings import Ending, Failure, classify
from tornado_app.protocol.realtime.events import ErrorFacts

RULES = BreakerRules(failures=3, window_s=30.0, open_s=5.0, open_max_s=30.0)


def ending(kind: str = "refused", **facts: object) -> Ending:
    return classify(Failure("dial", kind, **facts), None)


REFUSED = ending()
WRONG_KEY = ending("handshake", http_status=401)
BUSY = ending("handshake", http_status=503)
LATER = ending("handshake", http_status=429, retry_after_s=20.0)
NO_QUOTA = classify(
    Failure("open", "closed", close_code=1013), ErrorFacts(type="insufficient_quota")
)


def opened(*endings: Ending, at: float = 100.0) -> Breaker:
    breaker = Breaker(RULES)
    for each in endings:
        breaker.bad(each, at)
    return breaker


@pytest.mark.parametrize(
    ("endings", "open_s"),
    [
        pytest.param([REFUSED] * 3, 5.0, id="refused three times"),
        pytest.param([BUSY, REFUSED, ending("timeout")], 5.0, id="different faults"),
        pytest.param([REFUSED] * 2, 0.0, id="refused twice"),
        pytest.param([WRONG_KEY], 30.0, id="a wrong key"),
        pytest.param([NO_QUOTA], 30.0, id="no quota"),
        pytest.param([LATER], 20.0, id="asked to be left alone"),
        pytest.param([WRONG_KEY, LATER], 30.0, id="the longer of two"),
        pytest.param([], 0.0, id="nothing"),
    ],
)
def test_for_how_long_it_opens(endings, open_s):
    """It depends on what is wrong, and not on a number."""
    breaker = opened(*endings)

    assert (open_s == 0) == breaker.is_closed
    if open_s:
        assert not breaker.is_due(100.0 + open_s - 0.001)
        assert breaker.is_due(100.0 + open_s)


def test_failures_that_are_far_apart():
    """Three in an hour are no reason."""
    breaker = Breaker(RULES)
    for hour in range(3):
        assert not breaker.bad(REFUSED, 31.0 * hour)

    assert breaker.is_closed


def test_a_success_between_failures():
    """It is there, and sometimes busy."""
    breaker = opened(BUSY, BUSY)
    assert not breaker.good()
    assert not breaker.bad(BUSY, 101.0)

    assert breaker.is_closed


def test_a_probe_that_fails():
    """Each makes the next wait twice as long, up to a bound."""
    breaker, now, waits = opened(*[REFUSED] * 3), 100.0, []
    for _ in range(5):
        waits.append(breaker.try_at - now)
        now = breaker.try_at
        breaker.begin_probe(now)
        assert not breaker.bad(REFUSED, now, is_probe=True)

    assert [5.0, 10.0, 20.0, 30.0, 30.0] == waits


def test_a_probe_that_succeeds():
    """All is forgotten."""
    breaker = opened(*[REFUSED] * 3)
    breaker.begin_probe(105.0)
    assert breaker.good()

    assert breaker.is_closed
    assert "" == breaker.cause
    assert not breaker.bad(REFUSED, 106.0)


def test_one_that_is_lost_again_after_a_probe_that_succeeded():
    """It is left alone as long as the first time, and then one may try."""
    breaker = Breaker(BreakerRules(failures=1, window_s=30.0, open_s=1.0, open_max_s=30.0))
    breaker.bad(REFUSED, 100.0)
    for now in (101.0, 102.0):
        breaker.begin_probe(now)
        breaker.bad(REFUSED, now, is_probe=True)
    breaker.begin_probe(106.0)
    assert breaker.good()
    assert breaker.bad(REFUSED, 107.0)

    assert 108.0 == breaker.try_at


def test_a_probe_keeps_others_off():
    """Until it has reported, or for half a minute."""
    breaker = opened(*[REFUSED] * 3)
    breaker.begin_probe(105.0)
    assert not breaker.is_due(105.0 + PROBE_S - 0.001)
    assert breaker.is_due(105.0 + PROBE_S)
    breaker.give_up()
    assert breaker.is_due(105.0)


def test_what_others_had_begun_before():
    """Their failures tell nothing new, and do not put off the probe."""
    breaker = opened(*[REFUSED] * 50)

    assert breaker.is_due(105.0)


def test_whose_fault_it_is():
    """For the log, and for whoever asks whether a person is needed."""
    assert ("http_401", True) == (opened(WRONG_KEY).cause, opened(WRONG_KEY).is_rejected)
    down = opened(*[REFUSED] * 3)
    assert ("refused", False) == (down.cause, down.is_rejected)


class AnyBreaker(RuleBasedStateMachine):
    """Whatever is reported, in whatever order."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Breaker(RULES)
        self.now = 0.0
        self.probing: float | None = None

    @rule(for_s=st.floats(0, 40))
    def wait(self, for_s):
        self.now += for_s
        if self.probing is not None and self.now >= self.probing + PROBE_S:
            self.probing = None

    @rule(what=st.sampled_from([REFUSED, WRONG_KEY, BUSY, LATER, NO_QUOTA]))
    def somebody_fails(self, what):
        was_closed = self.breaker.is_closed
        assert self.breaker.bad(what, self.now) == (was_closed and not self.breaker.is_closed)

    @rule()
    def somebody_is_taken(self):
        was_closed = self.breaker.is_closed
        assert self.breaker.good() == (not was_closed)
        self.probing = None

    @precondition(lambda self: self.breaker.is_due(self.now))
    @rule()
    def probe(self):
        assert self.probing is None, "two probes at once"
        self.breaker.begin_probe(self.now)
        self.probing = self.now

    @precondition(lambda self: self.probing is not None)
    @rule(what=st.sampled_from([REFUSED, WRONG_KEY, BUSY, LATER, None]))
    def probe_fails(self, what):
        self.probing = None
        if what is None:
            self.breaker.give_up()
        else:
            self.breaker.bad(what, self.now, is_probe=True)
            assert not self.breaker.is_due(self.now)

    @invariant()
    def it_opens_again(self):
        """No wait is longer than the longest that anybody asked for."""
        assert self.breaker.try_at <= self.now + PROBE_S
        assert self.breaker.is_closed == (self.breaker.try_at == -math.inf)
        assert self.breaker.is_closed == (self.breaker.cause == "")


TestAnyBreaker = AnyBreaker.TestCase


@given(st.lists(st.sampled_from([REFUSED, BUSY]), max_size=10))
def test_one_that_was_good_forgives(endings):
    """Nothing is left of what was before."""
    breaker = opened(*endings)
    breaker.good()

    assert breaker.is_closed
    assert not breaker.bad(REFUSED, 100.0)
