"""What a conversation is made of, as values that can be written down (`msgspec.json.encode`)."""

from typing import TypeAlias

from msgspec import Struct

from tornado_app.admission.budget import ENTRY_BYTES, text_bytes
from tornado_app.protocol.realtime.model_session import ModelSession


class Entry(Struct, tag_field="kind"):
    id: str
    """Of the item at the model."""


class UserSaid(Entry, tag="user"):
    text: str = ""
    """Typed, or as it was transcribed so far."""
    is_spoken: bool = False
    is_written: bool = True
    """False: it was spoken, and the transcript is not complete."""
    has_picture: bool = False
    """One was shown with it, which is kept elsewhere and not for so long."""
    is_committed: bool = True
    """False: the model has not said that this is a turn."""

    @property
    def size_bytes(self) -> int:
        return ENTRY_BYTES + text_bytes(self.text)


class ModelSaid(Entry, tag="assistant"):
    text: str = ""
    """What the caller has heard of it, or is about to."""
    audio_ms: float = 0.0
    """What there was of it; 0 for one that was written."""
    heard_ms: float | None = None
    """None: all of it."""
    is_complete: bool = True
    """False: it broke off, or is not over yet."""

    @property
    def size_bytes(self) -> int:
        return ENTRY_BYTES + text_bytes(self.text)


class ToolCalled(Entry, tag="call"):
    call_id: str = ""
    name: str = ""
    arguments: str = ""

    @property
    def size_bytes(self) -> int:
        return ENTRY_BYTES + text_bytes(self.name) + text_bytes(self.arguments)


class ToolAnswered(Entry, tag="output"):
    call_id: str = ""
    output: str = ""

    @property
    def size_bytes(self) -> int:
        return ENTRY_BYTES + text_bytes(self.output)


class Noted(Entry, tag="system"):
    """What neither side has said: the model's own note of a long silence."""

    text: str = ""

    @property
    def size_bytes(self) -> int:
        return ENTRY_BYTES + text_bytes(self.text)


class Summed(Entry, tag="summary"):
    """What was said before all that is there, in the words of the operator's own function."""

    text: str = ""

    @property
    def size_bytes(self) -> int:
        return ENTRY_BYTES + text_bytes(self.text)


AnyEntry: TypeAlias = UserSaid | ModelSaid | ToolCalled | ToolAnswered | Noted | Summed


class Record(Struct, frozen=True):
    """A conversation at one moment."""

    entries: tuple[AnyEntry, ...]
    configuration: ModelSession
    left_out: int = 0
    """So many entries before the first were too much to keep."""
