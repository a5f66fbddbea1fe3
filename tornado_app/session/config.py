"""The facts of one session that never change while it lives."""

from dataclasses import dataclass, field
from typing import Literal

from tornado_app.policy.settling import CallRules
from tornado_app.protocol.realtime.functions import Function, HandedServer, Manners
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.session.record import RecordedParts
from workers.formats import StreamFormat

BacklogPolicy = Literal["push_back", "refuse", "drop_oldest"]
FalseStart = Literal["stop", "go_on"]
LostAnswer = Literal["continue", "ask_again", "tell"]


@dataclass(frozen=True, slots=True)
class ToolRules:
    """What the model of one call may have done for it, and how much of that."""

    functions: tuple[Function, ...] = ()
    """Those of the server; those of the client are in `ModelSession`."""
    at_once: int = 8
    """So many may run at a time."""
    arguments_bytes: int = 16_384
    result_bytes: int = 65_536
    client_timeout_s: float = 30.0
    """How long a client has for a tool of its own."""
    handed: tuple[HandedServer, ...] = ()
    """Whose tools the model calls itself."""
    filler: str = ""
    """What the model is to say when a tool takes long, if that has no other; empty: nothing."""
    filler_after_ms: float = 2000.0

    @property
    def told(self) -> tuple[Function | HandedServer, ...]:
        """What the model is told of the server's."""
        return (*self.functions, *self.handed)

    def filler_of(self, manners: Manners) -> tuple[str, float]:
        """What is to be said of a tool, and when."""
        filler = self.filler if manners.filler is None else manners.filler
        after_ms = manners.filler_after_ms
        return filler, self.filler_after_ms if after_ms is None else after_ms


@dataclass(frozen=True, slots=True)
class PictureRules:
    """What the client of one call may show."""

    are_allowed: bool = False
    size_bytes: int = 180_000
    side_px: int = 8192
    per_call: int = 20
    per_minute: float = 6.0


@dataclass(frozen=True, slots=True)
class TimeRules:
    """How long what may last; 0 of a limit: for ever."""

    idle_timeout_s: float = 0.0
    """Nobody has said anything, and nothing has played."""
    idle_warning_s: float = 60.0
    max_call_s: float = 0.0
    call_warning_s: float = 60.0
    call_grace_s: float = 20.0
    """How long the end of a call may wait until nobody speaks."""
    goodbye: str = field(default="", repr=False)
    """What the model is to say before that; empty: nothing."""
    microphone_silence_s: float = 0.0
    """A client that streams has sent nothing but digital silence, or nothing at all."""
    first_audio_s: float = 0.0
    """An answer was asked for, and nothing of it has come."""


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """What is told of quotas before and when they are used up."""

    warn_at: tuple[float, ...] = ()
    """Parts of a quota, up to 1."""
    goodbye: str = field(default="", repr=False)
    """What the model is to say before the call ends; empty: nothing."""
    currency: str = ""
    """Of what is told of money."""


@dataclass(frozen=True, slots=True)
class PresenceRules:
    """When a client counts as silent, and how long one that was lost is waited for."""

    ping_interval_s: float
    read_timeout_s: float
    resume_window_s: float = 0.0
    """How long the session waits for a client that was lost; 0: not at all."""
    resume_bytes: int = 1 << 20
    """How much of what a client was told is kept for it."""


@dataclass(frozen=True, slots=True)
class RateRules:
    """How much the client of one call may say in which time."""

    audio_rate: float
    """How many times faster than speech audio may come, on the average."""
    audio_burst_ms: float
    messages_per_s: float
    message_burst: float
    errors_per_minute: float
    format_changes_per_minute: float = 300.0


@dataclass(frozen=True, slots=True)
class UplinkRules:
    """What becomes of the client's speech on its way to the model."""

    hold_ms: float
    """How much audio may wait for the model before `backlog` says what becomes of more."""
    backlog: BacklogPolicy
    outbox_bytes: int
    """How much may wait to be sent to the model."""
    file_bytes: int
    """The largest complete file."""
    remove_dc: bool
    limit_peaks: bool


