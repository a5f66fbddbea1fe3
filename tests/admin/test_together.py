"""What several processes tell, as one answer: tornado_app/admin/together.py."""

from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admin import together
from tornado_app.admin.calls import Mark


def page(calls, after, count):
    """As one process answers."""
    marks = sorted(mark for mark in calls if after is None or mark > after)
    shown = [{"opened_at": mark.opened_at, "session_id": mark.session_id} for mark in marks[:count]]
    return {"calls": shown, "next": str(marks[count - 1]) if len(marks) > count else None}


MARKS = st.builds(Mark, st.integers(0, 5), st.text("abc", min_size=1, max_size=2))


@given(st.sets(MARKS), st.integers(1, 4), st.integers(1, 5), st.randoms())
def test_pages_of_several_processes_have_each_call_once(marks, processes, count, chance):
    """In order, wherever it is, and however few there are on a page."""
    split = [set() for _ in range(processes)]
    for mark in marks:
        chance.choice(split).add(mark)
    found, after = [], None
    while True:
        told = together.calls([page(calls, after, count) for calls in split], count)
        assert len(told["calls"]) <= count
        found += [Mark(call["opened_at"], call["session_id"]) for call in told["calls"]]
        if told["next"] is None:
            break
        after = Mark.read(told["next"])
    assert sorted(marks) == found


def limit(name, used, allowed=10, **more):
    return {"limit": name, "used": used, "allowed": allowed, **more}


def test_limits_are_those_of_all():
    """Calls are counted together, memory is of each."""
    pages = [{"limits": [limit("connections", used), limit("process_bytes", 3)]} for used in (4, 5)]
    told = together.limits(pages)["limits"]
    assert [limit("connections", 5), limit("process_bytes", 6, 20)] == told


def test_quotas_are_added_up_where_each_counts_for_itself():
    """With Redis each knows all; the bound is that of each."""

    def told(used):
        quotas = [limit("tokens_per_user_per_day", used, reset_at=7)]
        return {"owner": "user", "name": "a", "limits": [limit("c", 1)], "quotas": quotas}

    alone = together.owner([told(4), told(5)], are_shared=False)
    shared = together.owner([told(9), told(8)], are_shared=True)
    assert told(9) == alone == shared


def test_figures_are_added_up_and_means_weighed():
    """By those who have waited; steps that one has not are the other's."""

    def step(at, waits, wait_ms, cost, most=3):
        return {
            "at": at,
            "calls": 1,
            "calls_together": most,
            "waits": waits,
            "wait_ms": wait_ms,
            "cost": cost,
        }

    def wrong(name, count, at):
        times = [{"at": at, "count": count}]
        kind = {"of": "log", "name": name, "level": "error"}
        return {**kind, "count": count, "last_at": at, "times": times}

    one = {"began_at": 1, "at": 9, "step_s": 60, "steps": [step(5, 3, 100.0, "0.1")]}
    other = {"began_at": 2, "at": 8, "step_s": 60}
    other["steps"] = [step(4, 0, None, "0"), step(5, 1, 200.0, "0.2", 4)]
    one["wrong"], other["wrong"] = [wrong("a", 1, 5)], [wrong("b", 1, 6), wrong("a", 2, 5)]
    told = together.figures([one, other])
    assert (2, 9) == (told["began_at"], told["at"])
    assert [0, 4] == [each["waits"] for each in told["steps"]]
    assert [None, 125.0] == [each["wait_ms"] for each in told["steps"]]
    assert [3, 4] == [each["calls"] for each in told["steps"]], "not the most of each, added up"
    assert ["0", "0.3"] == [each["cost"] for each in told["steps"]]
    assert [("b", 1), ("a", 3)] == [(each["name"], each["count"]) for each in told["wrong"]]
    assert [{"at": 5, "count": 3}] == told["wrong"][1]["times"]


def test_of_a_reload_is_told_what_became_of_all():
    good = {"changed": ["limits.connections"], "waiting": []}
    bad = {"error": "Nothing has changed.", "problems": ["a: must be a number"]}
    assert (200, good) == together.reloaded([(200, good), (200, good)])
    assert (409, bad) == together.reloaded([(409, bad), (409, bad)])
    status, told = together.reloaded([(409, bad), (200, good)])
    assert (409, bad["problems"]) == (status, told["problems"])
    assert told["error"].startswith("Only some")
    assert (503, {"error": "x"}) == together.reloaded([(200, good), (503, {"error": "x"})])
