"""Tests of tornado_app/errors.py."""

import pytest

from tornado_app.errors import RETRYABLE, InvalidMessage, InvalidRequest, Refused


def test_a_refusal_says_its_sentence():
    """Code, sentence and field are what a client gets to see."""
    refused = Refused("rate_limited", "Slower.", "audio", 500)

    assert "Slower." == str(refused)
    assert ("rate_limited", "audio", 500) == (refused.code, refused.field, refused.retry_after_ms)


@pytest.mark.parametrize(
    ("code", "retryable"),
    [("server_busy", True), ("rate_limited", True), ("token_invalid", False)],
)
def test_a_refusal_knows_whether_to_try_again(code, retryable):
    """Limits pass; a wrong token stays wrong."""
    assert retryable == Refused(code, "No.").retryable
    assert (code in RETRYABLE) == retryable


@pytest.mark.parametrize("kind", [InvalidMessage, InvalidRequest])
def test_the_two_kinds_are_refusals(kind):
    """One `except Refused` catches both."""
    with pytest.raises(Refused):
        raise kind("invalid_message", "No.")


def test_two_refusals_are_two():
    """An exception is its own identity, whatever it says."""
    assert Refused("internal", "x") != Refused("internal", "x")
