"""What a client chooses when it comes, in values; how it says so is for its dialect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tornado_app.errors import Ref
from tornado_app.protocol.realtime.model_session import TurnDetection
from workers.formats import AudioFormat, StreamFormat

OutputEncoding = Literal["base64", "binary"]

DEFAULT_RATE_HZ = 24_000


@dataclass(frozen=True, slots=True)
class Policy:
    """What a client may choose; the first of each is what it gets unasked."""

    voices: tuple[str, ...]
    models: tuple[str, ...]
    turn_detections: tuple[TurnDetection, ...]
    has_opus: bool = True
    """The server has its codec."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """What a client says of itself in its first message, if its opening request could not."""

    token: str
    query: Mapping[str, Sequence[str]]
    """Parameters as in the address of an opening request."""
    ref: Ref | None = None
    """What the client calls this message."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The choices of one client, within the policy."""

    source: StreamFormat
    target: StreamFormat
    output_encoding: OutputEncoding
    voice: str
    model: str
    turn_detection: TurnDetection
    wants_resume: bool
    ignored: tuple[str, ...] = ()
    """Names of parameters that were not understood, some of them."""

    @property
    def passes_through(self) -> bool:
        """Whether the model's base64 can go to the client untouched."""
        model_format = AudioFormat("pcm16", DEFAULT_RATE_HZ, 1)
        return self.target == model_format and self.output_encoding == "base64"
