"""Where the model is and how a session's link is dialled."""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from tornado_app.admission.pseudonyms import pseudonym
from tornado_app.failover.upstreams import PLAIN, Upstream
from tornado_app.protocol.realtime.model_session import MODEL_RATE_HZ
from tornado_app.session.config import SessionConfig
from tornado_app.settings.schema import LOCAL, AuthHeader, Fallback, Settings
from tornado_app.upstream.dial import Dial

OPENAI_URL = "wss://api.openai.com/v1/realtime"
TRIAL_USER_ID = "parley-trial"
AZURE = ".openai.azure.com"
INBOX_BYTES = 65_536
"""A second of an answer as base64.  What the models of all other calls say waits behind it."""

Provider = Literal["local", "openai", "azure", "other"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Realtime API; the key never shows in its repr."""

    url: str
    api_key: str = field(repr=False)
    auth_header: AuthHeader

    @property
    def host(self) -> str:
        """For people: no path, no query, no user info."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def configured_endpoint(settings: Settings) -> Endpoint | None:
    """What the settings name, or None: the model on this computer is to be used."""
    upstream = settings.upstream
    key = upstream.api_key.reveal()
    if upstream.url == LOCAL or (not upstream.url and not key):
        return None
    return Endpoint(upstream.url or OPENAI_URL, key, upstream.auth_header)


def fallback_endpoint(fallback: Fallback) -> Endpoint | None:
    """What a table of `upstream.fallbacks` names, or None: the model on this computer."""
    if fallback.url == LOCAL:
        return None
    return Endpoint(fallback.url, fallback.api_key.reveal(), fallback.auth_header)


def listed(settings: Settings) -> dict[str, Endpoint | None]:
    """All upstreams by name, in order; None: the model on this computer."""
    upstream = settings.upstream
    others = {each.name: fallback_endpoint(each) for each in upstream.fallbacks}
    return {upstream.name: configured_endpoint(settings), **others}


def upstreams(settings: Settings) -> list[Upstream]:
    """How each of them calls what a call asks for."""
    return [
        Upstream(settings.upstream.name),
        *(
            Upstream(each.name, each.model, each.models, each.voices, each.transcription_model)
            for each in settings.upstream.fallbacks
        ),
    ]


def provider(settings: Settings) -> Provider:
    """Whom a caller's voice goes to; if it may go to different ones, none of them is named."""
    found = {provider_of(endpoint) for endpoint in listed(settings).values()}
    return found.pop() if len(found) == 1 else "other"


def provider_of(endpoint: Endpoint | None) -> Provider:
    """Whose *endpoint* is; None: the model on this computer."""
    if endpoint is None:
        return "local"
    host = urlsplit(endpoint.url).hostname or ""
    if host == urlsplit(OPENAI_URL).hostname:
        return "openai"
    return "azure" if host.endswith(AZURE) else "other"


def dial(
    settings: Settings, endpoint: Endpoint, config: SessionConfig, upstream: Upstream = PLAIN
) -> Dial:
    """Everything that a link needs to know.

    Of what the model has said and the client has not taken, half may be in its queue and a quarter
    on the way there, but no more than `INBOX_BYTES`; the rest stays with the model until there is
    room.
    """
    wanted = upstream.asked(config.model_session)
    transcribes = wanted.only_transcribes
    url = _transcribing(endpoint.url) if transcribes else _with_model(endpoint.url, wanted.model)
    growth = max(1.0, _growth(config))
    return _dial(settings, endpoint, url, config.user_id, _inbox_bytes(settings, growth))


def spare_dial(settings: Settings, endpoint: Endpoint) -> Dial:
    """What a link needs to know that is opened for whoever comes first."""
    url = _with_model(endpoint.url, settings.upstream.model)
    return _dial(settings, endpoint, url, "", _inbox_bytes(settings))


def trial_dial(settings: Settings, endpoint: Endpoint, model: str) -> Dial:
    """What a link needs to know that nobody speaks over."""
    url = _with_model(endpoint.url, model)
    return _dial(settings, endpoint, url, TRIAL_USER_ID, _inbox_bytes(settings))


def _dial(settings: Settings, endpoint: Endpoint, url: str, user_id: str, inbox_bytes: int) -> Dial:
    upstream = settings.upstream
    return Dial(
        url=url,
        headers=_headers(settings, endpoint, user_id),
        connect_timeout_s=upstream.connect_timeout_s,
        write_timeout_s=upstream.write_timeout_s,
        ping_interval_s=upstream.ping_interval_s,
        read_timeout_s=upstream.read_timeout_s,
        outbox_bytes=upstream.outbox_bytes,
        message_bytes=upstream.message_bytes,
        inbox_bytes=inbox_bytes,
    )


def _inbox_bytes(settings: Settings, growth: float = 1.0) -> int:
    return int(min(INBOX_BYTES, settings.limits.outbound_bytes / 4 / growth))


def _growth(config: SessionConfig) -> float:
    """How many times as large the model's audio is in the client's format."""
    in_base64 = 1.0 if config.binary_output else 4 / 3
    return config.target.bytes_per_s * in_base64 / (MODEL_RATE_HZ * 2 * 4 / 3)


def _with_model(url: str, model: str) -> str:
    """The API takes the model from the address; an address that names one keeps it (Azure)."""
    query = urlsplit(url).query
    if any(name in {"model", "deployment", "call_id"} for name, _ in parse_qsl(query)):
        return url
    return f"{url}{'&' if query else '?'}model={quote(model, safe='')}"


def _transcribing(url: str) -> str:
    """The API takes what a session is for from the address too, and no model beside it."""
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    others = [pair for pair in query if pair[0] not in {"model", "deployment", "intent"}]
    return parts._replace(query=urlencode([*others, ("intent", "transcription")])).geturl()


def _headers(settings: Settings, endpoint: Endpoint, user_id: str) -> tuple[str, ...]:
    headers = []
    if endpoint.auth_header == "api-key":
        headers.append(f"api-key: {endpoint.api_key}")
    elif endpoint.api_key:
        headers.append(f"Authorization: Bearer {endpoint.api_key}")
    if settings.upstream.safety_identifier:
        # Stable for a user and telling nobody who it is
        # (https://platform.openai.com/docs/guides/safety-best-practices, safety identifiers).
        headers.append(f"OpenAI-Safety-Identifier: {pseudonym(user_id)}")
    return tuple(headers)
