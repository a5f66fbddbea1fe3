"""Rates: tornado_app/admission/limits.py."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.limits import HAIR_S, Bucket


class TestBucket:
    def test_burst_then_rate(self):
        """A whole burst passes at once, and then one for each 1/rate seconds."""
        bucket = Bucket(rate_per_s=10, burst=3)

        assert [pytest.approx(bucket.take(5.0)) for _ in range(4)] == [0.0, 0.0, 0.0, 0.1]
        assert bucket.take(5.1) == 0.0
        assert bucket.take(5.1) > 0.0

    def test_refusal_takes_nothing(self):
        """Asking too early costs nothing, however often."""
        bucket = Bucket(rate_per_s=1, burst=1)
        bucket.take(0.0)

        assert [bucket.take(0.0) for _ in range(5)] == [1.0] * 5
        assert bucket.take(1.0) == 0.0

    def test_idle_time_saves_up_no_more_than_the_burst(self):
        """After an hour of silence there is one burst, no more."""
        bucket = Bucket(rate_per_s=100, burst=2)
        bucket.take(0.0)

        assert [bucket.take(3600.0), bucket.take(3600.0)] == [0.0, 0.0]
        assert bucket.take(3600.0) > 0.0

    def test_more_than_the_burst_never_passes(self):
        """A weight that can never be there is infinitely far away, even from a full bucket."""
        assert math.inf == Bucket(rate_per_s=1, burst=2).take(0.0, n=3)

    def test_clock_that_steps_back_gives_nothing(self):
        """Time that runs backwards neither refills nor breaks a bucket."""
        bucket = Bucket(rate_per_s=1, burst=1)
        bucket.take(100.0)

        assert bucket.take(50.0) > 0.0
        assert bucket.take(101.0) == 0.0

    def test_to_the_hair(self):
        """Whoever comes as early as rounding makes it is let in, and nobody who comes earlier."""
        bucket = Bucket(rate_per_s=1, burst=1)
        bucket.take(0.0)

        assert bucket.take(1.0 - 2 * HAIR_S) > 0.0
        assert 0.0 == bucket.take(1.0 - HAIR_S / 2)

    def test_on_credit(self):
        """More than there is may be spent, and is owed until the rate has brought it in."""
        bucket = Bucket(rate_per_s=2, burst=10)

        assert [0.0, 1.0] == [bucket.spend(0.0, 10), bucket.spend(0.0, 2)]
        assert 12 == bucket.used(0.0)
        assert 0.0 == bucket.spend(1.0, 0)

    def test_used(self):
        """What is spent is told, and falls with time."""
        bucket = Bucket(rate_per_s=2, burst=10)
        bucket.take(0.0, n=4)

        assert [bucket.used(0.0), bucket.used(1.0), bucket.used(9.0)] == [4, 2, 0]

    @given(
        st.floats(0.01, 1000),
        st.integers(1, 100),
        st.lists(st.tuples(st.floats(0, 10), st.integers(1, 5)), max_size=50),
    )
    def test_waiting_as_told_is_enough_and_the_rate_holds(self, rate, burst, steps):
        """Whoever waits as long as told passes, and nobody passes more than burst + rate x time."""
        bucket, now, taken = Bucket(rate, burst), 0.0, 0
        for pause, n in steps:
            now += pause
            wait = bucket.take(now, n)
            if 0 < wait < math.inf:
                now += wait
                wait = bucket.take(now, n)

            assert wait == (0.0 if n <= burst else math.inf)
            taken += n if wait == 0.0 else 0
            assert taken <= burst + rate * now + 0.01
