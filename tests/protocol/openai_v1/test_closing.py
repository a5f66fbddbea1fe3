"""Tests of tornado_app/protocol/openai_v1/closing.py."""

import pytest

from tornado_app.protocol import close
from tornado_app.protocol.close import CLOSES, Close
from tornado_app.protocol.openai_v1.closing import closing


@pytest.mark.parametrize(
    ("ours", "spelled"),
    [
        (close.TOKEN_EXPIRED, Close(3000, "invalid_request_error.invalid_api_key")),
        (close.FORBIDDEN, Close(3003, "invalid_request_error.permission_denied")),
        (close.GOING_AWAY, Close(1012, "server_error.going_away")),
        (close.LIMIT_REACHED, Close(1013, "requests.rate_limit_exceeded")),
        (close.CALL_LIMIT, Close(4000, "invalid_request_error.call_limit")),
        (close.SESSION_EXPIRED, Close(1001, "invalid_request_error.session_expired")),
        (close.BYE, close.BYE),
        (close.MESSAGE_TOO_LARGE, close.MESSAGE_TOO_LARGE),
    ],
)
def test_an_ending_is_spelled_as_the_api_does(ours, spelled):
    """And as it is, where the WebSocket has a word of its own."""
    assert spelled == closing(ours)


@pytest.mark.parametrize("ours", CLOSES)
def test_no_client_of_the_api_meets_a_code_that_is_ours(ours):
    """But of a call that went on elsewhere, which a client of the API cannot have."""
    if ours != close.RESUMED_ELSEWHERE:
        assert closing(ours).code <= 4000
