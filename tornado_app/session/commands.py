"""Everything a session can ask for."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from tornado_app.errors import Ref
from tornado_app.protocol.close import Close
from tornado_app.protocol.endings import Ending
from tornado_app.protocol.realtime.orders import AnyOrder
from tornado_app.protocol.told import ServerMessage
from tornado_app.session.ledger.entries import AnyEntry
from tornado_app.session.record import Entry
from workers.formats import Container, StreamFormat


class SendClient(Struct, frozen=True):
    """``urgent`` false: may wait a little for company.  ``binary``: a frame that follows."""

    message: ServerMessage
    seq: int
    timestamp_ms: int
    urgent: bool = True
    binary: bytes | None = None


class PingClient(Struct, frozen=True):
    pass


class PauseClient(Struct, frozen=True):
    """Read nothing of the client for now, not even a pong: TCP holds it back."""


class ResumeClient(Struct, frozen=True):
    pass


class DropClient(Struct, frozen=True):
    """Close this WebSocket; the session waits for another."""

    close: Close


class CloseClient(Struct, frozen=True):
    close: Close


class DialUpstream(Struct, frozen=True):
    model: str | None = None
    """Which the call has from now on; None: the same as before."""
    is_fresh: bool = False
    """By a link that is dialled now; else it may be one that is open already."""


class SendUpstream(Struct, frozen=True):
    order: AnyOrder


class CloseUpstream(Struct, frozen=True):
    pass


class PrepareUpstream(Struct, frozen=True):
    """Dial another link beside the one in use; one that was prepared is closed."""


class SendPrepared(Struct, frozen=True):
    """By the link that is prepared."""

    order: AnyOrder


class DropPrepared(Struct, frozen=True):
    """Close the link that is prepared, if there is one."""


class SwapUpstream(Struct, frozen=True):
    """Go on with the link that is prepared; the one in use is closed, and what it has still to say
    is not heard.
    """


class ConvertUplink(Struct, frozen=True):
    payload: str | bytes


class DecodeUplink(Struct, frozen=True):
    """A complete file, as base64; answered by `UplinkReady` in order."""

    text: str
    container: Container


class FlushUplink(Struct, frozen=True):
    """Convert what the resampler still holds; answered by `UplinkReady` in order."""


class ResetUplink(Struct, frozen=True):
    """Forget all that is in the lane; nothing of it is answered any more."""


class HoldUplink(Struct, frozen=True):
    """Convert nothing of what follows before `ReleaseUplink` or `ChangeUplink`, one for each."""


class ReleaseUplink(Struct, frozen=True):
    """What follows the oldest hold goes on as what was before it."""


class ChangeUplink(Struct, frozen=True):
    """What follows the oldest hold is in another format, and the same stream; answered by
    `UplinkReady` with the tail of the one before.
    """

    source: StreamFormat
    has_begun: bool
    """False: the lane has had nothing since it was flushed."""


class ChangeDownlink(Struct, frozen=True):
    """What follows is for another format, and the same stream; answered by `DownlinkReady` with the
    tail of the one before.  Nothing is in the lane, and nothing is put before the answer.
    """

    target: StreamFormat
    as_base64: bool
    has_begun: bool


class ConvertDownlink(Struct, frozen=True):
    """A piece of the answer, whole samples of the model's format."""

    payload: bytes


class FlushDownlink(Struct, frozen=True):
    pass


class ResetDownlink(Struct, frozen=True):
    pass


class CallTool(Struct, frozen=True):
    """Perform one call of a function; answered by `ToolDone`, unless it is cancelled."""

    call_id: str
    name: str
    arguments: str
    """JSON as the model has written it, if it is JSON."""


class CancelTool(Struct, frozen=True):
    """Nobody waits for this call any more."""

    call_id: str


class SumUp(Struct, frozen=True):
    """Have the operator's function sum this up; answered by `SummedUp`, unless it is stopped."""

    entries: tuple[AnyEntry, ...]


class StopSummingUp(Struct, frozen=True):
    """Nobody waits for a summary any more."""


class CheckToken(Struct, frozen=True):
    """Whether the session may live as long as this token; answered by `TokenChecked`."""

    token: str
    ref: Ref | None

    def __repr__(self) -> str:
        return "CheckToken(hidden)"


class Log(Struct, frozen=True):
    """A fact for the operator; never holds what was said, a token or a key."""

    event: str
    fields: Mapping[str, object]
    is_written: bool = True
    """False: it counts, and the log has enough lines of this session."""


class Timed(Struct, frozen=True):
    """So long a piece of audio was here that waited for nobody else."""

    direction: Literal["to_model", "to_client"]
    seconds: float


class NoteModel(Struct, frozen=True):
    """The model took this session, or refused it for good; one of several upstreams, or let it
    down.
    """

    accepted: bool
    upstream: str = ""
    """Which of several it was; empty: none of them, or there is one."""
    ending: Ending | None = None
    """Of one that let it down."""


class Record(Struct, frozen=True):
    """Write this down of a call that is recorded; nobody waits for it."""

    entries: list[Entry]


class Finish(Struct, frozen=True):
    """The session is over: release all that belongs to it."""


LaneCommand: TypeAlias = (
    DecodeUplink
    | FlushUplink
    | ResetUplink
    | HoldUplink
    | ReleaseUplink
    | FlushDownlink
    | ResetDownlink
)
"""About what was given to the pool before."""
SocketCommand: TypeAlias = PingClient | PauseClient | ResumeClient | DropClient | CloseClient
LinkCommand: TypeAlias = (
    DialUpstream | CloseUpstream | PrepareUpstream | DropPrepared | SwapUpstream
)
ToolCommand: TypeAlias = CallTool | CancelTool | SumUp | StopSummingUp
"""About what the operator's own code performs."""
SeldomCommand: TypeAlias = (
    SocketCommand | LinkCommand | NoteModel | ToolCommand | CheckToken | Record | Finish
)
"""What no chunk leads to."""
Command: TypeAlias = (
    SendClient
    | ConvertUplink
    | SendUpstream
    | ConvertDownlink
    | Log
    | Timed
    | LaneCommand
    | ChangeUplink
    | ChangeDownlink
    | SendPrepared
    | SeldomCommand
)
