"""Everything that can happen to a session."""

from dataclasses import dataclass
from typing import TypeAlias

from tornado_app.errors import ErrorCode, Refused
from tornado_app.protocol.client import ClientMessage
from tornado_app.protocol.close import Close
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime import UpstreamEvent
from tornado_app.protocol.server import LimitUse
from workers.formats import Container


@dataclass(frozen=True, slots=True)
class Opened:
    """The client's WebSocket is open."""


@dataclass(frozen=True, slots=True)
class ClientAudio:
    """Speech: str is base64, bytes is a binary frame."""

    payload: str | bytes


@dataclass(frozen=True, slots=True)
class ClientFile:
    """Speech as a complete file in base64."""

    text: str
    container: Container


@dataclass(frozen=True, slots=True)
class ClientSaid:
    message: ClientMessage


@dataclass(frozen=True, slots=True)
class StatusAsked:
    """``get_status``, with the limits that only the server can count."""

    limits: dict[str, LimitUse]


@dataclass(frozen=True, slots=True)
class ClientRefused:
    """A message of the client was wrong."""

    refused: Refused


@dataclass(frozen=True, slots=True)
class ClientPinged:
    """A WebSocket ping or pong of the client."""


@dataclass(frozen=True, slots=True)
class ClientHeard:
    """A piece of a message that has not ended yet."""


@dataclass(frozen=True, slots=True)
class ClientSlow:
    """The client does not read; ``why`` is a word for the log."""

    why: str


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The client's WebSocket is closed, whoever closed it."""

    code: int | None


@dataclass(frozen=True, slots=True)
class UpstreamOpened:
    connect_ms: float


@dataclass(frozen=True, slots=True)
class UpstreamSaid:
    event: UpstreamEvent


@dataclass(frozen=True, slots=True)
class UpstreamBacklog:
    """So many bytes given to the model's socket are still unsent; 0 when it has drained."""

    unsent_bytes: int


@dataclass(frozen=True, slots=True)
class UpstreamRoundTrip:
    latency_ms: float


@dataclass(frozen=True, slots=True)
class UpstreamLost:
    failure: Failure


@dataclass(frozen=True, slots=True)
class Converted:
    """A worker's result: one payload or file, or the tail after a flush (``size_bytes`` 0)."""

    audio: bytes
    size_bytes: int
    duration_ms: float
    level_dbfs: float
    converted_ms: float
    """How long ``audio`` plays; differs from ``duration_ms`` by what the resampler holds."""
    clipped_samples: int = 0
    """Of ``audio``: were beyond full scale before they were made so."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A worker's refusal of one payload; ``sentence`` None: the worker itself failed."""

    sentence: str | None
    code: ErrorCode = "invalid_audio"


@dataclass(frozen=True, slots=True)
class UplinkReady:
    result: Converted | Unusable


@dataclass(frozen=True, slots=True)
class DownlinkReady:
    result: Converted | Unusable


@dataclass(frozen=True, slots=True)
class Tick:
    """A timer that `Session.wake_at` asked for."""


@dataclass(frozen=True, slots=True)
class Drain:
    """The server is going away at *deadline* (monotonic)."""

    deadline: float


@dataclass(frozen=True, slots=True)
class Stop:
    """The server ends this session now."""

    close: Close


Event: TypeAlias = (
    Opened
    | ClientAudio
    | ClientFile
    | ClientSaid
    | StatusAsked
    | ClientRefused
    | ClientPinged
    | ClientHeard
    | ClientSlow
    | ClientGone
    | UpstreamOpened
    | UpstreamSaid
    | UpstreamBacklog
    | UpstreamRoundTrip
    | UpstreamLost
    | UplinkReady
    | DownlinkReady
    | Tick
    | Drain
    | Stop
)
