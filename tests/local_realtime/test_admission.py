"""Who gets a session."""

import pytest

from local_realtime.admission import Handshake, refusal


def shake(**fields):
    empty = {"model": "m", "intent": "", "authorization": "", "api_key": "", "beta": ""}
    return Handshake(**{**empty, "protocols": (), **fields})


KEYS = {
    "bearer": {"authorization": "Bearer right"},
    "lower case": {"authorization": "bearer right"},
    "api-key": {"api_key": "right"},
    "subprotocol": {"protocols": ("realtime", "openai-insecure-api-key.right")},
}


@pytest.mark.parametrize("fields", KEYS.values(), ids=KEYS)
def test_the_key_may_come_in_three_ways(fields):
    """All of them open a session, and a wrong key none of them."""
    assert refusal(shake(**fields), "right") is None
    assert refusal(shake(**fields), "wrong").close_reason == "invalid_request_error.invalid_api_key"


REFUSED = {
    "no key": ({}, "key", 3000, "invalid_api_key"),
    "key not ascii": ({"api_key": "ä"}, "key", 3000, "invalid_api_key"),
    "basic": ({"authorization": "Basic key"}, "key", 3000, "invalid_api_key"),
    "no model": ({"model": ""}, None, 4000, "missing_model"),
    "beta": ({"beta": "realtime=v1"}, None, 4000, "beta_api_shape_disabled"),
    "beta subprotocol": (
        {"protocols": ("openai-beta.realtime-v1",)},
        None,
        4000,
        "beta_api_shape_disabled",
    ),
    "transcription": ({"intent": "transcription"}, None, 4000, "invalid_value"),
}


@pytest.mark.parametrize(("fields", "key", "close", "code"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_has_its_code_and_close(fields, key, close, code):
    """As the API closes."""
    fatal = refusal(shake(**fields), key)

    assert (fatal.close_code, fatal.refused.code) == (close, code)
