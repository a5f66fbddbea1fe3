"""What is wrong with settings although each has its type: unusable, or unsafe in production."""

import json
import math
from collections.abc import Iterator

from terminal.addresses import MUST_BE_HOST, is_host
from tornado_app.admission import origins, proxies, sealing
from tornado_app.admission.application_keys import LEAST_CHARACTERS
from tornado_app.admission.budget import ENTRY_BYTES, LOW_PART
from tornado_app.admission.claims import REGISTERED
from tornado_app.admission.operator_keys import OperatorKeys
from tornado_app.settings.contradiction import Contradiction, value_of
from tornado_app.settings.fallbacks import (
    VOICES,
    WEBSOCKET_ADDRESS,
    has_known_voices,
    is_websocket,
    wrong_fallbacks,
)
from tornado_app.settings.production import unsafe
from tornado_app.settings.reading import label
from tornado_app.settings.schema import LOCAL, Admin, Quotas, Settings
from tornado_app.settings.shapes import (
    SECRET_BYTES,
    is_header_text,
    is_page_address,
    is_postgres,
    is_redis,
    is_url,
    read_headers,
)

MODEL_BYTES_PER_MS = 64
SHORT_CHUNK_MS = 10  # what waits has an entry for each chunk
ENVELOPE_BYTES = 256  # a message around its audio, with every field
WORDS_CHARACTERS = 32_768  # docs/protocol.md, text
LONGEST_CHUNK_MS = 10_000  # docs/protocol.md, audio
LONGEST_MS_PER_BYTE = 1 / 8  # one byte a sample at 8 kHz, in a binary frame
"""Of audio on its way to the model: 24 kHz pcm16, as base64."""


def contradictions(settings: Settings) -> Iterator[Contradiction]:
    """What cannot work, or is not safe in production."""
    yield from _between(settings)
    yield from _too_little_memory(settings)
    yield from _too_little_room(settings)
    yield from _unusable(settings)
    yield from _unusable_spares(settings)
    yield from _unusable_claims(settings)
    if settings.server.environment == "production":
        yield from unsafe(settings)


def _between(settings: Settings) -> Iterator[Contradiction]:
    smaller_than = {
        "server.drain_notice_s": "server.drain_s",
        "heartbeat.interval_s": "heartbeat.read_timeout_s",
        "upstream.ping_interval_s": "upstream.read_timeout_s",
        "auth.leeway_s": "auth.max_lifetime_s",
    }
    for small, large in smaller_than.items():
        if value_of(settings, small) >= value_of(settings, large):
            yield Contradiction(f"must be less than {label(large)}", (small, large))
    for name, most, why in (
        ("upstream.reconnect_initial_ms", "upstream.reconnect_max_ms", ""),
        ("upstream.breaker_open_s", "upstream.breaker_open_max_s", ""),
        ("audio.file_ms", "audio.hold_ms", ": all of a file waits for the model at once"),
    ):
        if value_of(settings, name) > value_of(settings, most):
            yield Contradiction(f"must not be more than {label(most)}{why}", (name, most))
    if settings.metrics.enabled and 0 < settings.metrics.port == settings.server.port:
        names = ("metrics.port", "server.port")
        yield Contradiction(f"must not be that of {label(names[1])}", names)
    if settings.admin.keys and not settings.metrics.enabled:
        names = ("admin.keys", "metrics.enabled")
        yield Contradiction(f"needs {label(names[1])}: it is at the address of the metrics", names)
    yield from _secret_listening(settings.admin)


def _secret_listening(admin: Admin) -> Iterator[Contradiction]:
    """Who listens to a call is somebody, and is written down."""
    if not admin.listeners:
        return
    strangers = set(admin.listeners) - OperatorKeys(key.reveal() for key in admin.keys).names
    if strangers:
        reason = f"must be names of keys, and none has {', '.join(sorted(strangers))}"
        yield Contradiction(reason, ("admin.listeners", "admin.keys"))
    if not admin.audit_file:
        names = ("admin.listeners", "admin.audit_file")
        yield Contradiction(f"needs {label(names[1])}, which says who listened to what", names)


