"""Tests of tornado_app/admission/claims.py: what stands where in a token."""

import pytest

from tornado_app.admission.claims import Caller, at, only_at, peek, with_one

CLAIMS = {"a": 1, "realm": {"roles": ["x"], "name": "r"}, "none": None}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("a",), 1),
        (("realm", "name"), "r"),
        (("realm", "other"), None),
        (("a", "b"), None),
        (("none",), None),
        ((), CLAIMS),
    ],
)
def test_a_claim_may_stand_in_another(path, value):
    """What is not there is None."""
    assert value == at(CLAIMS, path)


def test_one_claim_by_itself():
    """In its place."""
    assert {"a": 1} == with_one(("a",), 1)
    assert {"a": {"b": {"c": 1}}} == with_one(("a", "b", "c"), 1)


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ([], {}),
        ([("a",)], {"a": 1}),
        ([("realm", "name")], {"realm": {"name": "r"}}),
        ([("realm", "name"), ("realm",)], {"realm": {"roles": ["x"], "name": "r"}}),
        ([("none",), ("b",), ("a", "b"), ()], {}),
    ],
)
def test_what_is_lent_is_there_and_nothing_else(paths, found):
    """In the same places, and a thing of its own."""
    lent = only_at(CLAIMS, paths)
    assert found == lent
    if ("realm",) in paths:
        lent["realm"]["roles"].append("y")
    assert ["x"] == CLAIMS["realm"]["roles"]


def test_a_token_that_is_peeked_into_proves_nothing():
    """What is no object is None."""
    assert ({"a": 1}, {"b": 2}) == peek("eyJhIjoxfQ.eyJiIjoyfQ.AA")
    assert (None, {"b": 2}) == peek("W10.eyJiIjoyfQ.AA")
    assert (None, None) == peek("a.b.c")
    assert ({"abc": 1}, {"ab": 1}) == peek("eyJhYmMiOjF9.eyJhYiI6MX0.AA")
    assert (None, None) == peek("eyJhIjoxfQ.eyJiIjoyfQ")


@pytest.mark.parametrize(("until", "ends_at"), [(0.0, 10.0), (5.0, 10.0), (20.0, 20.0)])
def test_a_call_may_go_on_longer_than_its_token_opens_calls(until, ends_at):
    """And never ends earlier."""
    assert ends_at == Caller("alice", frozenset(), 10.0, None, call_until=until).call_ends_at
