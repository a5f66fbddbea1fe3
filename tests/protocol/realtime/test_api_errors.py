"""Tests of tornado_app/protocol/realtime/api_errors.py."""

import pytest

from tornado_app.errors import ERROR_CODES, RETRYABLE, Refused
from tornado_app.protocol.realtime.api_errors import api_error, refusal, refusing_close, said

AFTER_WHICH_CLIENTS_DIAL_AGAIN = {1001, 1005, 1006, 1011, 1012, 1013, 1015}
"""The official libraries' own list."""


@pytest.mark.parametrize("code", ERROR_CODES)
def test_every_refusal_has_words_of_the_api(code):
    """A type, a code, and a close whose reason is both and fits into a frame."""
    error = api_error(code, "No.", "session.voice")
    close = refusing_close(error)

    assert {"type", "code", "message", "param"} == set(error.fields)
    assert f"{error.type}.{error.code}" == close.reason
    assert len(close.reason.encode()) <= 123
    assert ("No.", "session.voice") == (error.message, error.param)


@pytest.mark.parametrize("code", ERROR_CODES)
def test_clients_dial_again_only_where_that_may_help(code):
    """What we call final is no close code at which the official libraries try again."""
    dials_again = refusing_close(api_error(code, "No.")).code in AFTER_WHICH_CLIENTS_DIAL_AGAIN

    if dials_again:
        assert code in RETRYABLE or code == "quota_exceeded"  # as the API itself


@pytest.mark.parametrize(
    ("code", "param", "word", "close"),
    [
        ("token_missing", None, "invalid_api_key", 3000),
        ("token_invalid", None, "invalid_api_key", 3000),
        ("token_expired", None, "invalid_api_key", 3000),
        ("token_revoked", None, "invalid_api_key", 3000),
        ("invalid_message", "model", "invalid_model", 4000),
        ("permission_denied", "model", "invalid_model", 4000),
        ("permission_denied", "voice", "permission_denied", 3003),
        ("invalid_message", "OpenAI-Beta", "beta_api_shape_disabled", 4000),
        ("invalid_message", "input_rate", "invalid_value", 4000),
        ("origin_denied", None, "origin_denied", 3003),
        ("connection_limit", None, "rate_limit_exceeded", 1013),
        ("server_busy", None, "server_busy", 1013),
        ("going_away", None, "going_away", 1012),
        ("internal", "model", "server_error", 1011),
    ],
)
def test_what_clients_know_by_name(code, param, word, close):
    """The codes that the official libraries know, and where the API has none, one that says it."""
    error = api_error(code, "No.", param)

    assert (word, close) == (error.code, refusing_close(error).code)


def test_a_refusal_that_has_words_of_the_api_keeps_them():
    """Another is given those of its code."""
    own = said(refusal("unknown_parameter", "No.", "session.x"))
    assert ("invalid_request_error", "unknown_parameter") == (own.type, own.code)
    assert ("No.", "session.x") == (own.message, own.param)

    other = said(Refused("server_busy", "No.", "x"))
    assert ("server_error", "server_busy") == (other.type, other.code)
    assert ("No.", "x") == (other.message, other.param)
