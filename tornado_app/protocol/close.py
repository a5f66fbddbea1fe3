"""The one table of how a session can end (docs/protocol.md, close codes)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Close:
    """A WebSocket close: the code, and a constant reason well under 123 bytes (RFC 6455, 5.5)."""

    code: int
    reason: str


BYE: Final = Close(1000, "bye")
GOING_AWAY: Final = Close(1001, "going_away")
MESSAGE_TOO_LARGE: Final = Close(1009, "message_too_large")
INTERNAL: Final = Close(1011, "internal")
SERVER_BUSY: Final = Close(1013, "server_busy")
BAD_REQUEST: Final = Close(4400, "bad_request")
TOKEN_INVALID: Final = Close(4401, "token_invalid")
TOKEN_REVOKED: Final = Close(4401, "token_revoked")
FORBIDDEN: Final = Close(4403, "forbidden")
IDLE_TIMEOUT: Final = Close(4408, "idle_timeout")
CONVERSATION_IDLE: Final = Close(4408, "conversation_idle")
RESUMED_ELSEWHERE: Final = Close(4409, "resumed_elsewhere")
TOKEN_EXPIRED: Final = Close(4410, "token_expired")
CALL_LIMIT: Final = Close(4411, "call_limit")
ENDED_BY_OPERATOR: Final = Close(4412, "ended_by_operator")
LIMIT_REACHED: Final = Close(4429, "limit_reached")
QUOTA_EXCEEDED: Final = Close(4429, "quota_exceeded")
UPSTREAM_FAILED: Final = Close(4502, "upstream_failed")
SESSION_EXPIRED: Final = Close(4504, "session_expired")

CLOSES: Final = (
    BYE,
    GOING_AWAY,
    MESSAGE_TOO_LARGE,
    INTERNAL,
    SERVER_BUSY,
    BAD_REQUEST,
    TOKEN_INVALID,
    TOKEN_REVOKED,
    FORBIDDEN,
    IDLE_TIMEOUT,
    CONVERSATION_IDLE,
    RESUMED_ELSEWHERE,
    TOKEN_EXPIRED,
    CALL_LIMIT,
    ENDED_BY_OPERATOR,
    LIMIT_REACHED,
    QUOTA_EXCEEDED,
    UPSTREAM_FAILED,
    SESSION_EXPIRED,
)
