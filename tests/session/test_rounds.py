"""Tests of tornado_app/session/rounds.py: which answers have called."""

import pytest

from tornado_app.session.rounds import Round, Rounds


def rounds(*names, **what):
    made = Rounds()
    for name in names:
        made.add(Round(name, None, **({"is_wanted": True} | what)))
    return made


def test_each_is_forgotten_by_itself():
    """The others stay; one that is not there is nothing to forget."""
    made = rounds("a", "b")
    gone = made.find("a")
    made.forget(gone)
    made.forget(gone)

    assert ([made.find("b")], True, None) == (made.complete, made.is_open, made.find("a"))
    made.forget(made.find("b"))
    assert ([], False) == (made.complete, made.is_open)


def test_those_that_wait_for_a_result_are_not_complete():
    """One call is enough."""
    made = rounds("a", "b")
    made.find("a").running.add("c1")

    assert [made.find("b")] == made.complete


@pytest.mark.parametrize(
    ("status", "goes_on"),
    [("completed", True), ("incomplete", True), ("failed", False), ("cancelled", False)],
)
def test_an_answer_that_did_not_end_well_is_followed_by_none(status, goes_on):
    """And stays so; one that has not called is followed by none anyway."""
    made = rounds("a", "b")
    assert goes_on == made.ended("a", status)
    assert goes_on == made.find("a").is_wanted
    assert made.find("b").is_wanted
    assert made.ended("x", "completed") is False


def test_somebody_waits_for_one_of_them():
    """Until the user has interrupted."""
    made = rounds("a", "b")
    made.find("a").is_wanted = False
    assert made.is_wanted
    made.interrupted()
    assert not made.is_wanted
    assert made.ended("b", "completed") is False


def test_all_are_forgotten_at_once():
    """They are given to whoever tells their clients."""
    made = rounds("a", "b")
    assert ["a", "b"] == [each.response_id for each in made.clear()]

    assert [] == made.clear()
