"""What may be set, as frozen values with a type, a range and a unit.

The defaults are in ``conf/gateway.toml`` and nowhere else.
"""

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tornado_app.contradictions import DEVELOPMENT_PREFIX, Contradiction, contradictions
from tornado_app.settings_check import OTHER_VARIABLES, Secret, Source, variable

Environment = Literal["development", "production"]
Algorithm = Literal["HS256", "HS384", "HS512"]
TurnDetection = Literal["server_vad", "semantic_vad", "none"]
BacklogPolicy = Literal["push_back", "refuse", "drop_oldest"]

Word = Annotated[str, Meta(min_length=1, max_length=200)]


class Server(msgspec.Struct, frozen=True):
    """Where it listens, whom it believes, how it ends."""

    environment: Environment
    host: Word
    port: Annotated[int, Meta(ge=0, le=65535)]
    allowed_origins: tuple[Word, ...]
    trusted_proxies: tuple[Word, ...]
    drain_s: Annotated[float, Meta(ge=0.1, le=3600)]
    drain_notice_s: Annotated[float, Meta(ge=0, le=600)]
    state_dir: Word


class Auth(msgspec.Struct, frozen=True):
    """Which tokens are good."""

    secret: Secret
    algorithms: Annotated[tuple[Algorithm, ...], Meta(min_length=1)]
    issuer: Annotated[str, Meta(max_length=200)]
    audience: Annotated[str, Meta(max_length=200)]
    allow_query_token: Annotated[bool, Meta(description='"auto", true or false')]
    leeway_s: Annotated[float, Meta(ge=0, le=300)]
    max_lifetime_s: Annotated[float, Meta(ge=60, le=2_592_000)]


class Upstream(msgspec.Struct, frozen=True):
    """The model: where it is and how long it may take."""

    url: Annotated[str, Meta(max_length=2000)]
    api_key: Secret
    auth_header: Literal["authorization", "api-key"]
    model: Word
    safety_identifier: bool
    connect_timeout_s: Annotated[float, Meta(ge=0.1, le=60)]
    ready_timeout_s: Annotated[float, Meta(ge=0.1, le=120)]
    write_timeout_s: Annotated[float, Meta(ge=0.1, le=60)]
    ping_interval_s: Annotated[float, Meta(ge=0.1, le=3600)]
    read_timeout_s: Annotated[float, Meta(ge=0.1, le=3600)]
    outbox_bytes: Annotated[int, Meta(ge=65_536, le=268_435_456)]
    message_bytes: Annotated[int, Meta(ge=65_536, le=268_435_456)]
    reconnect_attempts: Annotated[int, Meta(ge=0, le=100)]
    reconnect_initial_ms: Annotated[int, Meta(ge=1, le=60_000)]
    reconnect_max_ms: Annotated[int, Meta(ge=1, le=600_000)]


class Session(msgspec.Struct, frozen=True):
    """How a call behaves unless its client asks for something else, and what it may ask for."""

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
    max_output_tokens: Annotated[int, Meta(ge=0, le=4096)]


class Audio(msgspec.Struct, frozen=True):
    """The pool that checks and resamples."""

    threads: Annotated[int, Meta(ge=1, le=64)]
    gather_ms: Annotated[float, Meta(ge=0, le=100)]
    hold_ms: Annotated[int, Meta(ge=100, le=600_000)]
    backlog: BacklogPolicy
    remove_dc: bool
    limit_peaks: bool
    file_bytes: Annotated[int, Meta(ge=1024, le=16_777_216)]
    file_ms: Annotated[int, Meta(ge=100, le=600_000)]
    file_timeout_s: Annotated[float, Meta(ge=0.1, le=60)]
    file_memory_bytes: Annotated[int, Meta(ge=268_435_456, le=8_589_934_592)]


