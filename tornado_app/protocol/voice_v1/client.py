"""Reads what a client asks of a text frame; binary frames are bare audio."""

from typing import Any

import msgspec

from tornado_app.errors import InvalidMessage, Ref, Refused
from tornado_app.protocol import asked, json_values
from tornado_app.protocol.opening import Introduction
from tornado_app.protocol.voice_v1.client_messages import (
    AUDIO,
    CONTAINERS,
    MESSAGES,
    SETTINGS,
    AudioData,
    Authenticate,
    ClientMessage,
    Configure,
    MessageId,
    Ping,
    Pong,
    ResumeFrom,
    ToolResult,
)
from tornado_app.protocol.voice_v1.explaining import as_object, explain, words_of
from workers.formats import Container

FIRST = "The first message must be authenticate with a token."

_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)


def parse_client(text: str) -> asked.ClientMessage:
    """Parse one text frame.

    Raises:
        InvalidMessage: If *text* is not a JSON object, or a field of it is missing, unknown,
            or has a value the protocol does not allow.
    """
    message = _decode(text)
    if message.ref is not None and not isinstance(message, Ping | Pong):
        _check_id(message)
    if isinstance(message, AudioData):
        return message if message.format is None else _file(message, message.format)
    if isinstance(message, Configure):
        return _configure(message)
    if isinstance(message, Authenticate):
        sentence = "authenticate comes first, and only if the opening request had no token."
        raise InvalidMessage("invalid_message", sentence, "type", ref=message.ref)
    if isinstance(message, ResumeFrom):
        sentence = "resume_from comes first, and only with resume and no last_seq in the address."
        raise InvalidMessage("invalid_message", sentence, "type", ref=message.ref)
    return _result(message) if isinstance(message, ToolResult) else message


def read_introduction(text: str | bytes) -> Introduction:
    """Parse the first frame of a client that has not said who it is.

    Raises:
        Refused: ``token_missing`` if it is another message; else as `parse_client`.
    """
    if isinstance(text, bytes):
        raise Refused("token_missing", FIRST)
    try:
        message = _decode(text)
    except InvalidMessage as refused:
        fields = as_object(text, MESSAGES)
        if fields is None or fields.get("type") == "authenticate":
            raise
        raise InvalidMessage("token_missing", FIRST, ref=refused.ref) from None
    if not isinstance(message, Authenticate):
        raise InvalidMessage("token_missing", FIRST, ref=message.ref)
    query = {name: [value] for name, value in (message.parameters or {}).items()}
    return Introduction(message.token, query, message.ref)


def read_place(text: str | bytes) -> int | None:
    """What the first frame of a client that resumes says of where it is; None if it is another.

    Raises:
        InvalidMessage: If it is wrong, and is ``resume_from``.
    """
    fields = None if isinstance(text, bytes) else as_object(text, MESSAGES)
    if isinstance(text, bytes) or fields is None or fields.get("type") != "resume_from":
        return None
    message = _decode(text)
    return message.last_seq if isinstance(message, ResumeFrom) else None


def _file(message: AudioData, name: str) -> asked.AudioFile:
    try:
        kind = container(name)
    except InvalidMessage as refused:
        refused.ref, refused.is_audio = message.ref, True
        raise
    return asked.AudioFile(message.payload, kind, ref=message.ref)


def _configure(message: Configure) -> asked.Configure:
    said = {name: bytes(getattr(message, name)) for name in SETTINGS}
    changes = {name: _value(name, raw, message.ref) for name, raw in said.items() if raw}
    if not changes:
        sentence = f"configure sets nothing; it takes {', '.join(SETTINGS)}."
        raise InvalidMessage("invalid_message", sentence, ref=message.ref)
    return asked.Configure(changes, ref=message.ref)


def _value(name: str, raw: bytes, ref: Ref | None) -> Any:
    try:
        text = raw.decode()
        if json_values.has_too_many(text):
            sentence = f"{name} may have at most {json_values.VALUES} values."
            raise InvalidMessage("invalid_message", sentence, name, ref=ref)
        return msgspec.json.decode(text)
    except msgspec.ValidationError:
        sentence = f"{name} has a number that is too large for any field."
        raise InvalidMessage("invalid_message", sentence, name, ref=ref) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise InvalidMessage(
            "invalid_json", "The message is not valid JSON.", name, ref=ref
        ) from None


def _result(message: ToolResult) -> asked.ToolResult:
    """What is no text stays the JSON that the client has written."""
    raw = bytes(message.output)
    # Both are sure: all of the message was read as JSON, this with it.
    output = msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else raw.decode()
    return asked.ToolResult(
        message.call_id, output, is_error=bool(message.is_error), ref=message.ref
    )


def _decode(text: str) -> ClientMessage:
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError:
        refused = explain(text, MESSAGES)
        refused.is_audio = (as_object(text, MESSAGES) or {}).get("type") == AUDIO
        raise refused from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        # RecursionError: "[" * 200_000 is valid JSON up to the interpreter's depth.
        raise InvalidMessage("invalid_json", "The message is not valid JSON.") from None


def _check_id(message: asked.ClientMessageBase) -> None:
    """Whether it can be shown to people, in a log of the client's: no schema says that."""
    if not str(message.ref).isprintable():
        sentence = f"id must be {words_of(MessageId)}."
        is_audio = isinstance(message, AudioData)
        raise InvalidMessage("invalid_message", sentence, "id", is_audio=is_audio)


def container(name: str) -> Container:
    """What kind of file ``format`` says.

    Raises:
        InvalidMessage: If files of that kind are not taken.
    """
    if name in CONTAINERS:
        return CONTAINERS[name]
    allowed = ", ".join(CONTAINERS)
    sentence = (
        f"format: must be one of {allowed}; for raw audio it is left out. "
        "WebM and MP4 recordings of a browser are not decoded: send raw audio."
    )
    raise InvalidMessage("unsupported_format", sentence, "format")
