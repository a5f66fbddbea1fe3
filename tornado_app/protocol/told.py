"""What a client is told, in values: a session makes them, a dialect spells them."""

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from tornado_app.errors import ErrorCode, Ref, Refused
from tornado_app.protocol.figures import AudioFigures, CostFigures, LimitUse, ToolFigures

Context = Literal["rebuilt", "lost"]
"""What a model knows of the conversation after a reconnection: what it was told again; nothing."""
Why = Literal["session_limit", "context_limit", "upstream_back"]
"""Why there is another link to the model: the longest session is over, or nearly; what the model
knows was nearly too much for it; an upstream is there again that is wanted more."""
UpstreamStatus = Literal["connecting", "connected", "reconnecting", "disconnected"]
SessionType = Literal["realtime", "transcription"]
ResponseStatus = Literal["completed", "cancelled", "failed", "incomplete"]


class ServerMessageBase(Struct, frozen=True, omit_defaults=True):
    """Common shape of all that is told; None says that there is nothing to say."""


class Reply(ServerMessageBase, frozen=True, kw_only=True):
    """What may answer a message of the client, and bears what that was called."""

    ref: Ref | None = None


class NegotiatedAudio(Struct, frozen=True):
    format: str
    rate_hz: int
    channels: int
    encoding: Literal["base64", "binary", "any"]


class Negotiated(ServerMessageBase, frozen=True):
    """What came of the opening; of a call without answers nothing that concerns them."""

    session: SessionType
    input: NegotiatedAudio
    output: NegotiatedAudio
    model: str
    turn_detection: str
    transcription_language: str
    """Empty: the model finds out."""
    ignored: tuple[str, ...]
    """Parameters that were not understood."""
    voice: str | None = None
    answers_in: Literal["audio", "text"] | None = None
    speed: float | None = None
    max_output_tokens: int | None = None
    """0: no limit."""
    images: bool | None = None
    """Whether the client may show pictures."""
    recorded: bool | None = None
    """True: what is said is written down, and kept."""


class ConnectionStatus(ServerMessageBase, frozen=True):
    """How far the way to the model is."""

    status: UpstreamStatus
    session_id: str
    model: str
    attempt: int | None = None
    expires_at: int | None = None
    """Unix time in milliseconds at which the model ends the session by itself."""
    resumed: bool | None = None
    """True: this is the session that the client asked to resume; false: it is a new one."""
    negotiated: Negotiated | None = None
    """In the first one, and the first after a resumption: what is in force."""
    resume_token: str | None = None
    """In the same: resumes this session, once."""
    chunk: int | None = None
    """After a resumption: the newest audio of the client that has come."""
    received: int | None = None
    """In the same: how many messages of the client have come in this call, audio among them."""
    context_lost: bool | None = None
    """True after a reconnection: the model starts afresh and remembers nothing."""
    context: Context | None = None
    """After a reconnection: what the model knows of the conversation."""
    reason: Why | None = None
    """None: the link was the first, or was lost."""


class Configured(Reply, frozen=True):
    """What is in force now, after a change; by the names of `Negotiated`."""

    session: SessionType
    input: NegotiatedAudio
    output: NegotiatedAudio
    model: str
    turn_detection: str
    turn_detection_fields: dict[str, Any]
    """The API's own; of none there are none."""
    transcription_language: str
    voice: str | None = None
    answers_in: Literal["audio", "text"] | None = None
    speed: float | None = None
    max_output_tokens: int | None = None


class AudioReceived(Reply, frozen=True):
    """One chunk was validated and resampled."""

    size: int
    duration_ms: float
    level_dbfs: float
    chunk: int
    """Which it was, counted from 1 through the session."""


class AudioCommitted(Reply, frozen=True):
    item_id: str


class AudioCleared(Reply, frozen=True):
    pass


class PongReply(Reply, frozen=True):
    id: Ref | None = None
    """What the ping was called; it was there before ``ref``, and may be a number."""


class SpeechStarted(ServerMessageBase, frozen=True):
    item_id: str
    audio_start_ms: int


class SpeechStopped(ServerMessageBase, frozen=True):
    item_id: str
    audio_end_ms: int


class Wait(ServerMessageBase, frozen=True):
    """From the end of the user's turn to this message, in parts that add up."""

    model_ms: float
    gateway_ms: float
    tools_ms: float | None = None
    """None: the turn needed no tool."""


class Transcript(ServerMessageBase, frozen=True):
    """``delta`` is what is new, ``text`` all of the item so far."""

    role: Literal["user", "assistant"]
    item_id: str
    text: str
    final: bool
    delta: str | None = None
    wait: Wait | None = None
    """In the first one of an answer that is written."""


class ResponseStarted(Reply, frozen=True):
    response_id: str


