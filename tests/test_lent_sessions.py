"""What a client secret shows is what the call begins with that it opens."""

from dataclasses import replace

import pytest

from tests.calls.house import SECRET, house_settings
from tests.session.relaying.call import Call
from tests.session.relaying.test_begun_with import VAD, hearing, speaking
from tornado_app.admission.claims import Caller
from tornado_app.admission.tokens import TokenRules, verify
from tornado_app.commands.configuration import read_policy
from tornado_app.errors import Refused
from tornado_app.handlers.openai.client_secrets import answer_of
from tornado_app.issuing import Issuer
from tornado_app.policy.grants import ALL, Policy
from tornado_app.protocol.realtime.asked_session import api_path, fields_asked
from tornado_app.session.relaying.updating import merged
from tornado_app.terms import Terms

NOW = 1_795_600_000.0
RULES = TokenRules(SECRET.encode(), ("HS256",), leeway_s=10, max_lifetime_s=3600)
SETTINGS = house_settings(
    auth_sealing_key="Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQeZk3q9vPx1Lw",
    session_instructions="",
    session_transcription_models=["gpt-live-transcribe"],
)
TERMS = Terms(SETTINGS, read_policy(SETTINGS))
OTHERS = house_settings(session_transcription_models=["gpt-live-transcribe", "whisper-1"])
LENDER = Caller("alice", frozenset(), NOW + 300, "t-1", {})
LOOK = {"type": "function", "name": "look", "description": "Looks.", "parameters": {}}
PCM = {"type": "audio/pcm", "rate": 24_000}
DEFAULTS = {
    "output_modalities": ["audio"],
    "max_output_tokens": "inf",
    "tools": [],
    "tool_choice": "auto",
    "truncation": "auto",
    "tracing": None,
    "prompt": None,
    "include": None,
    "audio": {
        "input": {
            "format": PCM,
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": VAD,
        },
        "output": {"format": PCM, "speed": 1.0},
    },
}
"""What a model has unasked."""


def lent(session, terms=TERMS, settings=SETTINGS):
    """What the secret shows, and what the model is asked for when its call begins."""
    said = fields_asked({"type": "realtime", **session})
    secret = Issuer(settings, RULES, terms).lend(LENDER, said, 60, NOW, as_client=False)
    held = terms.settle(verify(secret.token, RULES, NOW), {}, NOW)
    call = Call(held.rules, model_session=held.model_session).begun()
    return answer_of(secret, said)["session"], call.all_sent[0]["session"]


@pytest.mark.parametrize(
    "session",
    [
        {},
        {"type": "transcription"},
        {"type": "transcription", **hearing(transcription={"model": "gpt-live-transcribe"})},
        {"instructions": "Be brief."},
        {"model": "gpt-realtime-2.1"},
        {"output_modalities": ["text"]},
        {"max_output_tokens": 7},
        {"max_output_tokens": "inf"},
        {"tools": [LOOK]},
        {"tools": [LOOK], "tool_choice": {"type": "function", "name": "look"}},
        {"tool_choice": "none"},
        {"include": None, "truncation": "auto", "tracing": None, "prompt": None},
        hearing(format=PCM, noise_reduction=None),
        hearing(transcription=None),
        hearing(transcription={"model": "gpt-transcribe"}),
        hearing(transcription={"model": "gpt-live-transcribe"}),
        hearing(transcription={"model": "gpt-live-transcribe", "language": "en"}),
        hearing(transcription={"language": "en"}),
        hearing(turn_detection=None),
        hearing(turn_detection={"type": "server_vad"}),
        hearing(turn_detection={"type": "server_vad", "threshold": 0.7, "idle_timeout_ms": 6000}),
        hearing(turn_detection={"type": "semantic_vad", "eagerness": "low"}),
        hearing(turn_detection={"type": "semantic_vad", "create_response": False}),
        speaking(format=PCM),
        speaking(voice="cedar"),
        speaking(speed=1.2),
    ],
)
def test_a_secret_shows_what_its_call_begins_with(session):
    shown, begun = lent(session)

    in_force = merged(DEFAULTS, begun)
    ours = {"id", "object", "expires_at", "model", "instructions"}
    assert merged(in_force, {name: shown[name] for name in shown.keys() - ours}) == in_force
    assert session.get("instructions", "") == (begun.get("instructions") or "")


