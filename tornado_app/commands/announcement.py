"""What a gateway tells whoever has started it."""

import time

from terminal.addresses import in_url, reachable
from terminal.words import AS_IT_IS
from tornado_app.admission import tokens
from tornado_app.admission.tokens import SECRET_PREFIX
from tornado_app.commands.arguments import TOKEN_TTL_S
from tornado_app.settings.schema import Settings
from tornado_app.sharing import Listening
from tornado_app.terms import CONDUCT

DEFAULT_PORT = 8765
LOCAL_MODEL = {
    "auto": "Model: a local one, which hears and speaks English, or else plays back what you say.",
    "speech": "Model: a local one, which hears and speaks English.",
    "echo": "Model: a local one, which plays back what you say.",
}


def announcement(
    server: Listening, settings: Settings, rules: tokens.TokenRules | None
) -> list[str]:
    """Where it listens, which model it has, and in development how to try it: a line for each."""
    host = reachable(settings.server.host)
    place = in_url(host, server.port)
    url = f"ws://{place}/ws"
    others_too = "" if host == settings.server.host else " and on every other address"
    lines = [f"Parley listens on {url}{others_too}"]
    if server.is_embedded:
        lines.append(LOCAL_MODEL[settings.model.mode])
        if settings.model.chat_url:
            lines.append(
                f"  A chat model thinks for it: {settings.model.chat_model or 'its only one'}."
            )
        if not settings.upstream.url:
            lines.append("  OPENAI_API_KEY takes OpenAI's instead.")
    else:
        lines.append(f"Model: {settings.upstream.model} at {server.model_host}")
    if others := settings.upstream.fallbacks:
        lines.append(f"  When it is out: {', '.join(each.name for each in others)}.")
    if server.metrics_port is not None:
        metrics = in_url(reachable(settings.metrics.host), server.metrics_port)
        lines.append(f"Metrics: http://{metrics}/metrics")
    if settings.console.enabled:
        lines.append(f"Talk to it in a browser: http://{place}/")
    if settings.server.environment == "development" and rules is not None:
        address = "" if server.port == DEFAULT_PORT else f" --url {url}"
        lines += [
            f"Token for an hour: {_token(rules)}",
            "Try, in another terminal:",
            f"{AS_IT_IS}.venv/bin/python run.py talk tests/data/amiable.wav{address}",
        ]
        if settings.openai.enabled:
            lines += [
                f"For a client of the Realtime API, with {settings.upstream.model} as its model:",
                f"{AS_IT_IS}export OPENAI_BASE_URL=http://{place}/v1",
                f"{AS_IT_IS}export OPENAI_API_KEY={SECRET_PREFIX}{_token(rules, CONDUCT)}",
            ]
    return lines


def _token(rules: tokens.TokenRules, *scopes: str) -> str:
    now = time.time()  # noqa: TID251  `exp` is wall time
    return tokens.issue("developer", rules, now, TOKEN_TTL_S, scopes)
