"""What it means that the way to the model broke: try again, or tell the client why not.

The number of a close code is not enough: 1013 may mean "no credit left" and 1001 the limit of
60 minutes, so the reason text and the error before it decide first
(https://platform.openai.com/docs/guides/realtime-conversations, session limits).
"""

import math
from dataclasses import dataclass
from typing import Literal

from tornado_app.errors import ErrorCode, Refused
from tornado_app.protocol.close import SESSION_EXPIRED, UPSTREAM_FAILED, Close
from tornado_app.protocol.realtime.events import ErrorFacts
from tornado_app.protocol.waits import named_wait_s

FailureKind = Literal[
    "refused",
    "timeout",
    "handshake",
    "closed",
    "reset",
    "protocol",
    "stalled",
    "outbox_full",
    "rejected",
    "out",
    "ended",
]
"""*rejected*: a request of ours, for the reason in `Failure.detail`, or a call by every upstream
there is; *out*: no upstream may be dialled now."""


@dataclass(frozen=True, slots=True)
class Failure:
    """How one upstream link ended."""

    stage: Literal["dial", "open"]
    kind: FailureKind
    http_status: int | None = None
    close_code: int | None = None
    """None if the peer sent no close frame; 1005 if it sent one without a code."""
    close_reason: str = ""
    """The peer's own words, at most 123 bytes of them: to classify, not to repeat."""
    detail: str = ""
    """One of our own words, or the name of an exception."""
    retry_after_s: float | None = None
    """How long the peer asked to be left alone, if it did."""


@dataclass(frozen=True, slots=True)
class Ending:
    """The verdict on a `Failure`."""

    code: ErrorCode
    sentence: str
    retry: bool
    close: Close
    cause: str
    """A word for the log."""
    retry_after_s: float | None = None
    is_told: bool = False
    """The client knows already."""

    @property
    def refused(self) -> Refused:
        """What the client is told."""
        return Refused(self.code, self.sentence, retry_after_ms=_ms(self.retry_after_s))


REJECTED = "The model refused this session. Retrying will not help; tell whoever runs this server."
EXPIRED = "The model ended the session at its maximum duration. Reconnect for a new one."
UNAVAILABLE = "The model could not be reached."
TIMED_OUT = "The model did not answer in time."

RATE_LIMIT = "rate_limit_exceeded"
_RATE_LIMITS = frozenset({RATE_LIMIT, "429"})
"""Azure has the number of HTTP for a code."""
_FATAL_TYPES = ("insufficient_quota", "invalid_request_error", "authentication_error")
_PERSON_NEEDED = {
    "insufficient_quota", "billing_hard_limit_reached", "authentication_error", "permission_error",
    "invalid_api_key", "account_deactivated", "model_not_found",
}  # fmt: skip
_FATAL_CODES = (3000, 4000, 4001, 4003, 4004)
_FATAL_STATUSES = (300, 499)
_RETRY_STATUSES = (408, 409, 425, 429)


def classify(failure: Failure, last_error: ErrorFacts | None) -> Ending:
    """Judge one ended link.  *last_error* is the error event that came just before, if any."""
    kind = (last_error.type or "") if last_error else ""
    code = (last_error.code or "") if last_error else ""
    reason = failure.close_reason
    if code == "session_expired" or "maximum duration" in reason:
        return Ending("session_expired", EXPIRED, True, SESSION_EXPIRED, "session_expired")
    if failure.kind == "rejected":
        return _rejected_by_name(failure)
    if failure.kind == "closed" and _is_fatal_close(failure, kind):
        return _rejected(safe_word(reason.rpartition(".")[2]) or safe_word(code) or "refused")
    if failure.http_status is not None and _is_fatal_status(failure.http_status):
        return _rejected(f"http_{failure.http_status}")
    if failure.kind in {"timeout", "stalled", "outbox_full"}:
        return Ending("upstream_timeout", TIMED_OUT, True, UPSTREAM_FAILED, failure.kind)
    wait_s = failure.retry_after_s
    if wait_s is None and last_error and is_rate_limit(last_error):
        wait_s = named_wait_s(last_error.message or "")
    return Ending("upstream_unavailable", UNAVAILABLE, True, UPSTREAM_FAILED, failure.kind, wait_s)


def unfulfilled(error: ErrorFacts, sentence: str) -> Refused:
    """What the client is told of one request the model did not fulfil, while the session goes on.

    *sentence* says it, as the model's own may hold what is not for a client.
    """
    if is_rate_limit(error):
        wait_ms = _ms(named_wait_s(error.message or ""))
        return Refused("rate_limited", sentence, retry_after_ms=wait_ms)
    code: ErrorCode = "upstream_rejected"
    if error.type == "server_error":
        code = "upstream_unavailable"
    return Refused(code, sentence)


def is_rate_limit(error: ErrorFacts) -> bool:
    """Whether the model answers again after a while."""
    return not _RATE_LIMITS.isdisjoint({error.type, error.code})


def needs_a_person(kind: str, code: str) -> bool:
    """Whether an error of the model will be there for every call until somebody acts.

    *kind* and *code* are those of the error; either may be empty.
    """
    return not _PERSON_NEEDED.isdisjoint({kind, code})


def safe_word(text: str) -> str:
    """*text* if it is a plain identifier, else nothing: free text may hold a key."""
    plain = text.replace("_", "").replace("-", "")
    return text if plain.isalnum() and plain.isascii() and len(text) <= 64 else ""


def _is_fatal_close(failure: Failure, error_type: str) -> bool:
    if failure.close_code in _FATAL_CODES:
        return True
    if failure.close_reason:
        return failure.close_reason.startswith(_FATAL_TYPES)
    return failure.close_code == 1013 and error_type in _FATAL_TYPES


def _is_fatal_status(status: int) -> bool:
    low, high = _FATAL_STATUSES
    return low <= status <= high and status not in _RETRY_STATUSES


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else math.ceil(seconds * 1000)


def _rejected_by_name(failure: Failure) -> Ending:
    """For good, unless it has a time."""
    cause, wait_s = safe_word(failure.detail) or "refused", failure.retry_after_s
    if wait_s is None:
        return _rejected(cause)
    return Ending("upstream_unavailable", UNAVAILABLE, True, UPSTREAM_FAILED, cause, wait_s)


def _rejected(cause: str) -> Ending:
    return Ending("upstream_rejected", REJECTED, False, UPSTREAM_FAILED, cause)