def _too_little_memory(settings: Settings) -> Iterator[Contradiction]:
    """What may be kept of a call has to hold what other settings let it keep."""
    limits, audio = settings.limits, settings.audio
    waiting_bytes = audio.hold_ms * (MODEL_BYTES_PER_MS + ENTRY_BYTES / SHORT_CHUNK_MS)
    if audio.backlog == "drop_oldest":
        # All of it waits for as long as the model is away, and a client that was held back is read
        # again when half of the bound is left.
        waiting_bytes /= LOW_PART
    for name, least_bytes in (
        # Four times as much is read of one that is too large, and must not fill it alone.
        ("limits.message_bytes", 16 * limits.message_bytes),
        ("audio.hold_ms", math.ceil(waiting_bytes)),
        ("tools.result_bytes", 4 * settings.tools.result_bytes),
    ):
        if limits.call_bytes < least_bytes:
            reason = f"must be at least {least_bytes} for this {label(name)}"
            yield Contradiction(reason, ("limits.call_bytes", name))
    if limits.process_bytes < 2 * limits.call_bytes:
        names = ("limits.process_bytes", "limits.call_bytes")
        yield Contradiction(f"must be at least twice {label(names[1])}", names)


def _too_little_room(settings: Settings) -> Iterator[Contradiction]:
    """What one bound lets come has to fit in the next, or it ends what it should not."""
    limits, audio, upstream = settings.limits, settings.audio, settings.upstream
    for name, what in (("audio.file_bytes", "file"), ("limits.image_bytes", "picture")):
        whole_bytes = -(-value_of(settings, name) // 3) * 4 + ENVELOPE_BYTES
        if limits.message_bytes < whole_bytes:
            reason = (
                f"must be at least {whole_bytes} for this {label(name)}: a {what} is one message"
            )
            yield Contradiction(reason, ("limits.message_bytes", name))
    chunk_ms = min(limits.message_bytes * LONGEST_MS_PER_BYTE, LONGEST_CHUNK_MS)
    order_bytes = int(max(chunk_ms, audio.file_ms) * MODEL_BYTES_PER_MS)
    # A quarter of it may be full before more is kept back, and one order more goes there.
    if upstream.outbox_bytes * 3 // 4 < order_bytes:
        least_bytes = -(-order_bytes * 4 // 3)
        reason = f"must be at least {least_bytes} for this {label('audio.file_ms')} and long chunks"
        yield Contradiction(reason, ("upstream.outbox_bytes", "audio.file_ms"))
    yield from _too_little_room_for_pictures(settings)
    # A character of a result that JSON escapes takes six.
    result_bytes = 6 * settings.tools.result_bytes
    if upstream.outbox_bytes * 3 // 4 < result_bytes:
        least_bytes = -(-result_bytes * 4 // 3)
        reason = f"must be at least {least_bytes} for this {label('tools.result_bytes')}"
        yield Contradiction(reason, ("upstream.outbox_bytes", "tools.result_bytes"))
    tools = settings.tools
    if tools.filler and tools.filler_after_ms >= 1000 * tools.client_timeout_s:
        names = ("tools.filler_after_ms", "tools.client_timeout_s")
        yield Contradiction(f"must be less than {label(names[1])}: it would never be said", names)
    if settings.buffers.write_bytes > limits.outbound_bytes // 4:
        reason = f"must not be more than a quarter of {label('limits.outbound_bytes')}"
        yield Contradiction(reason, ("buffers.write_bytes", "limits.outbound_bytes"))


def _too_little_room_for_pictures(settings: Settings) -> Iterator[Contradiction]:
    """A picture goes to the model in one message, with words beside it."""
    picture_bytes = -(-settings.limits.image_bytes // 3) * 4
    least_bytes = -(-(picture_bytes + 6 * WORDS_CHARACTERS) * 4 // 3)
    if settings.upstream.outbox_bytes < least_bytes:
        reason = f"must be at least {least_bytes} for this {label('limits.image_bytes')}"
        yield Contradiction(reason, ("upstream.outbox_bytes", "limits.image_bytes"))
    # What waits for the model's socket counts as audio, whatever it is.
    least_ms = -(-picture_bytes // MODEL_BYTES_PER_MS)
    if settings.audio.hold_ms < least_ms:
        reason = f"must be at least {least_ms} for this {label('limits.image_bytes')}"
        yield Contradiction(reason, ("audio.hold_ms", "limits.image_bytes"))


def _unusable_claims(settings: Settings) -> Iterator[Contradiction]:
    auth = settings.auth
    reason = f"must be none of {', '.join(REGISTERED)}, which say something else"
    if auth.session_claim in REGISTERED:
        yield Contradiction(reason, ("auth.session_claim",))
    taken = (*REGISTERED, auth.session_claim)
    for name in ("limits.plan_claim", "limits.organisation_claim"):
        if set(value_of(settings, name)[:1]) & set(taken):
            yield Contradiction(f"must not begin with {', '.join(taken)}", (name,))
    for name in ("auth.sealing_key", "auth.previous_sealing_key"):
        text = value_of(settings, name).reveal()
        try:
            if text:
                sealing.read_key(text)
        except ValueError as error:
            yield Contradiction(str(error), (name,))
    keys = [key.reveal() for key in auth.application_keys]
    if any(len(key) < LEAST_CHARACTERS or not is_header_text(key) for key in keys):
        reason = f"each must have at least {LEAST_CHARACTERS} characters, printable ASCII"
        yield Contradiction(reason, ("auth.application_keys",))
    for problem in OperatorKeys.problems(key.reveal() for key in settings.admin.keys):
        yield Contradiction(problem, ("admin.keys",))
    if auth.previous_sealing_key and not auth.sealing_key:
        names = ("auth.previous_sealing_key", "auth.sealing_key")
        yield Contradiction(f"needs {label(names[1])}, which came after it", names)


def _unusable(settings: Settings) -> Iterator[Contradiction]:
    for problem in origins.problems(settings.server.allowed_origins):
        yield Contradiction(problem, ("server.allowed_origins",))
    for problem in proxies.problems(settings.server.trusted_proxies):
        yield Contradiction(problem, ("server.trusted_proxies",))
    for name in ("upstream.api_key", "model.chat_api_key"):
        key = value_of(settings, name).reveal()
        if not is_header_text(key):
            yield Contradiction("must be printable ASCII", (name,))
    if settings.model.chat_url and not is_url(settings.model.chat_url, {"http", "https"}):
        reason = (
            "must be http:// or https:// with a host, and hold no user name, password or fragment"
        )
        yield Contradiction(reason, ("model.chat_url",))
    if settings.model.chat_url and settings.model.mode == "echo":
        names = ("model.chat_url", "model.mode")
        yield Contradiction(
            f"needs another {label('model.mode')}: an echo asks no chat model", names
        )
    if settings.session.false_start == "go_on" and not settings.session.transcription_model:
        names = ("session.false_start", "session.transcription_model")
        yield Contradiction(f'"go_on" needs {label(names[1])}: words tell a noise apart', names)
    yield from _uncountable(settings)
    if settings.quotas.goodbye and not settings.session.call_grace_s:
        names = ("quotas.goodbye", "session.call_grace_s")
        yield Contradiction(f"needs {label(names[1])}: it is said before the call ends", names)
    if settings.session.goodbye and not settings.session.call_grace_s:
        names = ("session.goodbye", "session.call_grace_s")
        yield Contradiction(f"needs {label(names[1])}: it is said before the call ends", names)
    yield from _unusable_addresses(settings)
    for reason in wrong_fallbacks(settings):
        yield Contradiction(reason, ("upstream.fallbacks",))
    if settings.console.token_url and not is_page_address(settings.console.token_url):
        reason = "must begin with / and be on this host, or be https://, or http:// on loopback"
        yield Contradiction(reason, ("console.token_url",))
    yield from _unusable_traces(settings)
    yield from _unknown_voices(settings)
    yield from _unusable_secrets(settings)


def _uncountable(settings: Settings) -> Iterator[Contradiction]:
    counted = [key for key in Quotas.__struct_fields__ if key not in {"warn_at", "goodbye"}]
    if settings.server.processes != 1 and not settings.shared.redis_url:
        for key in counted:
            if getattr(settings.quotas, key):
                reason = f"needs {label('shared.redis_url')}: several processes use it up together"
                settled = (f"quotas.{key}", "server.processes", "shared.redis_url")
                yield Contradiction(reason, settled)


def _unusable_addresses(settings: Settings) -> Iterator[Contradiction]:
    for name in ("server.host", "metrics.host"):
        if not is_host(value_of(settings, name)):
            yield Contradiction(MUST_BE_HOST, (name,))
    url = settings.upstream.url
    if url not in {"", LOCAL} and not is_websocket(url):
        yield Contradiction(WEBSOCKET_ADDRESS, ("upstream.url",))
    if settings.shared.redis_url and not is_redis(settings.shared.redis_url.reveal()):
        reason = "must be redis:// or rediss:// with a host, or unix:// with a path"
        yield Contradiction(reason, ("shared.redis_url",))
    if settings.usage.postgres_url and not is_postgres(settings.usage.postgres_url.reveal()):
        yield Contradiction("must be postgresql://", ("usage.postgres_url",))


def _unusable_traces(settings: Settings) -> Iterator[Contradiction]:
    traces = settings.traces
    if not is_url(traces.endpoint, {"http", "https"}):
        reason = "must be http:// or https:// with a host, and hold no user name or password"
        yield Contradiction(reason, ("traces.endpoint",))
    try:
        read_headers(traces.headers.reveal())
    except ValueError as error:
        yield Contradiction(str(error), ("traces.headers",))


def _unusable_spares(settings: Settings) -> Iterator[Contradiction]:
    upstream, name = settings.upstream, "upstream.spare_links"
    if not upstream.spare_links:
        return
    if upstream.safety_identifier:
        other = "upstream.safety_identifier"
        reason = f"needs {label(other)} = false: whom a link is for is not known when it is opened"
        yield Contradiction(reason, (name, other))
    if upstream.spare_links > settings.limits.connections:
        other = "limits.connections"
        yield Contradiction(f"must not be more than {label(other)}", (name, other))
    if 0 < upstream.session_limit_s <= upstream.spare_link_s:
        names = ("upstream.spare_link_s", "upstream.session_limit_s")
        reason = f"must be less than {label(names[1])}, which has begun when a link is opened"
        yield Contradiction(reason, names)


def _unusable_secrets(settings: Settings) -> Iterator[Contradiction]:
    auth = settings.auth
    least = max(SECRET_BYTES[algorithm] for algorithm in auth.algorithms)
    for name in ("auth.secret", "auth.previous_secret"):
        if 0 < len(value_of(settings, name).reveal().encode()) < least:
            reason = f"must be at least {least} bytes for {', '.join(auth.algorithms)}"
            yield Contradiction(reason, (name, "auth.algorithms"))
    if auth.previous_secret and not auth.secret:
        names = ("auth.previous_secret", "auth.secret")
        yield Contradiction(f"needs {label(names[1])}, which came after it", names)
    elif auth.previous_secret and auth.previous_secret == auth.secret:
        names = ("auth.previous_secret", "auth.secret")
        yield Contradiction(f"is the same as {label(names[1])}", names)


def _unknown_voices(settings: Settings) -> Iterator[Contradiction]:
    """A voice that no session can have; which ones another server has, only that server knows."""
    if not has_known_voices(settings.upstream.url):
        return
    for name in ("session.voice", "session.voices"):
        value = value_of(settings, name)
        for voice in [value] if isinstance(value, str) else value:
            if voice not in VOICES:
                reason = f"{json.dumps(voice)} is no voice of the model; it has {', '.join(VOICES)}"
                yield Contradiction(reason, (name, "upstream.url"))
