"""How a refusal looks before and after the upgrade (docs/protocol.md, opening)."""

from tornado_app.errors import ErrorCode, Refused
from tornado_app.protocol.close import (
    BAD_REQUEST,
    FORBIDDEN,
    GOING_AWAY,
    LIMIT_REACHED,
    QUOTA_EXCEEDED,
    SERVER_BUSY,
    TOKEN_EXPIRED,
    TOKEN_INVALID,
    TOKEN_REVOKED,
    Close,
)

_OPENING: dict[ErrorCode, tuple[int, Close]] = {
    "token_missing": (401, TOKEN_INVALID),
    "token_invalid": (401, TOKEN_INVALID),
    "token_expired": (401, TOKEN_EXPIRED),
    "token_revoked": (401, TOKEN_REVOKED),
    "origin_denied": (403, FORBIDDEN),
    "permission_denied": (403, FORBIDDEN),
    "connection_limit": (429, LIMIT_REACHED),
    "rate_limited": (429, LIMIT_REACHED),
    "quota_exceeded": (429, QUOTA_EXCEEDED),
    "server_busy": (503, SERVER_BUSY),
    "going_away": (503, GOING_AWAY),
}

_WITH_A_BODY: dict[ErrorCode, int] = {"message_too_large": 413}
"""Beside what an opening may be refused for."""


def http_status(refused: Refused) -> int:
    """For a client that can read an HTTP answer."""
    status, _ = _OPENING.get(refused.code, (400, BAD_REQUEST))
    return _WITH_A_BODY.get(refused.code, status)


def close_for(refused: Refused) -> Close:
    """For a browser, which sees nothing of a refused upgrade."""
    return _OPENING.get(refused.code, (400, BAD_REQUEST))[1]
