"""What is wrong with a list of upstreams although each value has its type."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

from tornado_app.settings.schema import LOCAL, Fallback, Settings
from tornado_app.settings.shapes import is_header_text, is_loopback, is_url

VOICES = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse"),
)
"""https://platform.openai.com/docs/guides/realtime-conversations, voice options."""

API_HOSTS = ("api.openai.com", ".openai.azure.com")
WEBSOCKET_ADDRESS = (
    f'must be "{LOCAL}", or ws:// or wss:// with a host, and hold no user name, password '
    "or fragment"
)


def is_websocket(url: str) -> bool:
    return is_url(url, {"ws", "wss"})


def has_known_voices(url: str) -> bool:
    """Which voices another server has, only that server knows."""
    if url in {"", LOCAL}:
        return True
    return is_websocket(url) and (urlsplit(url).hostname or "").endswith(API_HOSTS)


def wrong_fallbacks(settings: Settings) -> Iterator[str]:
    """Sentences, each with the table that it is about."""
    upstream = settings.upstream
    taken = {upstream.name: "upstream.name"}
    for number, each in enumerate(upstream.fallbacks, 1):
        where = f"table {number}"
        other = taken.setdefault(each.name, where)
        if other != where:
            yield f"{where}, name: is that of {other}, too"
        if each.url != LOCAL and not is_websocket(each.url):
            yield f"{where}, url: {WEBSOCKET_ADDRESS}"
        elif _is_open(settings, each.url):
            yield f"{where}, url: must be wss:// in production, except on loopback"
        if not is_header_text(each.api_key.reveal()):
            yield f"{where}, api_key: must be printable ASCII"
        for reason in _unknown_voices(settings, each):
            yield f"{where}, voices: {reason}"
    addresses = [each.url for each in upstream.fallbacks if each.url == LOCAL]
    if len(addresses) + (upstream.url == LOCAL) > 1:
        yield f'"{LOCAL}" stands for one model: name it once'


def _is_open(settings: Settings, url: str) -> bool:
    """It would be read on its way."""
    in_production = settings.server.environment == "production"
    return in_production and is_url(url, {"ws"}) and not is_loopback(url)


def _unknown_voices(settings: Settings, fallback: Fallback) -> Iterator[str]:
    if not has_known_voices(fallback.url):
        return
    for voice in dict.fromkeys((settings.session.voice, *settings.session.voices)):
        there = fallback.voices.get(voice, voice)
        if there not in VOICES:
            shown = json.dumps(there)
            yield f"{shown} is no voice of that model; it has {', '.join(VOICES)}"
