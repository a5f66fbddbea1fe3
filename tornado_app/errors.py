"""What this server refuses on purpose, and how it says so.

Parley answers a mistake with one sentence and a code.  The tree is small, because a refusal
is a value more often than an exception:

    Refused            a client asked for something it cannot have
        InvalidMessage     one message of a running session was wrong; the session goes on
        InvalidRequest     the opening request was wrong; there is no session
"""

from dataclasses import dataclass
from typing import Literal, get_args

ErrorCode = Literal[
    "invalid_json",
    "invalid_message",
    "unknown_type",
    "invalid_audio",
    "unsupported_format",
    "message_too_large",
    "audio_buffer_empty",
    "rate_limited",
    "audio_backlog",
    "connection_limit",
    "quota_exceeded",
    "token_missing",
    "token_invalid",
    "token_expired",
    "token_revoked",
    "permission_denied",
    "origin_denied",
    "upstream_unavailable",
    "upstream_rejected",
    "upstream_timeout",
    "session_expired",
    "idle_timeout",
    "conversation_idle",
    "call_limit",
    "ended_by_operator",
    "server_busy",
    "going_away",
    "internal",
]
"""Every ``data.code`` of the protocol (docs/protocol.md, error codes)."""

Ref = str | int
"""What a client calls one of its messages."""

ERROR_CODES: tuple[ErrorCode, ...] = get_args(ErrorCode)

RETRYABLE: frozenset[ErrorCode] = frozenset(
    {
        "rate_limited",
        "audio_backlog",
        "connection_limit",
        "upstream_unavailable",
        "upstream_timeout",
        "session_expired",
        "idle_timeout",
        "server_busy",
        "going_away",
        "internal",
    }
)
"""Codes after which the same request, made later, may succeed."""


@dataclass(eq=False)
class Refused(Exception):
    """Something a client asked for and does not get.

    ``sentence`` says what was wrong and what is allowed; it is shown to the client, so it
    never holds a token, a key, an address of the upstream or another user's data.
    """

    code: ErrorCode
    sentence: str
    field: str | None = None
    retry_after_ms: int | None = None
    chunk: int | None = None
    """Which of the client's audio it is about, counted from 1."""
    detail: str | None = None
    """A word more for the log, which the client is not told."""

    def __str__(self) -> str:
        return self.sentence

    @property
    def retryable(self) -> bool:
        return self.code in RETRYABLE


@dataclass(eq=False)
class InvalidMessage(Refused):
    """One client message was wrong.  The session goes on."""

    ref: Ref | None = None
    is_audio: bool = False
    """It would have been audio, and counts as such."""


class InvalidRequest(Refused):
    """The opening request was wrong.  No session is made."""