@pytest.mark.parametrize(
    ("asked", "begun"),
    [
        ({"model": "gpt-live-transcribe", "language": "en"}, ...),
        ({"model": "gpt-live-transcribe"}, ...),
        ({"language": "en"}, {"model": "gpt-transcribe", "language": "en"}),
        (None, None),
    ],
)
def test_transcripts_are_begun_with_as_they_were_asked_for(asked, begun):
    shown, told = lent(hearing(transcription=asked))
    wanted = asked if begun is ... else begun

    assert wanted == shown["audio"]["input"]["transcription"]
    assert wanted == told.get("audio", {}).get("input", {}).get("transcription")


def test_what_a_secret_says_of_turns_is_said_to_the_model():
    """Its own default may be another."""
    _, told = lent(hearing(turn_detection={"type": "server_vad"}))

    assert 500 == told["audio"]["input"]["turn_detection"]["silence_duration_ms"]


@pytest.mark.parametrize("as_client", [True, False])
@pytest.mark.parametrize("usual", ["gpt-transcribe", ""])
def test_who_writes_down_is_one_that_the_operator_lets(as_client, usual):
    settings = house_settings(session_transcription_model=usual, session_transcription_models=[])
    issuer = Issuer(settings, RULES, Terms(settings, read_policy(settings)))
    said = fields_asked({"type": "realtime", **hearing(transcription={"model": "whisper-1"})})

    with pytest.raises(Refused) as refused:
        issuer.lend(LENDER, said, 60, NOW, as_client=as_client)

    assert "invalid_message" == refused.value.code
    assert "session.audio.input.transcription.model" == api_path(refused.value.field)
    may_be = f"one of {usual}" if usual else "left out"
    assert f"transcription_model must be {may_be}." == refused.value.sentence


def test_what_cannot_be_sealed_is_named_by_its_place_in_the_api():
    """As all else that is refused of a session."""
    settings = house_settings(auth_sealing_key="")
    issuer = Issuer(settings, RULES, Terms(settings, read_policy(settings)))

    with pytest.raises(Refused) as refused:
        issuer.lend(LENDER, {"instructions": "Sing."}, 60, NOW, as_client=False)

    assert "session.instructions" == api_path(refused.value.field)


def test_a_client_lends_a_model_that_it_could_ask_for():
    said = {"transcription_model": "gpt-live-transcribe"}
    secret = Issuer(SETTINGS, RULES, TERMS).lend(LENDER, said, 60, NOW, as_client=True)

    assert "gpt-live-transcribe" == secret.begun.model_session.transcription_model


def test_who_writes_down_is_not_lent_otherwise_than_the_token_has_it():
    """As a client cannot choose another while the call runs, where its token has chosen."""
    own = {SETTINGS.auth.session_claim: {"transcription_model": "gpt-live-transcribe"}}
    lender = replace(LENDER, claims=own)
    issuer = Issuer(OTHERS, RULES, Terms(OTHERS, read_policy(OTHERS)))
    said = {"transcription_model": "gpt-live-transcribe"}
    secret = issuer.lend(lender, said, 60, NOW, as_client=True)
    assert "gpt-live-transcribe" == secret.begun.model_session.transcription_model

    with pytest.raises(Refused) as refused:
        issuer.lend(lender, {"transcription_model": "whisper-1"}, 60, NOW, as_client=True)

    assert ("permission_denied", "transcription_model") == (refused.value.code, refused.value.field)


def test_a_choice_of_a_tool_of_the_servers_is_shown_as_one_of_the_model():
    terms = Terms(SETTINGS, read_policy(SETTINGS), had=lambda _: frozenset({"secret_lookup"}))
    choice = {"type": "function", "name": "secret_lookup"}
    shown, told = lent({"tool_choice": choice}, terms)

    assert ("auto", choice) == (shown["tool_choice"], told["tool_choice"])


def test_instructions_of_a_client_are_lent_as_they_are_written():
    """A name in braces is not filled in, as in a call: the model would read to the client what its
    token hides from it.
    """
    policy = Policy({("instructions", "token"): ALL, ("instructions", "configure"): ALL}, {})
    terms = Terms(
        SETTINGS, replace(policy, everybody={**policy.everybody, ("metadata", "token"): ALL})
    )
    own = terms.sealed({"metadata": {"margin": "OYSTER"}})
    lender = replace(LENDER, claims={SETTINGS.auth.session_claim: own})
    said = {"instructions": "Say {metadata.margin}, {user_id} and {{this}} in JSON: {}"}

    secret = Issuer(SETTINGS, RULES, terms).lend(lender, said, 60, NOW, as_client=True)
    held = terms.settle(verify(secret.token, RULES, NOW), {}, NOW)

    assert said["instructions"] == held.model_session.instructions
