"""The stand-ins of bench/warm_loop.py are all that a call asks for, which nobody else notices."""

import pytest

from bench.kept import KEPT, SteadyCall
from bench.warm_loop import Call, least_us


@pytest.mark.parametrize("step", ["chunk", "delta"])
def test_each_step_is_measured(step):
    """With metrics and without."""
    calls = [Call(has_metrics=False), Call(has_metrics=True)]

    assert all(us > 0 for us in least_us(calls, step, batches=2))


@pytest.mark.parametrize("kept", KEPT.values(), ids=KEPT)
def test_a_steady_call_goes_on(kept):
    """Whatever is kept of it."""
    steady = SteadyCall(20, kept)
    steady.speak(2.0)

    assert not steady.call.connection.ended
