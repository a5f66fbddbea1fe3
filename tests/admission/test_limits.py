"""Rates and places: tornado_app/admission/limits.py."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.limits import Admission, Bucket, Refusal


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


class TestAdmission:
    def test_full_house(self):
        """Whoever comes to a full server is refused until somebody leaves."""
        admission = Admission(connections=2, connections_per_user=2)
        assert [admission.admit("a"), admission.admit("b")] == [None, None]

        assert Refusal("connections", "server_busy", used=2, allowed=2) == admission.admit("c")
        admission.release("a")
        assert admission.admit("c") is None

    def test_one_user_too_often(self):
        """A user has so many connections and no more, which is no one else's business."""
        admission = Admission(connections=10, connections_per_user=1)
        admission.admit("a")

        expected = Refusal("connections_per_user", "connection_limit", used=1, allowed=1)
        assert expected == admission.admit("a")
        assert admission.admit("b") is None

    @pytest.mark.parametrize(
        ("places", "places_of_one", "code", "sentence"),
        [
            (1, 9, "server_busy", "All 1 places are taken. Try again later."),
            (9, 1, "connection_limit", "You have 1 connections, and 1 are allowed."),
        ],
    )
    def test_a_refusal_says_which_bound_is_reached(self, places, places_of_one, code, sentence):
        """In words for whoever was refused, with the time after which to try again."""
        admission = Admission(places, places_of_one)
        admission.admit("a")

        refusal = admission.admit("a")
        assert refusal is not None
        refused = refusal.refused()
        assert (code, sentence) == (refused.code, refused.sentence)
        assert 5000 == refused.retry_after_ms

    def test_counts(self):
        """Refused connections are not counted, released ones no longer."""
        admission = Admission(connections=10, connections_per_user=2)
        for user in ("a", "a", "a", "b"):
            admission.admit(user)
        admission.release("b")

        assert (admission.used, admission.used_by("a"), admission.used_by("b")) == (2, 2, 0)

    def test_release_without_admission_is_a_mistake(self):
        """A connection that was never admitted cannot be released, not even twice the same."""
        admission = Admission(connections=1, connections_per_user=1)
        admission.admit("a")
        admission.release("a")

        with pytest.raises(KeyError):
            admission.release("a")
        assert admission.used == 0
