"""Tests of tornado_app/protocol/close.py."""

import dataclasses

import pytest

from tornado_app.client_side.frames import may_be_sent
from tornado_app.protocol import close
from tornado_app.protocol.close import CLOSES, Close

# docs/protocol.md, section 5.
TABLE = {
    1000: "bye",
    1001: "going_away",
    1009: "message_too_large",
    1011: "internal",
    1013: "server_busy",
    4400: "bad_request",
    4401: "token_invalid, token_revoked",
    4403: "forbidden",
    4408: "idle_timeout, conversation_idle",
    4409: "resumed_elsewhere",
    4410: "token_expired",
    4411: "call_limit",
    4412: "ended_by_operator",
    4429: "limit_reached, quota_exceeded",
    4502: "upstream_failed",
    4504: "session_expired",
}


@pytest.mark.parametrize("row", CLOSES, ids=lambda row: row.reason)
def test_a_close_is_a_row_of_the_protocol(row):
    """Its code may stand in a frame, its reason fits (RFC 6455, 5.5), and clients know both."""
    assert row.reason in TABLE[row.code].split(", ")
    assert may_be_sent(row.code)
    assert len(row.reason.encode()) <= 123


def test_every_row_is_in_the_table_once():
    """No constant of the module is left out, and none of the table's."""
    constants = [value for value in vars(close).values() if isinstance(value, Close)]

    assert constants == list(CLOSES)
    assert len(CLOSES) == len({row.reason for row in CLOSES})
    told = {(code, reason) for code, said in TABLE.items() for reason in said.split(", ")}
    assert {(row.code, row.reason) for row in CLOSES} == told


def test_a_row_cannot_be_changed():
    """It is shared by all sessions."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        close.BYE.code = 1001
