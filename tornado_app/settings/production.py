"""What is not safe in production, though it works."""

from collections.abc import Iterator

from tornado_app.settings.contradiction import Contradiction, value_of
from tornado_app.settings.reading import label
from tornado_app.settings.schema import LOCAL, Settings
from tornado_app.settings.secret import DEVELOPMENT_PREFIX
from tornado_app.settings.shapes import is_guessable, is_loopback, is_url


def unsafe(settings: Settings) -> Iterator[Contradiction]:
    """What would let in whom it should not, or tell what it should not."""
    yield from _unsafe_secrets(settings)
    if not settings.upstream.url and not settings.upstream.api_key:
        reason = (
            "must be set in production, or upstream.api_key for OpenAI; "
            f'"{LOCAL}" is the model on this computer'
        )
        yield Contradiction(reason, ("upstream.url", "upstream.api_key", "server.environment"))
    if not settings.server.allowed_origins:
        names = ("server.allowed_origins", "server.environment")
        yield Contradiction("must name at least one origin in production", names)
    if settings.model.fault:
        names = ("model.fault", "server.environment")
        yield Contradiction("must be empty in production", names)
    for name, plain in (("upstream.url", "ws"), ("model.chat_url", "http")):
        url = value_of(settings, name)
        if is_url(url, {plain}) and not is_loopback(url):
            reason = f"must be {plain}s:// in production, except on loopback"
            yield Contradiction(reason, (name, "server.environment"))


def _unsafe_secrets(settings: Settings) -> Iterator[Contradiction]:
    auth = settings.auth
    if not auth.secret and not auth.issuers_file:
        names = ("auth.secret", "auth.issuers_file", "server.environment")
        yield Contradiction("must be set in production", names)
    if not auth.secret and auth.application_keys:
        reason = f"needs {label('auth.secret')}, to make tokens with"
        names = ("auth.application_keys", "auth.secret", "server.environment")
        yield Contradiction(reason, names)
    for name in ("auth.secret", "auth.previous_secret"):
        secret = value_of(settings, name).reveal()
        if secret.startswith(DEVELOPMENT_PREFIX):
            reason = "is a development secret; production needs one of its own"
            yield Contradiction(reason, (name, "server.environment"))
        elif secret and is_guessable(secret):
            reason = "is a placeholder or easily guessed; it must be random"
            yield Contradiction(reason, (name, "server.environment"))
    for name, keys in (
        ("auth.sealing_key", (auth.sealing_key,)),
        ("auth.previous_sealing_key", (auth.previous_sealing_key,)),
        ("auth.application_keys", auth.application_keys),
        ("admin.keys", settings.admin.keys),
    ):
        if any(key and is_guessable(key.reveal()) for key in keys):
            reason = "is a placeholder or easily guessed; it must be random"
            yield Contradiction(reason, (name, "server.environment"))
