"""When an issuer is asked: tornado_app/admission/issuers/schedule.py."""

import math

from tornado_app.admission.issuers.schedule import LONGEST_REST_S, REST_S, Schedule


def test_a_day():
    """At once, then in time, sooner while it fails, and at once again when somebody waits."""
    schedule = Schedule(300.0, 3600.0)
    assert (-math.inf, -math.inf) == (schedule.due_at, schedule.ends_at)

    schedule.ask(100.0)
    assert schedule.is_asking
    schedule.answered()
    assert not schedule.is_asking
    assert (400.0, 3700.0) == (schedule.due_at, schedule.ends_at)

    rests, now = [], 400.0
    for _ in range(8):
        schedule.ask(now)
        schedule.failed()
        rests.append(schedule.due_at - now)
        now = schedule.due_at
    assert [2.0, 4.0, 8.0, 16.0, 32.0, LONGEST_REST_S, LONGEST_REST_S, LONGEST_REST_S] == rests
    assert 3700.0 == schedule.ends_at

    schedule.is_wanted = True
    assert schedule.asked_at + REST_S == schedule.due_at
    schedule.ask(1000.0)
    schedule.answered()
    assert (1300.0, 4600.0, False) == (schedule.due_at, schedule.ends_at, schedule.is_wanted)


def test_a_day_that_never_ends():
    """Failures without end are no number without end."""
    schedule = Schedule(300.0, 3600.0, failures=5000)
    schedule.ask(100.0)
    schedule.failed()

    assert 100.0 + LONGEST_REST_S == schedule.due_at
