"""Tests of tornado_app/upstream/endpoint.py."""

import hashlib
from dataclasses import replace

import pytest

from tests.calls.house import house_settings
from tests.session.story import config, model_session
from tornado_app.session.config import SessionConfig
from tornado_app.upstream.endpoint import (
    INBOX_BYTES,
    OPENAI_URL,
    Endpoint,
    configured_endpoint,
    dial,
    spare_dial,
    trial_dial,
)
from workers.formats import AudioFormat

KEY = "sk-very-private"


def wanted(model: str = "m", user: str = "alice", **changes: object) -> SessionConfig:
    return replace(config(**changes), user_id=user, model_session=model_session(model=model))


def endpoint(url: str, auth_header: str = "authorization") -> Endpoint:
    return Endpoint(url, KEY, auth_header)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (OPENAI_URL, "wss://api.openai.com/v1/realtime?model=m%2F1"),
        (
            "wss://x.openai.azure.com/openai/v1/realtime",
            "wss://x.openai.azure.com/openai/v1/realtime?model=m%2F1",
        ),
        ("wss://x.azure.com/v1/realtime?model=mine", "wss://x.azure.com/v1/realtime?model=mine"),
        (
            "wss://x.azure.com/realtime?api-version=1&deployment=d",
            "wss://x.azure.com/realtime?api-version=1&deployment=d",
        ),
        ("wss://h/v1/realtime?call_id=rtc_1", "wss://h/v1/realtime?call_id=rtc_1"),
        ("wss://h/v1/realtime?a=b", "wss://h/v1/realtime?a=b&model=m%2F1"),
        ("ws://127.0.0.1:9/v1", "ws://127.0.0.1:9/v1?model=m%2F1"),
    ],
)
def test_the_model_is_in_the_address_once(url, expected):
    """OpenAI and Azure GA take it as ?model=; an address that names one keeps it."""
    assert expected == dial(house_settings(), endpoint(url), wanted("m/1")).url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (OPENAI_URL, "wss://api.openai.com/v1/realtime?intent=transcription"),
        (
            "wss://x.openai.azure.com/openai/v1/realtime?model=mine&region=eu",
            "wss://x.openai.azure.com/openai/v1/realtime?region=eu&intent=transcription",
        ),
        (
            "ws://h/v1/realtime?deployment=d&intent=realtime",
            "ws://h/v1/realtime?intent=transcription",
        ),
    ],
)
def test_a_call_that_only_transcribes_has_an_address_of_its_own(url, expected):
    """The API takes what a session is for from it, and no model beside that."""
    scribe = replace(
        config(),
        model_session=model_session(session="transcription", transcription_model="ears"),
    )

    assert expected == dial(house_settings(), endpoint(url), scribe).url


@pytest.mark.parametrize(
    ("auth_header", "line"),
    [("authorization", f"Authorization: Bearer {KEY}"), ("api-key", f"api-key: {KEY}")],
)
def test_the_key_goes_into_the_header_of_the_service(auth_header, line):
    """OpenAI's or Azure's, and never into the address."""
    made = dial(house_settings(), endpoint(OPENAI_URL, auth_header), wanted())

    assert line == made.headers[0]
    assert KEY not in made.url


def test_no_key_is_no_header():
    """A model on this network may need none."""
    settings = house_settings(upstream_safety_identifier=False)

    assert () == dial(settings, Endpoint("ws://h/v1", "", "authorization"), wanted()).headers


def test_the_user_is_told_by_a_hash_only():
    """Stable for a user, different for another, and not the name."""
    alice, again, bob = (
        dial(house_settings(), endpoint(OPENAI_URL), wanted(user=user)).headers[1]
        for user in ("alice", "alice", "bob")
    )

    digest = hashlib.sha256(b"parley:alice").hexdigest()
    assert f"OpenAI-Safety-Identifier: {digest}" == alice == again != bob
    assert "alice" not in alice


def test_nothing_of_the_beta_is_sent():
    """OpenAI-Beta is fatal since the beta dialect was removed in May 2026."""
    made = dial(house_settings(), endpoint(OPENAI_URL), wanted())

    assert not any("beta" in line.lower() for line in made.headers)


def test_the_key_shows_in_no_repr():
    """Neither of the endpoint nor of what is made for a link."""
    made = endpoint(f"{OPENAI_URL}?api-key={KEY}x")

    assert KEY not in repr(endpoint(OPENAI_URL))
    assert KEY not in repr(dial(house_settings(), made, wanted()))


def test_limits_of_the_link_are_the_settings():
    """Each to its own."""
    made = dial(
        house_settings(
            upstream_connect_timeout_s=1,
            upstream_write_timeout_s=2,
            upstream_ping_interval_s=3,
            upstream_read_timeout_s=4,
            upstream_outbox_bytes=1_300_000,
            upstream_message_bytes=80_000,
        ),
        endpoint(OPENAI_URL),
        wanted(),
    )

    limits = (
        made.connect_timeout_s,
        made.write_timeout_s,
        made.ping_interval_s,
        made.read_timeout_s,
        made.outbox_bytes,
        made.message_bytes,
    )
    assert (1, 2, 3, 4, 1_300_000, 80_000) == limits


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"upstream_api_key": KEY}, Endpoint(OPENAI_URL, KEY, "authorization")),
        ({"upstream_url": "ws://h/v1"}, Endpoint("ws://h/v1", "", "authorization")),
        (
            {"upstream_url": "wss://h", "upstream_api_key": KEY, "upstream_auth_header": "api-key"},
            Endpoint("wss://h", KEY, "api-key"),
        ),
    ],
    ids=["nothing", "key", "address", "azure"],
)
def test_which_model_the_settings_mean(changes, expected):
    """A key alone is OpenAI's; neither key nor address is the model on this computer."""
    assert expected == configured_endpoint(house_settings(**changes))


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (OPENAI_URL, "api.openai.com"),
        ("ws://127.0.0.1:9/v1?api-key=k", "127.0.0.1:9"),
        ("wss://user:pass@h/v1", "h"),
    ],
)
def test_people_are_shown_the_host_only(url, host):
    """No path, no query, no user info."""
    assert host == endpoint(url).host


@pytest.mark.parametrize(
    ("target", "binary", "inbox_bytes"),
    [
        (AudioFormat("pcm16", 24_000), False, 50_000),
        (AudioFormat("pcm16", 24_000), True, 50_000),
        (AudioFormat("pcmu", 8_000), False, 50_000),
        (AudioFormat("float32", 96_000), False, 6_250),
    ],
)
def test_less_is_read_ahead_where_audio_grows(target, binary, inbox_bytes):
    """What is on its way must fit the client's queue in the client's format."""
    settings = house_settings(limits_outbound_bytes=200_000)
    made = dial(settings, endpoint(OPENAI_URL), wanted(target=target, binary_output=binary))

    assert inbox_bytes == made.inbox_bytes


def test_no_model_says_much_before_others_are_heard():
    """However much its client may be behind, and whoever has the link."""
    settings = house_settings(limits_outbound_bytes=8 << 20)
    place = endpoint(OPENAI_URL)
    made = [
        dial(settings, place, wanted()),
        spare_dial(settings, place),
        trial_dial(settings, place, "m"),
    ]

    assert [INBOX_BYTES] * 3 == [each.inbox_bytes for each in made]