class ResponseDone(Reply, frozen=True):
    """``usage`` is the model's own count, null when it gave none."""

    response_id: str
    status: ResponseStatus
    usage: dict[str, Any] | None
    continues: bool | None = None
    """True: the turn is not over, another answer to it follows by itself."""
    reason: str | None = None
    """Why it is not complete, in the model's word."""


class Audio(ServerMessageBase, frozen=True):
    """A piece of the answer; ``audio`` is base64, or None when the bare bytes follow it."""

    item_id: str
    response_id: str
    offset_ms: float
    duration_ms: float
    audio: str | None = None
    size: int | None = None
    wait: Wait | None = None
    """In the first piece of each answer."""


class Interrupted(Reply, frozen=True):
    """Flush what is queued for playback.  Without ``item_id`` nothing was playing."""

    heard_ms: int
    item_id: str | None = None


class AnswerGoesOn(ServerMessageBase, frozen=True):
    """What interrupted was a noise: the rest of the item comes again, from there."""

    item_id: str
    offset_ms: int


class ToolCall(ServerMessageBase, frozen=True):
    """The model calls a tool of the client's, which has until ``deadline`` to answer."""

    call_id: str
    name: str
    arguments: dict[str, Any]
    item_id: str
    response_id: str
    deadline: int


class ToolCallCancelled(ServerMessageBase, frozen=True):
    """Nobody waits for this call any more."""

    call_id: str
    reason: Literal["interrupted", "timeout", "ended"]


class ToolActivity(ServerMessageBase, frozen=True):
    """A tool of the server runs, or has run, that the operator shows."""

    name: str
    status: Literal["running", "done", "failed"]


class TokenExpiring(ServerMessageBase, frozen=True):
    expires_at: int


class TokenRefreshed(Reply, frozen=True):
    expires_at: int


class LimitWarning(ServerMessageBase, frozen=True):
    """A limit is near, or what it is about has lasted so long; nothing is cut off yet."""

    limit: str
    """The name of its setting."""
    used: float
    allowed: float
    reset_at: int | None = None
    """Unix time in milliseconds at which none of it is used any more, if time does that."""
    currency: str | None = None
    """Of a limit of money."""


class ListeningIn(ServerMessageBase, frozen=True):
    """Somebody who runs the server hears this call from now on, or does not any more."""

    status: Literal["begun", "ended"]


class GoingAway(ServerMessageBase, frozen=True):
    reason: str
    deadline: int


class UpstreamFigures(Struct, frozen=True):
    state: UpstreamStatus
    reconnects: int
    latency_ms: float | None


class Status(Reply, frozen=True):
    status: UpstreamStatus
    session_id: str
    user_id: str
    model: str
    connected_at: int | None
    upstream: UpstreamFigures
    audio: AudioFigures
    limits: dict[str, LimitUse]
    token_expires_at: int
    tools: ToolFigures | None = None
    """None: this call has no tools."""
    cost: CostFigures | None = None
    """Of the call so far; None: its client is not told."""


class ErrorReport(Reply, frozen=True):
    """Something that a client does not get, or has lost."""

    code: ErrorCode
    retryable: bool
    sentence: str
    field: str | None = None
    retry_after_ms: int | None = None
    chunk: int | None = None

    @classmethod
    def of(cls, refused: Refused, ref: Ref | None = None) -> "ErrorReport":
        return cls(
            code=refused.code,
            retryable=refused.retryable,
            sentence=refused.sentence,
            field=refused.field,
            retry_after_ms=refused.retry_after_ms,
            chunk=refused.chunk,
            ref=ref,
        )


class RelayedEvent(ServerMessageBase, frozen=True):
    """What the model says, in its own words."""

    text: str

    def __repr__(self) -> str:
        return "RelayedEvent(hidden)"


class RelayedError(ServerMessageBase, frozen=True):
    """What the model refuses, or the gateway in its place, in the API's own words."""

    type: str
    code: str | None
    message: str
    param: str | None = None
    event_id: str | None = None
    """What the client calls its event."""


Relayed: TypeAlias = RelayedEvent | RelayedError
"""What only clients are told that conduct their calls."""

ServerMessage: TypeAlias = (
    Relayed
    | ConnectionStatus
    | Configured
    | AudioReceived
    | AudioCommitted
    | AudioCleared
    | PongReply
    | SpeechStarted
    | SpeechStopped
    | Transcript
    | ResponseStarted
    | ResponseDone
    | Audio
    | Interrupted
    | AnswerGoesOn
    | ToolCall
    | ToolCallCancelled
    | ToolActivity
    | TokenExpiring
    | TokenRefreshed
    | LimitWarning
    | ListeningIn
    | GoingAway
    | Status
    | ErrorReport
)
