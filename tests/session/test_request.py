"""Tests of tornado_app/session/request.py: one request, and the turns that wait."""

import pytest

from tornado_app.session.request import BUSY_MAX, RESPONSE_ID, Request, Turn, order_number


def sent(*turns):
    """A request that is under way for these turns."""
    request = Request()
    for turn in turns:
        request.want(turn)
    assert f"{RESPONSE_ID}_1" == request.next()
    request.sent()
    return request


def test_it_is_idle_until_a_turn_waits():
    """And again when what was asked for has been answered."""
    request = Request()
    assert (True, False) == (request.is_idle, request.waits)
    assert (None, False) == (request.ref, request.is_filler)
    request.want(Turn("a", "r"))
    assert (False, True) == (request.is_idle, request.waits)
    request.next()
    request.sent()
    assert (False, False) == (request.is_idle, request.waits)
    request.settle()

    assert request.is_idle


@pytest.mark.parametrize(
    ("turns", "is_for_results", "ref"),
    [
        ([Turn(None, "a", True)], True, "a"),
        ([Turn("t", "b")], False, "b"),
        ([Turn(None, "a", True), Turn("t", "b")], False, "b"),
        ([Turn("t", "b"), Turn(None, "a", True)], False, "a"),
    ],
)
def test_a_request_is_for_all_turns_and_bears_the_name_of_the_last(turns, is_for_results, ref):
    """It answers results alone only if none of them is the user's."""
    request = sent(*turns)

    assert (is_for_results, ref) == (request.is_for_results, request.ref)


@pytest.mark.parametrize(
    ("state", "was_stopped", "ref"),
    [("asked", False, "r"), ("stopped", True, "r"), ("none", False, None), ("busy", False, None)],
)
def test_an_answer_that_begins_is_to_what_was_asked(state, was_stopped, ref):
    """One that nobody has asked for bears no name of the client's."""
    request = sent(Turn("a", "r"))
    request.state = state

    assert was_stopped == request.begun()
    assert ("none", ref) == (request.state, request.ref)


def test_an_answer_that_begins_ends_the_row_of_busy_models():
    """Only one that is busy again and again is hopeless."""
    request = sent(Turn("a", "r"))
    for _ in range(BUSY_MAX):
        request.refused_as_busy(is_known=False)
        assert "busy" == request.state
        request.settle()
        request.next()
        request.sent()
    assert request.is_hopeless
    request.begun()

    assert not request.is_hopeless


def test_a_filler_is_for_no_turn():
    """It takes none along, is withdrawn alone, and a lost model owes nobody for it."""
    request = sent(Turn("a", "r"))
    request.settle()
    assert not request.awaits_filler
    assert f"{RESPONSE_ID}_2" == request.next_filler("r")
    assert not request.awaits_filler
    request.sent()
    assert (True, "r") == (request.awaits_filler, request.ref)
    assert (False, "r") == request.lost()

    request.next_filler("r")
    request.sent()
    request.want(Turn(None, "s", True))
    request.withdraw_filler()
    assert ("stopped", True, True) == (request.state, request.awaits_filler, request.waits)
    assert request.begun()
    request.next()
    assert (False, "s") == (request.is_filler, request.ref)


def test_a_turn_that_was_asked_for_is_withdrawn_by_no_filler():
    """There is none to withdraw."""
    request = sent(Turn("a", "r"))
    request.withdraw_filler()

    assert ("asked", (True, "r")) == (request.state, request.lost())


@pytest.mark.parametrize(
    ("event_id", "number"),
    [("x_7", 7), ("x_", 3), ("x_7a", 3), ("x_²", 3), ("y_7", 3), ("", 3), (None, 3)],
)
def test_the_number_of_an_order(event_id, number):
    """What is none of ours, or has no number, is about the last."""
    assert number == order_number(event_id, "x", 3)


@pytest.mark.parametrize(
    ("state", "after"),
    [("none", "none"), ("asked", "stopped"), ("stopped", "stopped"), ("busy", "none")],
)
def test_what_is_withdrawn_is_not_made_again(state, after):
    """What is under way is stopped when it begins."""
    request = sent(Turn("a", "r"))
    request.want(Turn("b", "s"))
    request.state = state
    request.withdraw()

    assert (after, False) == (request.state, request.waits)


@pytest.mark.parametrize(
    ("state", "is_owed"), [("none", False), ("asked", True), ("stopped", False), ("busy", True)]
)
def test_what_a_lost_model_owed(state, is_owed):
    """An answer to what was asked, unless nobody wants it any more; then nothing is under way."""
    request = sent(Turn("a", "r"))
    request.state = state
    assert (is_owed, "r") == request.lost()

    assert ("none", False) == (request.state, request.waits)


@pytest.mark.parametrize(
    ("state", "waiting", "gone", "after"),
    [
        ("asked", [], "a", "stopped"),
        ("asked", [], "b", "asked"),
        ("asked", ["b"], "b", "asked"),
        ("busy", ["a"], "a", "none"),
        ("busy", ["a", "b"], "a", "busy"),
        ("none", [], "a", "none"),
        ("stopped", [], "a", "stopped"),
    ],
)
def test_a_turn_that_is_none_is_taken_out(state, waiting, gone, after):
    """What was asked for it alone is stopped; what was to be made again for it is not."""
    request = Request() if state == "busy" else sent(Turn("a", "r"))
    for name in waiting:
        request.want(Turn(name, name))
    request.state = state
    request.withdraw_one(gone)

    assert (after, any(name != gone for name in waiting)) == (request.state, request.waits)


@pytest.mark.parametrize("forget", [Request.lost, Request.put_back])
def test_the_next_model_is_no_busier_than_the_first(forget):
    """What one was refused says nothing of another."""
    request = sent(Turn("a", "r"))
    for _ in range(2):
        for _ in range(BUSY_MAX - 1):
            request.refused_as_busy(is_known=False)
            request.settle()
            request.next()
            request.sent()
        assert not request.is_hopeless
        forget(request)
        request.want(Turn("a", "r"))
        request.next()
        request.sent()
