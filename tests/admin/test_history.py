"""What a history makes of counters that are looked at now and then."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admin.history import KINDS_KEPT, OTHER, Counted, History, Wrong, fold

LOST = Wrong("log", "upstream_lost", "warning")
REFUSED = Wrong("refused", "token_expired")
TOLD = Wrong("told", "unknown_type")
NOON = 1_800_000_000.0


def test_what_there_was_before_is_not_told():
    """A process that is asked for the first time has no history."""
    history = History(NOON, Counted(opened=7, wrong={LOST: 3}))
    history.note(NOON + 10, Counted(opened=9, wrong={LOST: 3}))

    assert [2] == [step["opened"] for step in history.figures("hour", NOON + 10)]
    assert [] == history.wrong(NOON + 10)


def test_a_step_has_what_was_counted_in_it():
    """The most calls at once, the mean of all waits, money to the last digit."""
    history = History(NOON, Counted())
    history.note(NOON + 10, Counted(calls=3, waits=1, wait_s=0.4, cost=Decimal("0.1")))
    history.note(NOON + 20, Counted(calls=1, waits=3, wait_s=1.5, slow=1, cost=Decimal("0.3")))
    history.note(NOON + 70, Counted(waits=3, wait_s=1.5, slow=1, cost=Decimal("0.3")))
    first, second = history.figures("hour", NOON + 70)

    assert (3, 3, 500.0, 1, "0.3") == tuple(
        first[name] for name in ("calls", "waits", "wait_ms", "slow", "cost")
    )
    assert (0, 0, None, 0) == tuple(second[name] for name in ("calls", "waits", "wait_ms", "slow"))


def test_what_went_wrong_is_told_by_kind_and_time():
    """What was last comes first; what is older than a day is gone."""
    history = History(NOON, Counted())
    history.note(NOON + 5, Counted(wrong={REFUSED: 2}))
    history.note(NOON + 3600, Counted(wrong={REFUSED: 2, LOST: 1, TOLD: 4}))
    history.note(NOON + 7200, Counted(wrong={REFUSED: 3, LOST: 1, TOLD: 4}))

    told = history.wrong(NOON + 7200)
    assert [("token_expired", 3), ("upstream_lost", 1), ("unknown_type", 4)] == [
        (each["name"], each["count"]) for each in told
    ]
    assert [2, 1] == [time["count"] for time in told[0]["times"]]
    assert int(NOON + 7200) * 1000 == told[0]["last_at"]
    assert [2, 1, 1] == [step["wrong"] for step in history.figures("day", NOON + 7200)]
    assert ["token_expired"] == [each["name"] for each in history.wrong(NOON + 86_400 + 4500)]
    assert [] == history.wrong(NOON + 2 * 86_400)


def test_a_clock_that_is_set_back_leaves_what_went_wrong():
    """Whatever was asked while it was wrong."""
    history = History(NOON, Counted())
    history.note(NOON + 5, Counted(wrong={LOST: 1}))
    assert [] == history.wrong(NOON + 3 * 86_400)

    assert [("upstream_lost", int(NOON + 5) * 1000)] == [
        (each["name"], each["last_at"]) for each in history.wrong(NOON + 10)
    ]


def test_there_are_no_more_kinds_than_that():
    """What is beyond them counts together."""
    folded = fold({Wrong("log", str(number), "error"): 1 for number in range(KINDS_KEPT + 5)})

    assert KINDS_KEPT + 1 == len(folded)
    assert 5 == folded[Wrong("log", OTHER, "error")]


@given(st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 5)), max_size=40))
def test_nothing_is_counted_twice_or_lost_within_the_span(looks):
    """Whenever it is looked at; of the day and of the hour, which is bounded."""
    now, opened = NOON, 0
    history = History(now, Counted())
    noted = []
    for later_s, more in looks:
        now, opened = now + later_s, opened + more
        history.note(now, Counted(opened=opened))
        noted.append((now, more))
    for span, step_s, count in (("hour", 60, 60), ("day", 900, 96)):
        told = history.figures(span, now)
        kept = [n for at, n in noted if at // step_s * step_s > now - step_s * count]
        assert sum(kept) == sum(step["opened"] for step in told)
        assert len(told) <= count
