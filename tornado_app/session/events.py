"""Everything that can happen to a session."""

import math
from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct

from tornado_app.admission.quotas import QuotaUse
from tornado_app.errors import ErrorCode, InvalidMessage, Ref, Refused
from tornado_app.failover.upstreams import PLAIN, Upstream
from tornado_app.protocol import asked
from tornado_app.protocol.close import Close
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.figures import CostFigures, LimitUse
from tornado_app.protocol.realtime.events import ErrorFacts, UpstreamEvent
from tornado_app.protocol.realtime.overhearing import Overheard


class Opened(Struct, frozen=True):
    """The client's WebSocket is open."""

    resume_token: str | None = None

    def __repr__(self) -> str:
        return "Opened()"


ClientAudio: TypeAlias = asked.Audio
ClientFile: TypeAlias = asked.AudioFile
"""The two that come for every piece of speech are events as they are."""


class ClientSaid(Struct, frozen=True):
    message: asked.Command


class StatusAsked(Struct, frozen=True):
    """``get_status``, with the limits that only the server can count."""

    limits: dict[str, LimitUse]
    ref: Ref | None = None
    cost: CostFigures | None = None
    """Of the call so far; None: its client is not told."""


class ClientRefused(Struct, frozen=True):
    """A message of the client was wrong."""

    refused: InvalidMessage


class ClientPinged(Struct, frozen=True):
    """A WebSocket ping or pong of the client."""


class ClientHeard(Struct, frozen=True):
    """A piece of a message that has not ended yet."""


class ClientSlow(Struct, frozen=True):
    """The client does not read; ``why`` is a word for the log."""

    why: str


class ClientHasRoom(Struct, frozen=True):
    """The client has read most of what it had to."""


class ClientGone(Struct, frozen=True):
    """The client's WebSocket is closed, whoever closed it."""

    code: int | None
    is_lost: bool = False
    """Nobody closed it: the connection broke."""


class ClientBack(Struct, frozen=True):
    """The client is there again, by another WebSocket, and has been sent what it had missed."""

    resume_token: str
    token_expires_at_unix_s: float
    """Of the token that it has shown."""
    last_seq: int
    """The last message that it had."""

    def __repr__(self) -> str:
        return f"ClientBack(last_seq={self.last_seq})"


class UpstreamOpened(Struct, frozen=True):
    connect_ms: float
    served_by: str = ""
    upstream: Upstream = PLAIN
    """Which of several."""
    spare_s: float | None = None
    """It was open for nobody for so long; None: it was dialled for this call."""


class UpstreamSaid(Struct, frozen=True):
    event: UpstreamEvent | Overheard
    read_at: float = math.inf
    """When the link had it; infinity: that is not known."""
    has_room: bool = False
    """The client takes a piece of the answer at once."""


class UpstreamBacklog(Struct, frozen=True):
    """So many bytes given to the model's socket are still unsent; 0 when it has drained."""

    unsent_bytes: int


class UpstreamRoundTrip(Struct, frozen=True):
    latency_ms: float


class UpstreamLost(Struct, frozen=True):
    failure: Failure
    error: ErrorFacts | None = None
    """What the model had said before, of which the session has not heard."""
    has_spare: bool = False
    """Another link is open already: to dial is to have it."""


class PreparedOpened(Struct, frozen=True):
    """As of `UpstreamOpened`, and so for the next three: the link that is prepared to follow."""

    connect_ms: float
    served_by: str = ""
    upstream: Upstream = PLAIN


class PreparedSaid(Struct, frozen=True):
    event: UpstreamEvent | Overheard


class PreparedBacklog(Struct, frozen=True):
    unsent_bytes: int


class PreparedLost(Struct, frozen=True):
    failure: Failure
    error: ErrorFacts | None = None


Prepared: TypeAlias = PreparedOpened | PreparedSaid | PreparedBacklog | PreparedLost


class Piece(Protocol):
    """What one message holds; `workers.blocks.Piece` is one."""

    @property
    def audio(self) -> bytes: ...

    @property
    def duration_ms(self) -> float: ...


