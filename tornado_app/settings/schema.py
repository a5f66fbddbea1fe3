"""What may be set, as frozen values with a type, a range and a unit.

The defaults are in ``conf/gateway.toml`` and nowhere else.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tornado_app.settings.secret import Secret

Environment = Literal["development", "production"]
Algorithm = Literal["HS256", "HS384", "HS512"]
TurnDetection = Literal["server_vad", "semantic_vad", "none"]
BacklogPolicy = Literal["push_back", "refuse", "drop_oldest"]
LostAnswer = Literal["continue", "ask_again", "tell"]
FalseStart = Literal["stop", "go_on"]

LOCAL = "local"
"""As `upstream.url`: the model on this computer, whatever keys there are."""

Word = Annotated[str, Meta(min_length=1, max_length=200)]


class Server(msgspec.Struct, frozen=True):
    """Where it listens, whom it believes, how it ends."""

    environment: Environment
    host: Word
    port: Annotated[int, Meta(ge=0, le=65535)]
    allowed_origins: tuple[Word, ...]
    trusted_proxies: tuple[Word, ...]
    processes: Annotated[int, Meta(ge=0, le=256)]
    one_core: bool
    drain_s: Annotated[float, Meta(ge=0.1, le=3600)]
    drain_notice_s: Annotated[float, Meta(ge=0, le=600)]
    state_dir: Word


class Auth(msgspec.Struct, frozen=True):
    """Which tokens are good."""

    secret: Secret
    previous_secret: Secret
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)]
    issuer: Annotated[str, Meta(max_length=200)]
    audience: Annotated[str, Meta(max_length=200)]
    allow_query_token: Annotated[bool, Meta(description='"auto", true or false')]
    allow_first_message: bool
    first_message_s: Annotated[float, Meta(ge=0.1, le=60)]
    leeway_s: Annotated[float, Meta(ge=0, le=300)]
    max_lifetime_s: Annotated[float, Meta(ge=60, le=2_592_000)]
    session_claim: Word
    sealing_key: Secret
    previous_sealing_key: Secret
    application_keys: Annotated[tuple[Secret, ...], Meta(max_length=16)]
    issuers_file: Annotated[str, Meta(max_length=4096)]
    revoked_file: Annotated[str, Meta(max_length=4096)]
    token_bytes: Annotated[int, Meta(ge=1024, le=65_536)]


AuthHeader = Literal["authorization", "api-key"]
UpstreamName = Annotated[
    str,
    Meta(
        pattern=r"\A[a-z0-9][a-z0-9_-]{0,31}\Z",
        description="up to 32 lower-case letters, digits, - and _",
    ),
]


class Fallback(msgspec.Struct, frozen=True, kw_only=True):
    """A table ``[[upstream.fallbacks]]``: another model, for when those before it are out."""

    name: UpstreamName
    url: Annotated[str, Meta(min_length=1, max_length=2000)]
    api_key: Secret = Secret("")
    auth_header: AuthHeader = "authorization"
    model: Annotated[str, Meta(max_length=200)] = ""
    models: dict[Word, Word] = {}
    voices: dict[Word, Word] = {}
    transcription_model: Annotated[str, Meta(max_length=200)] = ""


class Upstream(msgspec.Struct, frozen=True):
    """The model: where it is and how long it may take."""

    name: UpstreamName
    url: Annotated[str, Meta(max_length=2000)]
    api_key: Secret
    auth_header: AuthHeader
    model: Word
    fallbacks: Annotated[
        tuple[Fallback, ...],
        Meta(description="tables, written as [[upstream.fallbacks]] (a list of objects as JSON)"),
    ]
    fallback_after_ms: Annotated[int, Meta(ge=10, le=60_000)]
    breaker_failures: Annotated[int, Meta(ge=1, le=1000)]
    breaker_window_s: Annotated[float, Meta(ge=0.1, le=3600)]
    breaker_open_s: Annotated[float, Meta(ge=0.1, le=3600)]
    breaker_open_max_s: Annotated[float, Meta(ge=0.1, le=3600)]
    return_after_s: Annotated[float, Meta(ge=0, le=3600)]
    safety_identifier: bool
    try_at_start: Annotated[bool, Meta(description='"auto", true or false')]
    connect_timeout_s: Annotated[float, Meta(ge=0.1, le=60)]
    ready_timeout_s: Annotated[float, Meta(ge=0.1, le=120)]
    response_stall_s: Annotated[float, Meta(ge=0.1, le=3600)]
    write_timeout_s: Annotated[float, Meta(ge=0.1, le=60)]
    ping_interval_s: Annotated[float, Meta(ge=0.1, le=3600)]
    read_timeout_s: Annotated[float, Meta(ge=0.1, le=3600)]
    outbox_bytes: Annotated[int, Meta(ge=65_536, le=268_435_456)]
    message_bytes: Annotated[int, Meta(ge=65_536, le=268_435_456)]
    spare_links: Annotated[int, Meta(ge=0, le=100)]
    spare_link_s: Annotated[float, Meta(ge=1, le=86_400)]
    reconnect_attempts: Annotated[int, Meta(ge=0, le=100)]
    reconnect_initial_ms: Annotated[int, Meta(ge=1, le=60_000)]
    reconnect_max_ms: Annotated[int, Meta(ge=1, le=600_000)]
    lost_answer: LostAnswer
    speech_kept_ms: Annotated[int, Meta(ge=0, le=600_000)]
    session_limit_s: Annotated[float, Meta(ge=0, le=604_800)]
    roll_over_before_s: Annotated[float, Meta(ge=10, le=86_400)]
    context_tokens: Annotated[int, Meta(ge=0, le=10_000_000)]


class Session(msgspec.Struct, frozen=True):
    """How a call behaves unless its client asks for something else, and what it may ask for."""

    policy_file: Annotated[str, Meta(max_length=4096)]
    instructions: Annotated[str, Meta(max_length=65_536)]
    voice: Word
    voices: tuple[Word, ...]
    models: tuple[Word, ...]
    turn_detection: TurnDetection
    turn_detections: tuple[TurnDetection, ...]
    vad_threshold: Annotated[float, Meta(ge=0, le=1)]
    vad_prefix_padding_ms: Annotated[int, Meta(ge=0, le=10_000)]
    vad_silence_ms: Annotated[int, Meta(ge=50, le=10_000)]
    transcription_model: Annotated[str, Meta(max_length=200)]
    transcription_models: tuple[Word, ...]
    max_output_tokens: Annotated[int, Meta(ge=0, le=4096)]
    false_start: FalseStart
    false_start_ms: Annotated[int, Meta(ge=100, le=4000)]
    idle_timeout_s: Annotated[float, Meta(ge=0, le=86_400)]
    idle_warning_s: Annotated[float, Meta(ge=0, le=3600)]
    max_call_s: Annotated[float, Meta(ge=0, le=86_400)]
    call_warning_s: Annotated[float, Meta(ge=0, le=3600)]
    call_grace_s: Annotated[float, Meta(ge=0, le=120)]
    goodbye: Annotated[str, Meta(max_length=1000)]
    microphone_silence_s: Annotated[float, Meta(ge=0, le=3600)]
    first_audio_timeout_s: Annotated[float, Meta(ge=0, le=600)]
    resume_window_s: Annotated[float, Meta(ge=0, le=600)]
    resume_bytes: Annotated[int, Meta(ge=65_536, le=67_108_864)]
    ledger_entries: Annotated[int, Meta(ge=0, le=100_000)]
    ledger_bytes: Annotated[int, Meta(ge=4096, le=268_435_456)]


class Audio(msgspec.Struct, frozen=True):
    """The pool that checks and resamples."""

    threads: Annotated[int, Meta(ge=1, le=64)]
    gather_ms: Annotated[float, Meta(ge=0, le=100)]
    hold_ms: Annotated[int, Meta(ge=100, le=600_000)]
    backlog: BacklogPolicy
    remove_dc: bool
    limit_peaks: bool
    file_bytes: Annotated[int, Meta(ge=256, le=16_777_216)]
    file_ms: Annotated[int, Meta(ge=100, le=600_000)]
    file_timeout_s: Annotated[float, Meta(ge=0.1, le=60)]
    file_memory_bytes: Annotated[int, Meta(ge=268_435_456, le=8_589_934_592)]


class Limits(msgspec.Struct, frozen=True):
    """How much anybody may have."""

    connections: Annotated[int, Meta(ge=1, le=1_000_000)]
    connections_per_user: Annotated[int, Meta(ge=1, le=1_000_000)]
    connections_per_address: Annotated[int, Meta(ge=0, le=1_000_000)]
    connections_per_organisation: Annotated[int, Meta(ge=0, le=1_000_000)]
    openings_per_s: Annotated[int, Meta(ge=0, le=100_000)]
    openings_per_user_per_minute: Annotated[int, Meta(ge=0, le=100_000)]
    organisation_claim: Annotated[tuple[Word, ...], Meta(max_length=8)]
    plan_claim: Annotated[tuple[Word, ...], Meta(max_length=8)]
    plans_file: Annotated[str, Meta(max_length=4096)]
    unauthenticated: Annotated[int, Meta(ge=16, le=1_000_000)]
    unauthenticated_per_address: Annotated[int, Meta(ge=1, le=1_000_000)]
    messages_per_s: Annotated[float, Meta(ge=1, le=100_000)]
    message_burst: Annotated[int, Meta(ge=1, le=1_000_000)]
    message_bytes: Annotated[int, Meta(ge=1024, le=16_777_216)]
    audio_rate: Annotated[float, Meta(ge=1.1, le=100_000)]
    audio_burst_ms: Annotated[int, Meta(ge=1000, le=600_000)]
    image_bytes: Annotated[int, Meta(ge=256, le=12_000_000)]
    image_side_px: Annotated[int, Meta(ge=16, le=65_535)]
    images_per_call: Annotated[int, Meta(ge=1, le=100_000)]
    images_per_minute: Annotated[int, Meta(ge=1, le=100_000)]
    format_changes_per_minute: Annotated[int, Meta(ge=1, le=100_000)]
    errors_per_minute: Annotated[int, Meta(ge=1, le=100_000)]
    outbound_bytes: Annotated[int, Meta(ge=16_384, le=268_435_456)]
    call_bytes: Annotated[int, Meta(ge=65_536, le=1_073_741_824)]
    process_bytes: Annotated[int, Meta(ge=1_048_576, le=1_099_511_627_776)]


Amount = Annotated[float, Meta(ge=0, le=1e12)]


class Quotas(msgspec.Struct, frozen=True):
    """How much anybody may have in a day or a month; 0 is no bound."""

    audio_s_per_user_per_day: Amount
    audio_s_per_user_per_month: Amount
    audio_s_per_organisation_per_day: Amount
    audio_s_per_organisation_per_month: Amount
    tokens_per_user_per_day: Amount
    tokens_per_user_per_month: Amount
    tokens_per_organisation_per_day: Amount
    tokens_per_organisation_per_month: Amount
    money_per_user_per_day: Amount
    money_per_user_per_month: Amount
    money_per_organisation_per_day: Amount
    money_per_organisation_per_month: Amount
    warn_at: Annotated[tuple[Annotated[float, Meta(gt=0, lt=1)], ...], Meta(max_length=8)]
    goodbye: Annotated[str, Meta(max_length=1000)]


class Shared(msgspec.Struct, frozen=True):
    """Where several machines count together."""

    redis_url: Secret
    key_prefix: Annotated[
        str, Meta(pattern=r"\A[A-Za-z0-9._-]{1,64}\Z", description="1 to 64 of A-Z a-z 0-9 . _ -")
    ]
    timeout_s: Annotated[float, Meta(ge=0.01, le=5)]
    lease_s: Annotated[float, Meta(ge=3, le=300)]
    when_away: Literal["count_here", "refuse"]


class Heartbeat(msgspec.Struct, frozen=True):
    """How soon a dead client is noticed."""

    interval_s: Annotated[float, Meta(ge=0.1, le=3600)]
    read_timeout_s: Annotated[float, Meta(ge=0.1, le=3600)]
    write_timeout_s: Annotated[float, Meta(ge=0.1, le=600)]


class Buffers(msgspec.Struct, frozen=True):
    """How much is read or written at once."""

    read_bytes: Annotated[int, Meta(ge=512, le=1_048_576)]
    write_bytes: Annotated[int, Meta(ge=512, le=1_048_576)]


class Logging(msgspec.Struct, frozen=True):
    """How much is logged, and for whom."""

    level: Literal["debug", "info", "warning", "error"]
    format: Annotated[
        Literal["console", "json"], Meta(description='one of "auto", "console", "json"')
    ]


Filler = Annotated[
    str,
    Meta(
        max_length=300,
        pattern=r"\A[^\x00-\x1f\x7f\u2028\u2029]*\Z",
        description="one line of at most 300 characters",
    ),
]
"""What stood on a second line would be an instruction of its own."""
FillerDelay = Annotated[float, Meta(ge=0, le=300_000)]


class Tools(msgspec.Struct, frozen=True):
    """What the model may call: the tools of the server, and bounds of those of clients as well."""

    file: Annotated[str, Meta(max_length=2000)]
    calls_at_once: Annotated[int, Meta(ge=1, le=64)]
    arguments_bytes: Annotated[int, Meta(ge=256, le=262_144)]
    result_bytes: Annotated[int, Meta(ge=256, le=1_048_576)]
    client_timeout_s: Annotated[float, Meta(gt=0, le=300)]
    filler: Filler
    filler_after_ms: FillerDelay


class Recordings(msgspec.Struct, frozen=True):
    """Which calls are written down, and for how long."""

    calls: Literal["none", "asked", "all"]
    parts: Literal["both", "audio", "words"]
    directory: Annotated[str, Meta(min_length=1, max_length=4096)]
    keep_days: Annotated[float, Meta(gt=0, le=36_500)]
    keep_bytes: Annotated[int, Meta(ge=1_048_576, le=1_125_899_906_842_624)]


class Metrics(msgspec.Struct, frozen=True):
    """Where a scraper finds what is counted."""

    enabled: bool
    host: Word
    port: Annotated[int, Meta(ge=0, le=65535)]


class Usage(msgspec.Struct, frozen=True):
    """Section ``[usage]``."""

    database: Annotated[str, Meta(max_length=4096)]
    postgres_url: Secret
    lines_file: Annotated[str, Meta(max_length=4096)]
    lines_bytes: Annotated[int, Meta(ge=65_536, le=1_099_511_627_776)]
    keep_days: Annotated[float, Meta(gt=0, le=36_500)]
    prices_file: Annotated[str, Meta(max_length=4096)]
    show_cost: bool


class Traces(msgspec.Struct, frozen=True):
    """What a collector of OpenTelemetry is told of calls."""

    enabled: bool
    endpoint: Annotated[str, Meta(max_length=2000)]
    headers: Secret
    service_name: Word
    sample: Annotated[float, Meta(ge=0, le=1)]
    take_parent: bool
    user: Literal["none", "hash", "plain"]


class Admin(msgspec.Struct, frozen=True):
    """Section ``[admin]``."""

    keys: Annotated[tuple[Secret, ...], Meta(max_length=64)]
    audit_file: Annotated[str, Meta(max_length=4096)]
    listeners: Annotated[tuple[Word, ...], Meta(max_length=64)]


class Console(msgspec.Struct, frozen=True):
    """The page at `/`."""

    enabled: Annotated[bool, Meta(description='"auto", true or false')]
    token_url: Annotated[str, Meta(max_length=2000)]


class OpenAI(msgspec.Struct, frozen=True):
    """The addresses of the OpenAI API."""

    enabled: Annotated[bool, Meta(description='"auto", true or false')]


class Model(msgspec.Struct, frozen=True):
    """The model on this computer."""

    mode: Literal["auto", "speech", "echo"]
    pace: Annotated[float, Meta(ge=0.1, le=1000)]
    fault: Annotated[str, Meta(max_length=1000)]
    chat_url: Annotated[str, Meta(max_length=2000)]
    chat_model: Annotated[str, Meta(max_length=200)]
    chat_api_key: Secret
    chat_connect_timeout_s: Annotated[float, Meta(ge=0.1, le=60)]
    chat_first_timeout_s: Annotated[float, Meta(ge=0.1, le=600)]
    chat_stall_timeout_s: Annotated[float, Meta(ge=0.1, le=600)]


class Settings(msgspec.Struct, frozen=True):
    """Everything that may be set.  Its repr shows no secret."""

    server: Server
    auth: Auth
    upstream: Upstream
    session: Session
    audio: Audio
    limits: Limits
    quotas: Quotas
    shared: Shared
    heartbeat: Heartbeat
    buffers: Buffers
    logging: Logging
    tools: Tools
    recordings: Recordings
    metrics: Metrics
    traces: Traces
    usage: Usage
    admin: Admin
    console: Console
    openai: OpenAI
    model: Model


SECTIONS: Mapping[str, type[msgspec.Struct]] = {
    section.name: section.type for section in msgspec.structs.fields(Settings)
}
