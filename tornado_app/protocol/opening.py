"""What a client chooses when it comes, in values; how it says so is for its dialect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tornado_app.errors import Ref
from workers.formats import AudioFormat, Encoding, StreamFormat

Format = Encoding | Literal["opus"]
FORMATS: tuple[Format, ...] = ("pcm16", "float32", "pcmu", "pcma", "opus")
OutputEncoding = Literal["base64", "binary"]
OUTPUT_ENCODINGS: tuple[OutputEncoding, ...] = ("base64", "binary")

DEFAULT_RATE_HZ = 24_000
MODEL_FORMAT = AudioFormat("pcm16", DEFAULT_RATE_HZ, 1)

RESUMING = frozenset({"resume", "last_seq"})
"""Parameters beside which no other counts, if the client can go on with its call."""


@dataclass(frozen=True, slots=True)
class OpeningRules:
    """What this server can do."""

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
    """The choices of one client."""

    source: StreamFormat
    target: StreamFormat
    output_encoding: OutputEncoding
    wants_resume: bool
    resume_token: str = field(default="", repr=False)
    last_seq: int | None = None
    """The last message that a client has of the session which it wants to resume."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """Fields of `tornado_app.policy` as they were written; whether they may be, that room says."""
    ignored: tuple[str, ...] = ()
    """Names of parameters that were not understood, some of them."""

    @property
    def passes_through(self) -> bool:
        """Whether the model's base64 can go to the client untouched."""
        return self.target == MODEL_FORMAT and self.output_encoding == "base64"
