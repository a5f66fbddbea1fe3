"""What a client asks, in values: a dialect reads them out of a message, a session acts on them."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from msgspec import Struct

from tornado_app.errors import Ref
from workers.formats import Container


class ClientMessageBase(Struct, frozen=True, kw_only=True):
    """Common shape of all that is asked."""

    ref: Ref | None = None
    """What the client calls this message; what answers it bears the same."""


class Audio(ClientMessageBase, frozen=True):
    """Speech in the format of the opening: str is base64, bytes are bare."""

    payload: str | bytes


class AudioFile(ClientMessageBase, frozen=True):
    """Speech as a complete file in base64."""

    text: str
    container: Container


class CommitAudio(ClientMessageBase, frozen=True):
    """The end of a turn in manual mode."""


class ClearAudio(ClientMessageBase, frozen=True):
    """Drop what was not committed."""


class Ping(ClientMessageBase, frozen=True):
    """Asks for a pong that bears its ``ref``."""

    ref: Ref | None = None


class Pong(ClientMessageBase, frozen=True):
    """Counts as life."""

    ref: Ref | None = None


class GetStatus(ClientMessageBase, frozen=True):
    """Asks for the session's status."""


class Text(ClientMessageBase, frozen=True):
    """A typed user turn."""

    text: str


class Image(ClientMessageBase, frozen=True):
    """A user turn with a picture, and perhaps words beside it."""

    image: str
    """Base64."""
    format: str
    text: str | None = None


class Interrupt(ClientMessageBase, frozen=True):
    """Stop the answer that is playing."""

    item_id: str | None = None
    heard_ms: int | None = None


class Playback(ClientMessageBase, frozen=True):
    """Where the client's loudspeaker is; makes truncation exact."""

    item_id: str
    played_ms: int


class Configure(ClientMessageBase, frozen=True):
    """Change what is in force, all of it or nothing."""

    changes: Mapping[str, Any]
    """By the names of `tornado_app.policy`, with values as JSON has them."""


class ToolResult(ClientMessageBase, frozen=True):
    """What came of a call of one of the client's own tools."""

    call_id: str
    output: str
    """Text for the model; JSON, if it was not text."""
    is_error: bool = False


class RefreshToken(ClientMessageBase, frozen=True):
    """The call is to go on beyond the end of the token that it has."""

    token: str

    def __repr__(self) -> str:
        return "RefreshToken(hidden)"


class ClientEvent(ClientMessageBase, frozen=True):
    """What a client asks of the model itself, in the API's own words."""

    kind: str
    """Its ``type``."""
    fields: dict[str, Any]
    text: str
    """As the client has written it, if it can be read in one way only; else as it was read."""

    def __repr__(self) -> str:
        return f"ClientEvent({self.kind!r})"


Command: TypeAlias = (
    ClientEvent
    | CommitAudio
    | ClearAudio
    | Ping
    | Pong
    | Text
    | Image
    | Interrupt
    | Playback
    | Configure
    | ToolResult
    | RefreshToken
)
"""What a session needs nothing but the message for."""

ClientMessage: TypeAlias = Audio | AudioFile | GetStatus | Command
