"""To which answer an event belongs, and whether that is for the client."""

import pytest

from tornado_app.session.known_answers import OVER_KEPT, KnownAnswers


def known(*ended, running=None):
    """Those that *ended* by name, and one that runs."""
    answers = KnownAnswers()
    for name in ended:
        answers.begin(name, None, is_filler=False)
        answers.end()
    if running is not None:
        answers.begin(running, "ref", is_filler=False)
    return answers


def test_before_there_was_one_nothing_is_expected():
    answers = KnownAnswers()

    assert (None, False, False, False) == (
        answers.ref,
        answers.is_heard,
        answers.is_expected,
        answers.is_unwanted,
    )


def test_an_answer_runs_until_it_ends():
    answers = known(running="a")
    assert (True, "ref", {"a"}) == (answers.is_heard, answers.ref, answers.names)
    answers.end()

    assert (False, None, {"a"}) == (answers.is_heard, answers.ref, answers.names)
    assert (False, True) == (answers.runs("a"), answers.has_ended("a"))


@pytest.mark.parametrize(
    ("running", "name", "runs"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", "", True),
        ("", "a", False),
        ("", "", True),
        (None, "a", False),
        (None, "", False),
    ],
)
def test_what_bears_no_name_is_of_the_one_that_runs(running, name, runs):
    assert runs == known(running=running).runs(name)


@pytest.mark.parametrize(
    ("running", "name", "may"),
    [
        (None, "new", True),
        (None, "over", False),
        ("a", "new", True),
        ("a", "over", False),
        ("a", "", False),
        ("", "new", False),
    ],
)
def test_one_begins_that_is_known_to_be_another(running, name, may):
    """Of one that has no name it cannot be told."""
    assert may == known("over", running=running).may_begin(name)


def test_what_is_muted_stays_so_when_it_has_ended():
    answers = known("before", running="a")
    answers.running.is_muted = True
    assert [True, True, False, False] == [
        answers.has_muted(name) for name in ("a", "", "before", "other")
    ]
    assert {"before"} == answers.names
    answers.end()
    assert (True, {"before"}) == (answers.has_muted("a"), answers.names)

    answers.mute_ended()
    assert (True, set()) == (answers.has_muted("before"), answers.names)
    answers.forget_ended()
    assert (False, False) == (answers.has_muted("before"), answers.has_ended("a"))


@pytest.mark.parametrize(
    ("field", "value", "is_muted"),
    [("ref", "x", False), ("cancel", 1, True), ("is_told", True, True)],
)
def test_one_that_was_told_to_stop_is_not_heard_again(field, value, is_muted):
    answers = known("before", "other", running="a")
    answers.running.is_muted = True
    setattr(answers.running, field, value)
    answers.mute_ended()
    answers.unmute({"a", "before"})

    assert is_muted is answers.running.is_muted
    assert [False, True] == [answers.has_muted(name) for name in ("before", "other")]


def test_an_answer_that_is_not_named_stays_muted():
    answers = known(running="a")
    answers.running.is_muted = True
    answers.unmute({"b"})

    assert answers.running.is_muted
    assert not answers.has_ended("b")


def test_only_the_last_that_ended_are_known():
    answers = known(*(f"resp_{number}" for number in range(OVER_KEPT + 1)))

    assert [False, True] == [answers.has_ended(f"resp_{number}") for number in (0, 1)]
    assert OVER_KEPT == len(answers.names)
    answers.begin("", None, is_filler=True)
    answers.end()
    assert OVER_KEPT == len(answers.names)
