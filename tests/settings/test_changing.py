"""What may change while the gateway runs."""

import json

import pytest

from tests.calls.house import house_settings
from tornado_app.settings.changing import FIXED, FIXED_SECTIONS, changes, is_fixed
from tornado_app.settings.schema import SECTIONS

NAMES = [
    f"{section}.{key}"
    for section, structure in SECTIONS.items()
    for key in structure.__struct_fields__
]
SPARE = {"name": "spare", "url": "wss://spare.example/v1/realtime", "api_key": "sk-one"}


def test_every_fixed_name_is_one_of_a_setting():
    """A setting that was renamed must not become one that may change unnoticed."""
    assert set(NAMES) >= FIXED
    assert set(SECTIONS) >= FIXED_SECTIONS


def test_nothing_changes():
    found = changes(house_settings(), house_settings())

    assert ((), ()) == (found.taken, found.waiting)
    assert house_settings() == found.settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth.secret", "another secret, which is long enough for HS256"),
        ("auth.application_keys", ["0123456789abcdef0123456789abcdef"]),
        ("server.allowed_origins", ["https://app.example"]),
        ("server.trusted_proxies", ["10.0.0.0/8"]),
        ("upstream.model", "another-model"),
        ("session.instructions", "Be brief."),
        ("limits.connections", 3),
        ("limits.unauthenticated", 17),
        ("logging.level", "error"),
        ("audio.hold_ms", 5000),
        ("usage.prices_file", ""),
    ],
)
def test_what_is_taken(name, value):
    after = house_settings(**{name.replace(".", "_"): value})
    found = changes(house_settings(), after)

    assert name in found.taken
    assert () == found.waiting
    assert after == found.settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("server.port", 9999),
        ("auth.token_bytes", 8192),
        ("upstream.url", "wss://other.example/v1/realtime"),
        ("audio.threads", 5),
        ("metrics.enabled", True),
        ("recordings.calls", "all"),
        ("usage.database", "var/usage.sqlite3"),
        ("model.mode", "echo"),
        ("upstream.fallbacks", [SPARE]),
    ],
)
def test_what_waits(name, value):
    """It is named, and what holds is what held."""
    before = house_settings()
    found = changes(before, house_settings(**{name.replace(".", "_"): value}))

    assert is_fixed(name)
    assert ((), (name,)) == (found.taken, found.waiting)
    assert before == found.settings


def test_the_key_of_a_fallback_is_taken():
    """And nothing else of it."""
    before, after = (
        house_settings(upstream_fallbacks=json.dumps([{**SPARE, **other}]))
        for other in ({}, {"api_key": "sk-two", "url": "wss://elsewhere.example/v1/realtime"})
    )
    found = changes(before, after)
    [fallback] = found.settings.upstream.fallbacks

    assert (("upstream.fallbacks",), ("upstream.fallbacks",)) == (found.taken, found.waiting)
    assert ("sk-two", SPARE["url"]) == (fallback.api_key.reveal(), fallback.url)


def test_a_first_key_does_not_move_calls_elsewhere():
    """Without an address it is the key that says which model calls go to."""
    without, with_one, with_another = (
        house_settings(upstream_api_key=key) for key in ("", "sk-one", "sk-two")
    )

    assert ("upstream.api_key",) == changes(without, with_one).waiting
    assert ("upstream.api_key",) == changes(with_one, without).waiting
    assert ("upstream.api_key",) == changes(with_one, with_another).taken
