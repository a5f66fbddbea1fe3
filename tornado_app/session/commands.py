"""Everything a session can ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tornado_app.protocol.close import Close
from tornado_app.protocol.realtime import AnyOrder
from tornado_app.protocol.server import ServerMessage
from workers.formats import Container


@dataclass(frozen=True, slots=True)
class SendClient:
    """``urgent`` false: may wait a little for company.  ``binary``: a frame that follows."""

    message: ServerMessage
    seq: int
    timestamp_ms: int
    urgent: bool = True
    binary: bytes | None = None


@dataclass(frozen=True, slots=True)
class PingClient:
    pass


@dataclass(frozen=True, slots=True)
class CloseClient:
    close: Close


@dataclass(frozen=True, slots=True)
class DialUpstream:
    pass


@dataclass(frozen=True, slots=True)
class SendUpstream:
    order: AnyOrder


@dataclass(frozen=True, slots=True)
class CloseUpstream:
    pass


@dataclass(frozen=True, slots=True)
class ConvertUplink:
    payload: str | bytes


@dataclass(frozen=True, slots=True)
class DecodeUplink:
    """A complete file, as base64; answered by `UplinkReady` in order."""

    text: str
    container: Container


@dataclass(frozen=True, slots=True)
class FlushUplink:
    """Convert what the resampler still holds; answered by `UplinkReady` in order."""


@dataclass(frozen=True, slots=True)
class ResetUplink:
    """Forget all that is in the lane; nothing of it is answered any more."""


@dataclass(frozen=True, slots=True)
class ConvertDownlink:
    payload: str


@dataclass(frozen=True, slots=True)
class FlushDownlink:
    pass


@dataclass(frozen=True, slots=True)
class ResetDownlink:
    pass


@dataclass(frozen=True, slots=True)
class Log:
    """One line for the operator; never holds what was said, a token or a key."""

    event: str
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Finish:
    """The session is over: release all that belongs to it."""


Command: TypeAlias = (
    SendClient
    | PingClient
    | CloseClient
    | DialUpstream
    | SendUpstream
    | CloseUpstream
    | ConvertUplink
    | DecodeUplink
    | FlushUplink
    | ResetUplink
    | ConvertDownlink
    | FlushDownlink
    | ResetDownlink
    | Log
    | Finish
)
