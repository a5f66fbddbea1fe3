"""The words that stand in labels.  What is none of them is told as "other"."""

from typing import get_args

from tornado_app.errors import ERROR_CODES
from tornado_app.log_levels import LEVELS
from tornado_app.protocol.endings import FailureKind
from tornado_app.protocol.told import ResponseStatus
from tornado_app.session.events import ToolOutcome
from tornado_app.session.token_types import TOKEN_TYPES as ALL_TOKEN_TYPES

HTTP_CAUSES = tuple(
    f"http_{status}"
    for status in (
        *(300, 301, 302, 307, 308),
        *(400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 425, 426, 429),
        *(500, 502, 503, 504, 529),
    )
)
MODEL_CODES = (
    "rate_limit_exceeded",
    "insufficient_quota",
    "billing_hard_limit_reached",
    "invalid_api_key",
    "authentication_error",
    "permission_error",
    "account_deactivated",
    "model_not_found",
    "invalid_request_error",
    "invalid_value",
    "missing_required_parameter",
    "unknown_parameter",
    "server_error",
    "session_expired",
    "content_filter",
)
"""Of the API's own words for what is wrong, those that mean something to an operator."""
LINK_CAUSES = (
    *get_args(FailureKind),
    *HTTP_CAUSES,
    *MODEL_CODES,
    "bad_session",
)
CALL_CAUSES = (
    *("client_gone", "client_silent", "client_slow_queue_full", "client_slow_write_timeout"),
    *("too_many_errors", "too_many_pings", "too_many_fragments"),
    *("fault", "token_expired", "token_revoked", "drained", "server_stopped", "begun_anew"),
    *("call_limit", "conversation_idle", "quota_exceeded", "ended_by_operator"),
    *LINK_CAUSES,
)
SHARED_CAUSES = ("timeout", "unreachable", "read_only", "refused", "error")
CODES = ERROR_CODES
TOKEN_TYPES = ALL_TOKEN_TYPES
STATUSES = get_args(ResponseStatus)
OUTCOMES = get_args(ToolOutcome)
EVENTS = tuple(LEVELS)
USAGE_SETTINGS = ("usage.database", "usage.postgres_url", "usage.lines_file")
THREADS = ("loop", "audio", "link", "tool", "recording", "usage", "traces", "keys", "other")
