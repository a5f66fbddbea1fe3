"""Deadlines by name."""

import math

from tornado_app.session.timers import Timers


def test_due_timers_come_in_order_and_once():
    """A later one stays."""
    timers = Timers()
    timers.set("b", 2.0)
    timers.set("a", 1.0)
    timers.set("c", 3.0)

    assert 1.0 == timers.earliest
    assert ["a", "b"] == timers.take_due(2.0)
    assert [] == timers.take_due(2.5)
    assert 3.0 == timers.earliest


def test_a_cleared_timer_never_comes():
    """Nor one that was never set."""
    timers = Timers()
    timers.set("a", 1.0)
    timers.clear("a")
    timers.clear("x")

    assert math.inf == timers.earliest
    assert [] == timers.take_due(9.0)
