"""How what a client asks is spelled: text frames here, binary frames are bare audio."""

import json
from typing import Annotated, Any, TypeAlias, get_args

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from tornado_app.errors import InvalidMessage, Refused
from tornado_app.protocol import asked
from tornado_app.protocol.opening import Introduction
from workers.formats import Container

ItemId = Annotated[
    str, Meta(min_length=1, max_length=128, description="a string of 1 to 128 characters")
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
    text: Annotated[
        str, Meta(min_length=1, max_length=32_768, description="a string of 1 to 32768 characters")
    ]


class Interrupt(_Named, asked.Interrupt, tag="interrupt", frozen=True):
    item_id: ItemId | None = None
    heard_ms: Milliseconds | None = None


class Playback(_Named, asked.Playback, tag="playback", frozen=True):
    item_id: ItemId
    played_ms: Milliseconds


_Setting = Any | UnsetType
"""Whoever decides of it checks it, and says what it may be."""


class Configure(_Named, tag="configure", frozen=True):
    """Change what is in force; what is left out stays as it is."""

    voice: _Setting = UNSET
    instructions: _Setting = UNSET
    turn_detection: _Setting = UNSET
    output: _Setting = UNSET
    speed: _Setting = UNSET
    tools: _Setting = UNSET
    tool_choice: _Setting = UNSET
    max_output_tokens: _Setting = UNSET
    transcription_language: _Setting = UNSET
    history: _Setting = UNSET


SETTINGS = tuple(name for name in Configure.__struct_fields__ if name != "ref")


class ToolResult(_Named, tag="tool_result", frozen=True):
    call_id: CallId
    output: msgspec.Raw
    """Any JSON."""
    is_error: Annotated[bool, Meta(description="true or false")] | None = None


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
    | Interrupt
    | Playback
    | Configure
    | ToolResult
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
        fields = _as_object(text)
        if fields is None or fields.get("type") == "authenticate":
            raise
        raise InvalidMessage("token_missing", FIRST, ref=refused.ref) from None
    if not isinstance(message, Authenticate):
        raise InvalidMessage("token_missing", FIRST, ref=message.ref)
    query = {name: [value] for name, value in (message.parameters or {}).items()}
    return Introduction(message.token, query, message.ref)


def _file(message: AudioData, name: str) -> asked.AudioFile:
    try:
        kind = container(name)
    except InvalidMessage as refused:
        refused.ref, refused.is_audio = message.ref, True
        raise
    return asked.AudioFile(message.payload, kind, ref=message.ref)


def _configure(message: Configure) -> asked.Configure:
    said = {name: getattr(message, name) for name in SETTINGS}
    changes = {name: value for name, value in said.items() if value is not UNSET}
    if not changes:
        sentence = f"configure sets nothing; it takes {', '.join(SETTINGS)}."
        raise InvalidMessage("invalid_message", sentence, ref=message.ref)
    return asked.Configure(changes, ref=message.ref)


def _result(message: ToolResult) -> asked.ToolResult:
    """What is no text stays the JSON that the client has written."""
    raw = bytes(message.output)
    try:
        output = msgspec.json.decode(raw, type=str) if raw.startswith(b'"') else raw.decode()
    except (msgspec.DecodeError, UnicodeError):
        raise InvalidMessage(
            "invalid_json", "The message is not valid JSON.", "output", ref=message.ref
        ) from None
    return asked.ToolResult(
        message.call_id, output, is_error=bool(message.is_error), ref=message.ref
    )


def _decode(text: str) -> _Message:
    try:
        return _decoder.decode(text)
    except msgspec.ValidationError:
        raise _explain(text) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        # RecursionError: "[" * 200_000 is valid JSON up to the interpreter's depth.
        raise InvalidMessage("invalid_json", "The message is not valid JSON.") from None


def _check_id(message: asked.ClientMessageBase) -> None:
    """Whether it can be shown to people, in a log of the client's: no schema says that."""
    if not str(message.ref).isprintable():
        sentence = f"id must be {_words(MessageId)}."
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


def _explain(text: str) -> InvalidMessage:
    """Find the one field to name.  Slow, and only for messages that are wrong."""
    fields = _as_object(text)
    if fields is None:
        return InvalidMessage("invalid_message", "The message must be a JSON object.")
    refused = _explain_type(fields)
    refused.ref = _id_of(fields)
    refused.is_audio = fields.get("type") == AUDIO
    return refused


def _id_of(fields: dict[str, Any]) -> str | None:
    """What the message calls itself, if that is a name."""
    name = fields.get("id")
    is_name = isinstance(name, str) and 1 <= len(name) <= 64 and name.isprintable()
    return name if is_name else None


def _explain_type(fields: dict[str, Any]) -> InvalidMessage:
    allowed = ", ".join(MESSAGES)
    if "type" not in fields:
        return InvalidMessage("invalid_message", f"type is missing; it may be {allowed}.", "type")
    kind = fields["type"]
    if not isinstance(kind, str):
        return InvalidMessage(
            "invalid_message", f"type must be a string: one of {allowed}.", "type"
        )
    if kind not in MESSAGES:
        return InvalidMessage("unknown_type", f"type is not known; it may be {allowed}.", "type")
    return _explain_fields(kind, {name: fields[name] for name in fields if name != "type"})


def _as_object(text: str) -> dict[str, Any] | None:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _explain_fields(kind: str, fields: dict[str, Any]) -> InvalidMessage:
    known = {known.encode_name: known for known in msgspec.structs.fields(MESSAGES[kind])}
    for name, known_field in known.items():
        if name not in fields:
            if known_field.required:
                return InvalidMessage("invalid_message", f"{name} is missing in {kind}.", name)
            continue
        if known_field.type is msgspec.Raw:  # which any value is
            continue
        try:
            msgspec.convert(fields[name], known_field.type)
        except msgspec.ValidationError:
            return InvalidMessage(
                "invalid_message", f"{name} must be {_words(known_field.type)}.", name
            )
    unknown = next((name for name in fields if name not in known), None)
    if unknown is None:  # such as a key that stands twice
        return InvalidMessage("invalid_message", f"{kind} does not have the shape of that message.")
    takes = ", ".join(known) or "no fields"
    return InvalidMessage(
        "invalid_message",
        f"{kind} has no field {_shown(unknown)}; it takes {takes}.",
        _shown(unknown),
    )


def _shown(name: str) -> str:
    """A client's own field name, short enough to be said back, and sayable: half of a surrogate
    pair is no text (RFC 8259, 8.2).
    """
    short = name if len(name) <= 64 else name[:61] + "..."
    return short.encode("utf-8", "replace").decode()


def _words(annotation: object) -> str:
    """The description that the field's annotation carries."""
    return _description(msgspec.inspect.type_info(annotation)) or "a value of another type"


def _description(info: msgspec.inspect.Type) -> str | None:
    if isinstance(info, msgspec.inspect.UnionType):
        return next((words for part in info.types if (words := _description(part))), None)
    if isinstance(info, msgspec.inspect.Metadata):
        return (info.extra_json_schema or {}).get("description")
    return None
