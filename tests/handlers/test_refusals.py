"""Tests of tornado_app/handlers/refusals.py."""

import pytest

from tornado_app.errors import ERROR_CODES, Refused
from tornado_app.handlers.refusals import close_for, http_status
from tornado_app.protocol.close import CLOSES


@pytest.mark.parametrize(
    ("code", "status", "close"),
    [
        ("token_missing", 401, 4401),
        ("token_invalid", 401, 4401),
        ("token_expired", 401, 4410),
        ("token_revoked", 401, 4401),
        ("origin_denied", 403, 4403),
        ("permission_denied", 403, 4403),
        ("connection_limit", 429, 4429),
        ("server_busy", 503, 1013),
        ("going_away", 503, 1001),
        ("invalid_message", 400, 4400),
        ("unsupported_format", 400, 4400),
    ],
)
def test_a_refusal_has_a_status_and_a_close_code(code, status, close):
    """docs/protocol.md, sections 1 and 5: the same refusal, for programs and for browsers."""
    refused = Refused(code, "No.")

    assert status == http_status(refused)
    assert close == close_for(refused).code


@pytest.mark.parametrize("code", ERROR_CODES)
def test_no_code_is_without_an_answer(code):
    """What nobody thought of is a bad request."""
    refused = Refused(code, "No.")

    assert http_status(refused) in {400, 401, 403, 413, 429, 503}
    assert close_for(refused) in CLOSES
