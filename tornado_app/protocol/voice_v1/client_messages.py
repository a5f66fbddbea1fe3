"""How each message of a client is spelled, and what each of its fields may be."""

from typing import Annotated, TypeAlias, get_args

import msgspec
from msgspec import Meta, field

from tornado_app.protocol import asked
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


ClientMessage: TypeAlias = (
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
    str(kind.__struct_config__.tag): kind for kind in get_args(ClientMessage)
}

CONTAINERS: dict[str, Container] = {name: name for name in get_args(Container)}

AUDIO = str(AudioData.__struct_config__.tag)
