"""The pings of a link, by their payloads and the clock."""

from tornado_app.upstream.pings import Pings


def test_the_first_is_due_at_once_and_the_next_an_interval_behind_each():
    """The interval may be another by then: a spare link is handed over with its dial."""
    pings = Pings()
    assert pings.due_at <= 0.0
    pings.next(100.0, 20.0)
    assert 120.0 == pings.due_at
    pings.next(121.0, 5.0)
    assert 126.0 == pings.due_at


def test_a_pong_tells_how_long_the_newest_took():
    """One of an earlier ping, or of none of ours, tells nothing."""
    pings = Pings()
    first = pings.next(100.0, 20.0)
    second = pings.next(120.0, 20.0)

    assert pings.answered(first, 120.25) is None
    assert pings.answered(b"hello", 120.25) is None
    assert 500.0 == pings.answered(second, 120.5)


def test_one_waits_from_the_first_that_was_not_answered():
    """And none does, when the newest is."""
    pings = Pings()
    assert 0.0 == pings.unanswered_s(99.0)
    pings.next(100.0, 20.0)
    newest = pings.next(120.0, 20.0)
    assert 25.0 == pings.unanswered_s(125.0)

    pings.answered(newest, 125.0)
    assert 0.0 == pings.unanswered_s(126.0)
    pings.next(140.0, 20.0)
    assert 1.0 == pings.unanswered_s(141.0)
