"""Tests of tornado_app/session/redialling.py: how soon a lost model is dialled again."""

import pytest

from tests.session.story import config
from tornado_app.protocol.endings import Failure, classify
from tornado_app.session.redialling import STABLE_S, WAIT_MAX_S, Redialling

RULES = config(reconnect_attempts=4, reconnect_initial_ms=200, reconnect_max_ms=1000).dialling


@pytest.mark.parametrize(("jitter", "first_s"), [(0.0, 0.1), (0.5, 0.15), (1.0, 0.2)])
def test_clients_that_lost_the_same_model_come_back_one_by_one(jitter, first_s):
    """After the whole of the pause, or half of it, or anything between."""
    assert first_s == pytest.approx(Redialling(RULES, lambda: jitter).next(None, None))


def test_each_pause_is_twice_the_one_before_up_to_the_longest():
    """And after so many attempts there is none."""
    redialling = Redialling(RULES, lambda: 1.0)

    assert [0.2, 0.4, 0.8, 1.0, None] == [redialling.next(None, None) for _ in range(5)]


def test_a_link_that_held_counts_from_one_again():
    """One that held less has the next pause in turn."""
    redialling = Redialling(RULES, lambda: 1.0)
    redialling.next(None, None)

    assert 0.4 == redialling.next(STABLE_S - 0.1, None)
    assert 0.2 == redialling.next(STABLE_S, None)
    assert 1 == redialling.attempt


def test_what_the_model_asks_for_comes_before_the_pause():
    """As far as a caller can wait."""
    redialling = Redialling(RULES, lambda: 1.0)

    assert WAIT_MAX_S + 0.2 == redialling.next(None, WAIT_MAX_S)
    assert redialling.next(None, WAIT_MAX_S + 0.1) is None


BROKEN = Failure("open", "reset")
BAD_KEY = Failure("dial", "handshake", 401)
BUSY = Failure("dial", "handshake", 503, retry_after_s=7.0)
OVER = Failure("open", "closed", close_reason="maximum duration")


@pytest.mark.parametrize(
    ("failure", "let_down", "is_kept", "wait_s"),
    [
        (BROKEN, None, True, 0.2),
        (BROKEN, None, False, 0.2),
        (BROKEN, "azure", True, 0.2),
        (BAD_KEY, None, True, None),
        (BAD_KEY, "azure", True, 0.0),
        (BUSY, None, True, 7.2),
        (BUSY, "azure", True, 0.0),
        (OVER, None, True, 0.2),
        (OVER, None, False, None),
    ],
)
def test_what_becomes_of_a_link(failure, let_down, is_kept, wait_s):
    """One that lets a call down is gone past at once; one that may not say more is the end."""
    redialling = Redialling(RULES, lambda: 1.0)
    ending = classify(failure, None)
    loss = redialling.judge(failure, ending, None, let_down=let_down, is_kept=is_kept)

    assert wait_s == loss.wait_s
    assert (1, let_down) == (loss.attempt, loss.let_down_by)
    assert (None if let_down else failure.retry_after_s) == loss.asked_s


def test_nobody_goes_past_one_for_ever():
    """Not when it is out; who is refused is refused by each of them once."""
    redialling = Redialling(RULES, lambda: 1.0)
    waits = [
        redialling.judge(BUSY, classify(BUSY, None), None, let_down="azure", is_kept=True).wait_s
        for _ in range(5)
    ]

    assert [0.0, 0.0, 0.0, 0.0, None] == waits


def test_who_has_another_link_begins_again():
    """Its next loss is a first one, however short the new link held."""
    redialling = Redialling(RULES, lambda: 1.0)
    redialling.next(None, None)
    redialling.succeeded()

    assert 0 == redialling.attempt
    assert 0.2 == redialling.next(STABLE_S - 0.1, None)
