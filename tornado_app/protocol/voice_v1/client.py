"""How what a client asks is spelled: text frames here, binary frames are bare audio."""

from typing import Annotated, Any, TypeAlias, get_args

import msgspec
from msgspec import Meta, field

from tornado_app.errors import InvalidMessage, Ref, Refused
from tornado_app.protocol import asked, json_values
from tornado_app.protocol.opening import Introduction
from tornado_app.protocol.voice_v1.explaining import as_object, explain, words_of
from tornado_app.protocol.voice_v1.opening import LAST_SEQ_MAX
from workers.formats import Container

ItemId = Annotated[
    str, Meta(min_length=1, max_length=128, description="a string of 1 to 128 characters")
]
Words = Annotated[
    str, Meta(min_length=1, max_length=32_768, description="a string of 1 to 32768 characters")
]
CallId = Annotated[
    str, Meta(min_length=1, max_length=256, description="a string of 1 to 256 characters")
]
Milliseconds = Annotated[int, Meta(ge=0, le=3_600_000, description="an integer from 0 to 3600000")]
MessageId = Annotated[
    str, Meta(min_length=1, max_length=64, description="a string of 1 to 64 printable characters")
]
PingId = (
    Annotated[
        str, Meta(max_length=128, description="a string of at most 128 characters, or an integer")
    ]
    | int
)


class _Spelling(
    asked.ClientMessageBase,
    frozen=True,
    forbid_unknown_fields=True,
    tag_field="type",
):
    """``type`` selects, and a field nobody knows is an error.

    Each message below is the value itself, with its spelling: what is decoded is not made again.
    """


class _Named(_Spelling, frozen=True, kw_only=True):
    ref: MessageId | None = field(default=None, name="id")


class AudioData(_Named, asked.Audio, tag="audio_data", frozen=True):
    """A chunk of speech in the negotiated input format."""

    payload: Annotated[str, Meta(description="a base64 string")] = field(name="audio")
    session_id: Annotated[str, Meta(description="a string")] | None = None
    """Taken for the convenience of clients that send it; a connection has one session."""
    format: Annotated[str, Meta(description="a string")] | None = None
    """A complete file and not a chunk; see `container`."""


class CommitAudio(_Named, asked.CommitAudio, tag="commit_audio", frozen=True):
    pass


class ClearAudio(_Named, asked.ClearAudio, tag="clear_audio", frozen=True):
    pass


class Ping(_Spelling, asked.Ping, tag="ping", frozen=True):
    ref: PingId | None = field(default=None, name="id")


class Pong(_Spelling, asked.Pong, tag="pong", frozen=True):
    ref: PingId | None = field(default=None, name="id")


class GetStatus(_Named, asked.GetStatus, tag="get_status", frozen=True):
    pass


class Text(_Named, asked.Text, tag="text", frozen=True):
    text: Words


class Image(_Named, asked.Image, tag="image", frozen=True):
    image: Annotated[str, Meta(description="a base64 string")]
    format: Annotated[str, Meta(description="a string")]
    text: Words | None = None


class Interrupt(_Named, asked.Interrupt, tag="interrupt", frozen=True):
    item_id: ItemId | None = None
    heard_ms: Milliseconds | None = None


class Playback(_Named, asked.Playback, tag="playback", frozen=True):
    item_id: ItemId
    played_ms: Milliseconds


_Setting = msgspec.Raw
"""Whoever decides of it checks it, and says what it may be."""
LEFT_OUT = msgspec.Raw()


class Configure(_Named, tag="configure", frozen=True):
    """Change what is in force; what is left out stays as it is."""

    voice: _Setting = LEFT_OUT
    instructions: _Setting = LEFT_OUT
    turn_detection: _Setting = LEFT_OUT
    output: _Setting = LEFT_OUT
    speed: _Setting = LEFT_OUT
    tools: _Setting = LEFT_OUT
    tool_choice: _Setting = LEFT_OUT
    max_output_tokens: _Setting = LEFT_OUT
    transcription_language: _Setting = LEFT_OUT
    history: _Setting = LEFT_OUT
    input_format: _Setting = LEFT_OUT
    input_rate: _Setting = LEFT_OUT
    input_channels: _Setting = LEFT_OUT
    output_format: _Setting = LEFT_OUT
    output_rate: _Setting = LEFT_OUT
    output_encoding: _Setting = LEFT_OUT


SETTINGS = tuple(name for name in Configure.__struct_fields__ if name != "ref")


class ToolResult(_Named, tag="tool_result", frozen=True):
    call_id: CallId
    output: msgspec.Raw
    """Any JSON."""
    is_error: Annotated[bool, Meta(description="true or false")] | None = None


class RefreshToken(_Named, asked.RefreshToken, tag="refresh_token", frozen=True):
    token: Annotated[str, Meta(min_length=1, description="a JSON Web Token")]


class ResumeFrom(_Named, tag="resume_from", frozen=True):
    """The first message of a client that resumes, unless its opening request has ``last_seq``."""

    last_seq: Annotated[
        int, Meta(ge=0, le=LAST_SEQ_MAX, description=f"an integer from 0 to {LAST_SEQ_MAX}")
    ]


class Authenticate(_Named, tag="authenticate", frozen=True):
    """The first message of a client whose opening request had no token."""

    token: Annotated[str, Meta(min_length=1, description="a JSON Web Token")]
    parameters: (
        Annotated[dict[str, str], Meta(max_length=64, description="an object of strings")] | None
    ) = None
    """As in the address of an opening request, and before what stands there."""


_Message: TypeAlias = (
    AudioData
    | CommitAudio
    | ClearAudio
    | Ping
    | Pong
    | GetStatus
    | Text
    | Image
    | Interrupt
    | Playback
    | Configure
    | ToolResult
    | RefreshToken
    | ResumeFrom
    | Authenticate
)

MESSAGES: dict[str, type[asked.ClientMessageBase]] = {
    str(kind.__struct_config__.tag): kind for kind in get_args(_Message)
}

CONTAINERS: dict[str, Container] = {name: name for name in get_args(Container)}

AUDIO = str(AudioData.__struct_config__.tag)

FIRST = "The first message must be authenticate with a token."

_decoder: msgspec.json.Decoder[_Message] = msgspec.json.Decoder(_Message)


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


def _decode(text: str) -> _Message:
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