class Converted(Protocol):
    """A worker's result: one payload or file, or the tail after a flush (``size_bytes`` 0).

    A protocol, so that `workers.blocks.Block` is one as it is: it is made for every chunk.
    """

    @property
    def audio(self) -> bytes: ...

    @property
    def size_bytes(self) -> int: ...

    @property
    def duration_ms(self) -> float: ...

    @property
    def level_dbfs(self) -> float: ...

    @property
    def converted_ms(self) -> float:
        """How long ``audio`` plays; differs from ``duration_ms`` by what the resampler holds."""

    @property
    def clipped_samples(self) -> int:
        """Of ``audio``: were beyond full scale before they were made so."""

    @property
    def pieces(self) -> Sequence[Piece]:
        """What is sent to a client, a message each: packets of a codec are never joined or cut."""


class Unusable(Struct, frozen=True):
    """A worker's refusal of one payload; ``sentence`` None: the worker itself failed."""

    sentence: str | None
    code: ErrorCode = "invalid_audio"
    retry_after_ms: int | None = None


class UplinkReady(Struct, frozen=True):
    result: Converted | Unusable


class DownlinkReady(Struct, frozen=True):
    result: Converted | Unusable


ToolOutcome = Literal[
    "done",
    "failed",
    "invalid_arguments",
    "busy",
    "timeout",
    "unknown",
    "too_large",
    "too_many",
    "interrupted",
    "lost",
    "cancelled",
]
"""What became of a call of a tool, in a word for the log."""


class ToolDone(Struct, frozen=True):
    """A call was performed, or could not be; ``output`` is for the model either way."""

    call_id: str
    output: str
    outcome: ToolOutcome = "done"
    detail: str = ""
    """A word more for the log, never one of a user's."""


class SummedUp(Struct, frozen=True):
    """What the operator's function made of what is too old to be kept."""

    text: str
    """Empty: nothing."""
    detail: str = ""
    """Why not, in a word for the log."""

    def __repr__(self) -> str:
        return f"SummedUp(letters={len(self.text)}, detail={self.detail!r})"


class TokenChecked(Struct, frozen=True):
    """What came of `CheckToken`: when the new token expires, as Unix time in seconds, or why it
    is not taken.
    """

    result: float | Refused
    ref: Ref | None


class Tick(Struct, frozen=True):
    """A deadline of `Session.timers` has passed."""


class Look(Struct, frozen=True):
    """Once a second: the facts as they are, in case that a word of them was lost."""

    unsent_bytes: int
    """As of `UpstreamBacklog`."""
    is_held: bool = False
    """The model is not read, or was not a moment ago, because the client has enough to take."""
    queued_bytes: int = 0
    """What the client has not read."""
    better: frozenset[str] = frozenset()
    """Of several upstreams those that are wanted more than the one in use, and may be dialled."""
    unanswered_s: float = 0.0
    """For so long a ping of ours has waited for the model's answer."""


class Metered(Struct, frozen=True):
    """How much of the quotas is used, by this call and all others of who has them."""

    uses: tuple[QuotaUse, ...]


class Drain(Struct, frozen=True):
    """The server is going away at *deadline* (monotonic)."""

    deadline: float


class Stop(Struct, frozen=True):
    """The server ends this session now."""

    close: Close


class BegunAnew(Struct, frozen=True):
    """Its client has come back, had missed more than is kept, and has another call."""


class TokenRevoked(Struct, frozen=True):
    """The token, or its user, was taken back."""


class EndedByOperator(Struct, frozen=True):
    """Whoever runs the server ends this call."""

    words: str = ""
    """For the client, in the operator's own words; empty: none."""


class ListenedTo(Struct, frozen=True):
    """Somebody who runs the server begins to listen to this call, or has ended."""

    is_on: bool


ConnectionEvent: TypeAlias = (
    Opened
    | ClientSlow
    | ClientGone
    | ClientBack
    | UpstreamOpened
    | UpstreamBacklog
    | UpstreamRoundTrip
    | UpstreamLost
    | Prepared
    | SummedUp
    | Drain
    | Stop
    | BegunAnew
    | TokenRevoked
    | EndedByOperator
    | ListenedTo
)
"""About who is at both ends, and for how long; not about what is said."""
Event: TypeAlias = (
    ConnectionEvent
    | ClientAudio
    | ClientFile
    | ClientSaid
    | StatusAsked
    | ClientRefused
    | ClientPinged
    | ClientHeard
    | ClientHasRoom
    | UpstreamSaid
    | UplinkReady
    | DownlinkReady
    | ToolDone
    | TokenChecked
    | Tick
    | Look
    | Metered
)
