"""What a model's silence is worth: tornado_app/session/heard.py."""

import pytest

from tornado_app.session.heard import FAR_S, LATE_S, NEAR_MS, NEAR_S, STOPPED_S, Heard


def near() -> Heard:
    heard = Heard()
    heard.latency_ms = NEAR_MS
    heard.look(1.0, is_read=True, unanswered_s=0.0)
    return heard


def test_a_model_that_nobody_has_measured_may_be_far():
    assert FAR_S == Heard().finds_within_s(is_clear=True)


@pytest.mark.parametrize(
    ("latency_ms", "is_clear", "within_s"),
    [(NEAR_MS, True, NEAR_S), (NEAR_MS, False, FAR_S), (NEAR_MS + 1, True, FAR_S)],
)
def test_one_is_near_by_its_ping_and_while_nothing_is_on_its_way(latency_ms, is_clear, within_s):
    heard = near()
    heard.latency_ms = latency_ms

    assert within_s == heard.finds_within_s(is_clear=is_clear)


@pytest.mark.parametrize(
    ("after_s", "is_read", "unanswered_s", "is_heard"),
    [
        (1.0, True, 0.0, True),
        (1.0, True, float(NEAR_S), True),
        (1.0, True, NEAR_S + 0.01, False),
        (1.0, False, 0.0, False),
        (LATE_S - 0.01, True, 0.0, True),
        (LATE_S + 0.01, True, 0.0, False),
    ],
)
def test_its_silence_says_something_while_it_would_be_heard(
    after_s, is_read, unanswered_s, is_heard
):
    """It is read, answers pings, and this process has time to hear it."""
    heard = near()
    is_silent = heard.look(1.0 + after_s, is_read=is_read, unanswered_s=unanswered_s)

    assert is_heard == (heard.finds_within_s(is_clear=True) is not None)
    assert is_silent == (unanswered_s > NEAR_S)
    assert (0.0 if is_read else 1.0 + after_s) == heard.unheard_until


@pytest.mark.parametrize(
    ("after_s", "unheard_until"), [(STOPPED_S, 0.0), (STOPPED_S + 0.01, STOPPED_S + 1.01)]
)
def test_while_this_process_stood_still_it_was_not_heard(after_s, unheard_until):
    """What comes late in a busy one is not forgiven for that."""
    heard = near()
    heard.look(1.0 + after_s, is_read=True, unanswered_s=0.0)

    assert unheard_until == heard.unheard_until


def test_a_look_in_time_makes_up_for_one_that_was_late():
    heard = near()
    heard.look(9.0, is_read=True, unanswered_s=0.0)
    assert heard.finds_within_s(is_clear=True) is None

    heard.look(10.0, is_read=True, unanswered_s=0.0)
    assert NEAR_S == heard.finds_within_s(is_clear=True)


def test_the_next_model_is_another():
    heard = near()
    heard.look(2.0, is_read=False, unanswered_s=9.0)
    heard.forget()

    assert heard.latency_ms is None
    assert FAR_S == heard.finds_within_s(is_clear=True)
