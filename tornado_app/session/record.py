"""What is written down of a call that is recorded, in the order in which it happened.

Times are milliseconds since the call was opened.  From these entries alone, and with nobody in a
hurry, `tornado_app.recordings` makes what can be listened to and read.
"""

from typing import Literal, NamedTuple, TypeAlias

from msgspec import Struct

RecordedParts = Literal["both", "audio", "words"]
SoundFormat = Literal["pcm16", "pcmu", "pcma"]
"""24 kHz mono s16le, as all that is recorded, or G.711 at 8 kHz, which a client of the API may have
asked of the model for itself."""


class SoundFormats(NamedTuple):
    """In which both sides are on their way between client and model."""

    user: SoundFormat = "pcm16"
    model: SoundFormat = "pcm16"


class Begun(Struct, frozen=True, tag="begun"):
    """Which call it is."""

    session_id: str
    user_id: str
    opened_at_unix_ms: int
    model: str
    voice: str
    parts: RecordedParts


class UserSound(Struct, frozen=True, tag="user_sound"):
    """The user's audio as it goes to the model."""

    end_ms: float
    """When the last sample of it had been spoken, at the latest."""
    audio: bytes
    """In *encoding*, as base64."""
    encoding: SoundFormat = "pcm16"


class AnswerSound(Struct, frozen=True, tag="answer_sound"):
    """What the model has said of an item, behind what it said of it before; to be sent or not."""

    item_id: str
    pcm: bytes
    """In *encoding*, cut anywhere."""
    encoding: SoundFormat = "pcm16"


class Sent(Struct, frozen=True, tag="sent"):
    """A piece of an answer went to the client to be played."""

    at_ms: float
    item_id: str
    offset_ms: float
    """Where in the item it begins."""
    duration_ms: float
    seq: int = 0
    """Which message of the call it was; 0: of a client that does not count them."""


class Told(Struct, frozen=True, tag="told"):
    """The client says how much of an item it has played."""

    at_ms: float
    item_id: str
    played_ms: float


class Cut(Struct, frozen=True, tag="cut"):
    """An interruption: what was sent and has not been played never will be."""

    at_ms: float
    item_id: str | None
    heard_ms: float | None
    """By the client's own word, no more of the item than this was played; None: it has not said."""
    seq: int = 0
    """As in `Sent`."""


class Away(Struct, frozen=True, tag="away"):
    """The client is lost: what goes to it from now on waits until it is back."""

    at_ms: float


class Back(Struct, frozen=True, tag="back"):
    """The client is there again, and gets what followed the last message that it has."""

    at_ms: float
    last_seq: int


class Spoken(Struct, frozen=True, tag="spoken"):
    """The user began to speak, or had spoken; *item_id* is what it becomes."""

    at_ms: float
    item_id: str
    what: Literal["begun", "ended", "committed"]


class Words(Struct, frozen=True, tag="words"):
    """The whole text of an item; *item_id* is empty for what was typed."""

    at_ms: float
    role: Literal["user", "assistant"]
    item_id: str
    text: str


class Ended(Struct, frozen=True, tag="ended"):
    at_ms: float


Entry: TypeAlias = (
    Begun | UserSound | AnswerSound | Sent | Told | Cut | Away | Back | Spoken | Words | Ended
)
