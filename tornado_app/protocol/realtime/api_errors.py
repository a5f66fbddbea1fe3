"""How the API says that it refuses something: its types, its codes, its close frames.

https://platform.openai.com/docs/api-reference/realtime-server-events/error
"""

from dataclasses import dataclass
from typing import Any, Literal

from tornado_app.errors import ErrorCode, InvalidMessage, Ref, Refused
from tornado_app.protocol.close import Close

ErrorType = Literal["invalid_request_error", "insufficient_quota", "requests", "server_error"]


@dataclass(frozen=True, slots=True)
class ApiError:
    """One refusal, in the API's words."""

    type: ErrorType
    code: str
    message: str
    param: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """What stands in an `error`, by HTTP or in an event."""
        return {
            "type": self.type,
            "code": self.code,
            "message": self.message,
            "param": self.param,
        }

    @property
    def reason(self) -> str:
        """What the close frame says whose cause this is."""
        return f"{self.type}.{self.code}"


@dataclass(eq=False)
class ApiRefusal(InvalidMessage):
    """What is wrong with an event of a client, as the API says it."""

    word: str = "invalid_value"
    """Its ``code``."""


def refusal(word: str, sentence: str, param: str | None, ref: Ref | None = None) -> ApiRefusal:
    return ApiRefusal("invalid_message", sentence, param, word=word, ref=ref)


def missing(path: str, ref: Ref | None = None) -> ApiRefusal:
    sentence = f"Missing required parameter: '{path}'."
    return refusal("missing_required_parameter", sentence, path, ref)


def wrong_type(path: str, expected: str, ref: Ref | None = None) -> ApiRefusal:
    """*expected*: ``an object`` and the like."""
    return refusal("invalid_type", f"Invalid type for '{path}': expected {expected}.", path, ref)


def need(path: str, value: Any, expected: str, *types: type) -> None:
    """Whether it is of one of these types, as the API tells that from a value that may not be.

    Raises:
        ApiRefusal: If not.
    """
    if type(value) not in types:  # True is an int to isinstance
        raise wrong_type(path, expected)


def unknown(path: str) -> ApiRefusal:
    return refusal("unknown_parameter", f"Unknown parameter: '{path}'.", path)


_REQUEST: ErrorType = "invalid_request_error"
_SERVER: ErrorType = "server_error"

_WORDS: dict[ErrorCode, tuple[ErrorType, str]] = {
    "invalid_json": (_REQUEST, "invalid_json"),
    "invalid_message": (_REQUEST, "invalid_value"),
    "unknown_type": (_REQUEST, "invalid_value"),
    "invalid_audio": (_REQUEST, "invalid_value"),
    "unsupported_format": (_REQUEST, "invalid_value"),
    "message_too_large": (_REQUEST, "request_too_large"),
    "audio_buffer_empty": (_REQUEST, "input_audio_buffer_commit_empty"),
    "rate_limited": ("requests", "rate_limit_exceeded"),
    "audio_backlog": ("requests", "rate_limit_exceeded"),
    "connection_limit": ("requests", "rate_limit_exceeded"),
    "quota_exceeded": ("insufficient_quota", "insufficient_quota"),
    # The one word at which clients stop trying.
    "token_missing": (_REQUEST, "invalid_api_key"),
    "token_invalid": (_REQUEST, "invalid_api_key"),
    "token_expired": (_REQUEST, "invalid_api_key"),
    "token_revoked": (_REQUEST, "invalid_api_key"),
    "permission_denied": (_REQUEST, "permission_denied"),
    "origin_denied": (_REQUEST, "origin_denied"),
    "upstream_unavailable": (_SERVER, "server_error"),
    "upstream_rejected": (_SERVER, "upstream_rejected"),
    "upstream_timeout": (_SERVER, "server_error"),
    "session_expired": (_REQUEST, "session_expired"),
    "idle_timeout": (_REQUEST, "idle_timeout"),
    "conversation_idle": (_REQUEST, "conversation_idle"),
    "call_limit": (_REQUEST, "call_limit"),
    "ended_by_operator": (_REQUEST, "ended_by_operator"),
    "server_busy": (_SERVER, "server_busy"),
    "going_away": (_SERVER, "going_away"),
    "internal": (_SERVER, "server_error"),
}

_BY_PARAM: dict[str | None, str] = {
    "model": "invalid_model",
    "OpenAI-Beta": "beta_api_shape_disabled",
}
"""What of a request has a code of its own, whatever is wrong with it."""

# 3000 and 4000 are the API's own for these; 3003 is beside its 3000 in the registry of close codes
# (https://www.iana.org/assignments/websocket), and no client dials again after it.
_CLOSES: dict[str, int] = {
    "invalid_api_key": 3000,
    "origin_denied": 3003,
    "permission_denied": 3003,
    "going_away": 1012,
    "rate_limit_exceeded": 1013,
    "server_busy": 1013,
    "insufficient_quota": 1013,
    "server_error": 1011,
}


def api_error(code: ErrorCode, sentence: str, param: str | None = None) -> ApiError:
    """What the API would say where we say *code* and *sentence*, of a field or none."""
    kind, word = _WORDS[code]
    if kind == _REQUEST:
        word = _BY_PARAM.get(param, word)
    return ApiError(kind, word, sentence, param)


def said(refused: Refused) -> ApiError:
    """What the API would say in its place."""
    if isinstance(refused, ApiRefusal):
        return ApiError(_REQUEST, refused.word, refused.sentence, refused.field)
    return api_error(refused.code, refused.sentence, refused.field)


def refusing_close(error: ApiError) -> Close:
    """The close of somebody who may not come in for *error*."""
    return Close(_CLOSES.get(error.code, 4000), error.reason)