class Limits(msgspec.Struct, frozen=True):
    """How much anybody may have."""

    connections: Annotated[int, Meta(ge=1, le=1_000_000)]
    connections_per_user: Annotated[int, Meta(ge=1, le=1_000_000)]
    messages_per_s: Annotated[float, Meta(ge=1, le=100_000)]
    message_burst: Annotated[int, Meta(ge=1, le=1_000_000)]
    message_bytes: Annotated[int, Meta(ge=1024, le=16_777_216)]
    audio_rate: Annotated[float, Meta(ge=1.1, le=100_000)]
    audio_burst_ms: Annotated[int, Meta(ge=1000, le=600_000)]
    errors_per_minute: Annotated[int, Meta(ge=1, le=100_000)]
    outbound_bytes: Annotated[int, Meta(ge=16_384, le=268_435_456)]


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
    heartbeat: Heartbeat
    buffers: Buffers
    logging: Logging
    model: Model


class InvalidSettings(Exception):
    """The settings cannot be used; *problems* are sentences, one for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


SECTIONS: Mapping[str, type[msgspec.Struct]] = {
    section.name: section.type for section in msgspec.structs.fields(Settings)
}


def load(
    defaults_toml: str,
    config_toml: str | None,
    environ: Mapping[str, str],
    further: Callable[[Settings], Iterable[Contradiction]] = lambda _: (),
) -> Settings:
    """Lay the operator's file over the defaults, and the environment over both.

    *further* says what else cannot be used of settings whose types are right.

    Raises:
        InvalidSettings: With everything that is wrong, at once.
    """
    source = Source(SECTIONS)
    defaults = source.from_toml("the file of defaults", defaults_toml)
    fallback = source.convert(_resolve(defaults))
    if source.problems:
        raise InvalidSettings(source.problems)

    values = defaults | source.from_toml("the configuration file", config_toml or "")
    values |= source.from_environment(environ)
    for name, other in OTHER_VARIABLES.items():
        if variable(name) not in environ and not values[name]:
            values[name] = environ.get(other, "")
    settings = _build(fallback | source.convert(_resolve(values)))

    # What follows from a value that could not be read would only mislead.
    if source.readable:
        source.problems += [
            str(contradiction)
            for contradiction in (*contradictions(settings), *further(settings))
            if source.wrong.isdisjoint(contradiction.names)
        ]
    if source.problems:
        raise InvalidSettings(source.problems)
    return settings


def _resolve(values: dict[str, Any]) -> dict[str, Any]:
    """Settle what "auto" means in this environment."""
    development = values.get("server.environment") == "development"
    meanings: dict[str, Any] = {
        "auth.allow_query_token": development,
        "logging.format": "console" if development else "json",
    }
    return values | {n: meaning for n, meaning in meanings.items() if values.get(n) == "auto"}


def _build(values: Mapping[str, object]) -> Settings:
    sections: dict[str, Any] = {
        section: structure(
            **{key: values[f"{section}.{key}"] for key in structure.__struct_fields__}
        )
        for section, structure in SECTIONS.items()
    }
    return Settings(**sections)


def with_development_secret(settings: Settings) -> Settings:
    """The same settings; in development, with the secret of this computer if they have none.

    Raises:
        InvalidSettings: If that file holds something else.
        OSError: If it cannot be read or written.
    """
    if settings.server.environment == "production" or settings.auth.secret:
        return settings
    secret = Secret(development_secret(Path(settings.server.state_dir)))
    return msgspec.structs.replace(
        settings, auth=msgspec.structs.replace(settings.auth, secret=secret)
    )


def development_secret(state_dir: Path) -> str:
    """Read the secret of this computer, after making it if there is none.

    Only the user who runs this can read the file.

    Raises:
        InvalidSettings: If the file holds something else.
        OSError: If it cannot be read or written.
    """
    path = state_dir / "dev-secret"
    if not path.exists():
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_once(path, DEVELOPMENT_PREFIX + secrets.token_urlsafe(48))
    secret = _read_private(path)
    if not secret.startswith(DEVELOPMENT_PREFIX) or len(secret) < len(DEVELOPMENT_PREFIX) + 64:
        raise InvalidSettings([f"{path}: is not a development secret; delete it for a new one"])
    return secret


def _write_once(path: Path, text: str) -> None:
    # Of two processes that start at once, one gets the name and both read the same, complete file.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(text)
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(temporary)
    finally:
        Path(temporary).unlink()


def _read_private(path: Path) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    with os.fdopen(handle, encoding="ascii", errors="replace") as file:
        if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077:
            os.fchmod(handle, 0o600)
        return file.read(1024).strip()
