"""Who gets a session, and which."""

import pytest

from local_realtime.errors import Fatal
from local_realtime.handlers.admission import Handshake, Opening, admit
from local_realtime.handlers.client_secrets import ClientSecrets


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
    fatal = admit(shake(**fields), "wrong")

    assert admit(shake(**fields), "right").config["type"] == "realtime"
    assert fatal.close_reason == "invalid_request_error.invalid_api_key"


REFUSED = {
    "no key": ({}, "key", 3000, "invalid_api_key"),
    "key not ascii": ({"api_key": "ä"}, "key", 3000, "invalid_api_key"),
    "key not UTF-8": ({"api_key": "\udce4"}, "key", 3000, "invalid_api_key"),
    "basic": ({"authorization": "Basic key"}, "key", 3000, "invalid_api_key"),
    "unknown client secret": ({"api_key": "ek_1"}, "key", 3000, "invalid_api_key"),
    "unknown client secret, no key": ({"api_key": "ek_1"}, None, 3000, "invalid_api_key"),
    "no model": ({"model": ""}, None, 4000, "missing_model"),
    "endless model": ({"model": "m" * 257}, None, 4000, "invalid_model"),
    "transcription model": ({"model": "whisper-1"}, None, 4000, "invalid_model"),
    "beta": ({"beta": "realtime=v1"}, None, 4000, "beta_api_shape_disabled"),
    "beta subprotocol": (
        {"protocols": ("openai-beta.realtime-v1",)},
        None,
        4000,
        "beta_api_shape_disabled",
    ),
    "beta transcription": (
        {"beta": "realtime=v1", "intent": "transcription", "model": ""},
        None,
        4000,
        "beta_api_shape_disabled",
    ),
    "model of a transcription": (
        {"intent": "transcription", "model": "gpt-realtime-2.1"},
        None,
        4000,
        "invalid_model",
    ),
    "intent": ({"intent": "translation"}, None, 4000, "invalid_value"),
}


@pytest.mark.parametrize(("fields", "key", "close", "code"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_has_its_code_and_close(fields, key, close, code):
    """As the API closes."""
    fatal = admit(shake(**fields), key)

    assert isinstance(fatal, Fatal)
    assert (fatal.close_code, fatal.refused.code) == (close, code)


INTENTS = {
    "none": ({}, "realtime"),
    "realtime": ({"intent": "realtime"}, "realtime"),
    "transcription": ({"intent": "transcription", "model": ""}, "transcription"),
}


@pytest.mark.parametrize(("fields", "kind"), INTENTS.values(), ids=INTENTS)
def test_the_intent_is_the_kind_of_session(fields, kind):
    """Without one it is a conversation."""
    opening = admit(shake(**fields), None)

    assert (opening.kind.name, opening.config["type"]) == (kind, kind)


def secret(**session):
    """A valid client secret for such a session."""
    minted = ClientSecrets()
    value = minted.mint({"session": session}, 0, unix_now=0.0)["value"]
    return minted.find(value, unix_now=0.0)


OPENED = {
    "its model": ({"model": ""}, {"type": "realtime", "model": "a"}, "a"),
    "the model asked for": ({"model": "b"}, {"type": "realtime", "model": "a"}, "b"),
    "a model where it names none": ({"model": "b"}, {"type": "realtime"}, "b"),
    "its type": ({"model": ""}, {"type": "transcription"}, None),
    "its type, said again": (
        {"model": "", "intent": "transcription"},
        {"type": "transcription"},
        None,
    ),
}


@pytest.mark.parametrize(("fields", "session", "model"), OPENED.values(), ids=OPENED)
def test_a_client_secret_opens_its_session(fields, session, model):
    """No other key is needed, and what it says is the default."""
    opening = admit(shake(**fields), "key", secret(**session))

    assert isinstance(opening, Opening)
    assert (opening.config["type"], opening.config.get("model")) == (session["type"], model)


def test_the_configuration_of_a_client_secret_fits_the_model():
    """What the secret leaves open is the default of the model asked for."""
    wanted = secret(type="realtime", model="gpt-realtime", instructions="Sing.")
    config = admit(shake(model="gpt-realtime-2.1"), "key", wanted).config

    assert (config["instructions"], config["audio"]["output"]["voice"]) == ("Sing.", "marin")


@pytest.mark.parametrize(
    ("model", "turns"), [("gpt-4o-mini-transcribe", "server_vad"), ("gpt-realtime-whisper", None)]
)
def test_a_transcription_may_begin_with_the_model_of_the_address(model, turns):
    """As LiveKit's client has it; a model that streams has no turn detection."""
    heard = admit(shake(intent="transcription", model=model), None).config["audio"]["input"]

    assert heard["transcription"]["model"] == model
    assert (heard["turn_detection"] or {}).get("type") == turns


SECRET_REFUSED = {
    "no model": ({"model": ""}, {"type": "realtime"}, "missing_model"),
    "other intent": (
        {"model": "", "intent": "transcription"},
        {"type": "realtime", "model": "a"},
        "invalid_value",
    ),
    "model of a transcription": (
        {"model": "gpt-realtime"},
        {"type": "transcription"},
        "invalid_model",
    ),
    "model without reason": (
        {"model": "gpt-realtime"},
        {"type": "realtime", "model": "a", "reasoning": {"effort": "high"}},
        "invalid_value",
    ),
}


@pytest.mark.parametrize(("fields", "session", "code"), SECRET_REFUSED.values(), ids=SECRET_REFUSED)
def test_a_client_secret_opens_no_other_session(fields, session, code):
    """Nor one that cannot be."""
    fatal = admit(shake(**fields), "key", secret(**session))

    assert (fatal.close_code, fatal.refused.code) == (4000, code)
