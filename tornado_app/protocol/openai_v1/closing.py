"""How endings are spelled: the API's codes where it has one, and its reasons, ``type.code``."""

from collections.abc import Mapping
from typing import Final

from tornado_app.errors import ErrorCode
from tornado_app.protocol import close as ours
from tornado_app.protocol.close import Close
from tornado_app.protocol.realtime.api_errors import api_error, refusing_close

_CAUSES: Final[Mapping[Close, ErrorCode]] = {
    ours.GOING_AWAY: "going_away",
    ours.INTERNAL: "internal",
    ours.SERVER_BUSY: "server_busy",
    ours.BAD_REQUEST: "invalid_message",
    ours.TOKEN_INVALID: "token_invalid",
    ours.TOKEN_REVOKED: "token_revoked",
    ours.TOKEN_EXPIRED: "token_expired",
    ours.FORBIDDEN: "permission_denied",
    ours.IDLE_TIMEOUT: "idle_timeout",
    ours.CONVERSATION_IDLE: "conversation_idle",
    ours.CALL_LIMIT: "call_limit",
    ours.ENDED_BY_OPERATOR: "ended_by_operator",
    ours.LIMIT_REACHED: "rate_limited",
    ours.QUOTA_EXCEEDED: "quota_exceeded",
    ours.UPSTREAM_FAILED: "upstream_unavailable",
}
_EXPIRED: Final = Close(1001, "invalid_request_error.session_expired")
"""The API's own, after its sixty minutes: clients begin a new session."""


def closing(close: Close) -> Close:
    if close == ours.SESSION_EXPIRED:
        return _EXPIRED
    cause = _CAUSES.get(close)
    return close if cause is None else refusing_close(api_error(cause, ""))
