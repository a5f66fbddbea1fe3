"""What a client is told when it asks for something it cannot have."""

from dataclasses import dataclass
from typing import Any

SESSION_EXPIRED = "Your session hit the maximum duration of 60 minutes"


class Refused(Exception):
    """A client event that is answered with an `error` event; the session lives on."""

    def __init__(
        self,
        code: str | None,
        message: str,
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.param = param
        self.kind = kind

    def wire(self, event_id: str | None = None) -> dict[str, Any]:
        """The inner object of the `error` event; *event_id* is the client's own."""
        return {
            "type": self.kind,
            "code": self.code,
            "message": self.message,
            "param": self.param,
            "event_id": event_id,
        }


def invalid(path: str, message: str) -> Refused:
    return Refused("invalid_value", f"Invalid value for '{path}': {message}.", path)


_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def wrong_type(path: str, expected: str, wanted: Any) -> Refused:
    """*expected*: ``an object`` and the like."""
    got = _NAMES[type(wanted)]
    message = f"Invalid type for '{path}': expected {expected}, but got {got} instead."
    return Refused("invalid_type", message, path)


def missing(path: str) -> Refused:
    return Refused("missing_required_parameter", f"Missing required parameter: '{path}'.", path)


def server_error(session_id: str) -> Refused:
    message = f"The server had an error while processing your request (session {session_id})."
    return Refused("server_error", message, kind="server_error")


@dataclass(frozen=True, slots=True)
class Fatal:
    """A handshake that fails in-band: one `error` event, then this close."""

    refused: Refused
    close_code: int

    @property
    def close_reason(self) -> str:
        return f"{self.refused.kind}.{self.refused.code}"
