"""How what a client is told is spelled: the model's own words, and errors as the API has them.

https://platform.openai.com/docs/api-reference/realtime-server-events/error
"""

from typing import Any

import msgspec

from tornado_app.protocol import told
from tornado_app.protocol.realtime.api_errors import api_error

LISTENING_IN = "parley.listening_in"
"""The one event of our own: the API has none for it, and the caller has to know."""

_encoder = msgspec.json.Encoder()


def encode(message: told.ServerMessage, seq: int, _timestamp_ms: int) -> bytes:
    """One event as JSON text; empty, if the API has none for it.

    A client that is read more slowly has done nothing wrong, and there are some that end a call at
    any error: of `audio_backlog` nothing is said.
    """
    match message:
        case told.RelayedEvent(text):  # nearly always
            return text.encode()
        case told.ListeningIn(status):
            event = {"type": LISTENING_IN, "event_id": _event_id(seq), "status": status}
            return _encoder.encode(event)
        case told.RelayedError():
            fields = msgspec.to_builtins(message)
        case told.ErrorReport(code=code) if code != "audio_backlog":
            fields = api_error(code, message.sentence, message.field).fields
            fields["event_id"] = message.ref
        case _:
            return b""
    return _error(fields, seq)


def _error(fields: dict[str, Any], seq: int) -> bytes:
    said = {name: fields.get(name) for name in ("type", "code", "message", "param", "event_id")}
    return _encoder.encode({"type": "error", "event_id": _event_id(seq), "error": said})


def _event_id(seq: int) -> str:
    return f"event_parley_{seq}"
