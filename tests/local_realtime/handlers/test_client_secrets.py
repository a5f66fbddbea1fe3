"""Short-lived keys and what they hold."""

import pytest

from local_realtime.errors import Refused
from local_realtime.handlers import client_secrets as module
from local_realtime.handlers.client_secrets import ClientSecrets

NOW = 1_000_000.0


@pytest.fixture
def minted():
    return ClientSecrets()


def test_a_secret_shows_the_whole_session(minted):
    """With what was asked for, the defaults of the rest, and no end yet."""
    session = {"type": "realtime", "model": "m", "instructions": "Sing."}
    answer = minted.mint({"session": session}, 0, NOW)

    assert answer["value"].startswith("ek_")
    assert answer["expires_at"] == 1_000_600
    assert answer["session"]["id"].startswith("sess_")
    assert answer["session"]["expires_at"] == 0
    assert answer["session"]["instructions"] == "Sing."
    assert answer["session"]["audio"]["input"]["turn_detection"]["type"] == "server_vad"


@pytest.mark.parametrize("request_", [{}, {"session": None, "expires_after": None}], ids=str)
def test_nothing_asked_for_is_a_realtime_session(minted, request_):
    """For ten minutes, with a model to be named later."""
    answer = minted.mint(request_, 0, NOW)

    assert answer["expires_at"] == 1_000_600
    assert (answer["session"]["type"], answer["session"]["model"]) == ("realtime", None)


@pytest.mark.parametrize("seconds", [10, 7200])
def test_a_secret_is_valid_until_it_expires(minted, seconds):
    """As often as it is used."""
    after = {"anchor": "created_at", "seconds": seconds}
    value = minted.mint({"expires_after": after}, 0, NOW)["value"]

    assert minted.find(value, NOW + seconds - 1)
    assert minted.find(value, NOW + seconds - 1)
    assert minted.find(value, NOW + seconds) is None


@pytest.mark.parametrize("value", [None, "", "ek_1", "ä", "\udce4"])
def test_nobody_guesses_a_secret(minted, value):
    """Whatever is presented."""
    minted.mint({}, 0, NOW)

    assert minted.find(value, NOW) is None


REFUSED = {
    "no object": ([], "invalid_type", ""),
    "unknown": ({"name": "x"}, "unknown_parameter", "name"),
    "too short": ({"expires_after": {"seconds": 9}}, "invalid_value", "expires_after.seconds"),
    "too long": ({"expires_after": {"seconds": 7201}}, "invalid_value", "expires_after.seconds"),
    "anchor": ({"expires_after": {"anchor": "now"}}, "invalid_value", "expires_after.anchor"),
    "no session": ({"session": 1}, "invalid_type", "session"),
    "no type": ({"session": {}}, "missing_required_parameter", "session.type"),
    "type": ({"session": {"type": "translation"}}, "invalid_value", "session.type"),
    "voice": (
        {"session": {"type": "realtime", "audio": {"output": {"voice": "bob"}}}},
        "invalid_value",
        "session.audio.output.voice",
    ),
    "answers of a transcription": (
        {"session": {"type": "transcription", "instructions": "x"}},
        "unknown_parameter",
        "session.instructions",
    ),
}


@pytest.mark.parametrize(("request_", "code", "param"), REFUSED.values(), ids=REFUSED)
def test_a_session_that_cannot_be_had_is_refused(minted, request_, code, param):
    """When the secret is asked for, not when it is used."""
    with pytest.raises(Refused) as refused:
        minted.mint(request_, 0, NOW)

    assert (refused.value.code, refused.value.param) == (code, param)


def test_secrets_are_bounded(minted, monkeypatch):
    """Expired ones make room; while all are valid, the next is refused."""
    monkeypatch.setattr(module, "MAX_SECRETS", 2)
    values = [minted.mint({}, 0, NOW + start)["value"] for start in (0, 300)]
    with pytest.raises(Refused) as refused:
        minted.mint({}, 0, NOW + 599)
    minted.mint({}, 0, NOW + 600)

    assert refused.value.code == "rate_limit_exceeded"
    assert [bool(minted.find(value, NOW + 600)) for value in values] == [False, True]


def test_what_secrets_hold_is_bounded(minted):
    """By the size of what was asked for."""
    minted.mint({}, module.MAX_STORED_BYTES, NOW)
    with pytest.raises(Refused):
        minted.mint({}, 1, NOW)