@dataclass(frozen=True, slots=True)
class DiallingRules:
    """How a call comes to its model, and to the next when that is lost."""

    ready_timeout_s: float
    reconnect_attempts: int
    reconnect_initial_ms: int
    reconnect_max_ms: int
    upstreams: int = 1
    """How many there are to go to, if one lets the call down."""


@dataclass(frozen=True, slots=True)
class AnswerRules:
    """How long answers may take, how much they may be, and what becomes of those that break off."""

    response_timeout_s: float
    """From a request to the model's first word that it took it up."""
    response_stall_s: float
    """How long an answer that has begun may say nothing."""
    lost_answer: LostAnswer = "continue"
    """What becomes of an answer whose model is lost."""
    false_start: FalseStart = "stop"
    """What becomes of an answer that was stopped by a noise."""
    false_start_ms: float = 1500.0
    """How long a noise may be, and how long behind it words may come."""
    most_output_tokens: int = 0
    """Which nobody may raise an answer's beyond; 0: that is not bounded."""


@dataclass(frozen=True, slots=True)
class MemoryRules:
    """How much of the conversation is kept for the next model."""

    ledger_entries: int = 1000
    """How many items."""
    ledger_bytes: int = 524_288
    summary_timeout_s: float = 0.0
    """How long the operator's function may take that sums up what is too old; 0: there is none."""
    speech_kept_ms: float = 15_000.0
    """How much of the speech that no transcript stands for yet."""


@dataclass(frozen=True, slots=True)
class RollOverRules:
    """When a call goes over to another model's session before its own has ended."""

    session_limit_s: float = 0.0
    """How long a model's session may be that does not say so itself; 0: for ever."""
    roll_over_before_s: float = 300.0
    """How long before its end a quiet moment for going over to the next is looked for."""
    return_after_s: float = 0.0
    """The same when an upstream that is wanted more has been well for so long, or up to twice that;
    0: never."""
    context_tokens: int = 0
    """The same as soon as what the model knows is so much; 0: never."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """Times are seconds of the monotonic clock unless the name says otherwise."""

    session_id: str
    user_id: str
    scopes: frozenset[str]
    model_session: ModelSession
    """What is in force when the call begins."""
    call_rules: CallRules
    """Who may change what of it."""
    source: StreamFormat
    target: StreamFormat
    passes_through: bool
    """The model's base64 goes to the client untouched."""
    binary_output: bool
    outbound_bytes: int
    """How much may wait for the client."""
    wants_resume: bool
    ignored: tuple[str, ...]
    """Parameters of the opening that were not understood."""
    opened_at: float
    opened_at_unix_ms: int
    token_expires_at_unix_s: float
    token_leeway_s: float
    presence: PresenceRules
    dialling: DiallingRules
    answers: AnswerRules
    uplink: UplinkRules
    rates: RateRules
    call_bytes: int
    """How much of this call may be kept in all."""
    tools: ToolRules = ToolRules()
    pictures: PictureRules = PictureRules()
    has_opus: bool = True
    """The server has its codec."""
    memory: MemoryRules = MemoryRules()
    roll_over: RollOverRules = RollOverRules()
    model_is_open: bool = False
    """The address names none: a client that conducts may, with the first that it says."""
    transcription_models: tuple[str, ...] = ()
    """Which a client that conducts may name beside that of `model_session`."""
    times: TimeRules = TimeRules()
    quotas: QuotaRules = QuotaRules()
    token_id: str | None = None
    """The token's own number, by which it may be taken back."""
    client_conducts: bool = False
    """The client asks the model itself; what both say is relayed."""
    recorded: RecordedParts | None = None
    """None: nothing of it is written down."""
    shows_cost: bool = False
    """Its client may see what it costs."""
    is_timed: bool = False
    """Some pieces of its audio are timed on their way."""

    def unix_ms(self, now: float) -> int:
        """*now* as Unix milliseconds, untouched by steps of the wall clock."""
        return self.opened_at_unix_ms + int((now - self.opened_at) * 1000)
