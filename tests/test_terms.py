"""Tests of tornado_app/terms.py."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls.house import house_settings
from tornado_app.admission.sealing import Seal, read_key
from tornado_app.admission.tokens import Caller
from tornado_app.commands.configuration import read_policy
from tornado_app.errors import Refused
from tornado_app.policy.fields import FIELDS
from tornado_app.policy.settling import CLIENT_MAY
from tornado_app.protocol.realtime.model_session import Turn, session_body
from tornado_app.protocol.realtime.order_text import encode_order
from tornado_app.protocol.realtime.orders import CreateItem, UpdateSession
from tornado_app.protocol.told import ErrorReport
from tornado_app.protocol.voice_v1.server import encode
from tornado_app.session.ledger.ledger import Ledger
from tornado_app.session.ledger.telling import item_of
from tornado_app.terms import NOT_USABLE, Terms

NOW = 1_795_600_000.0  # 2026-11-25
CLAIM = "parley_session"
KEY = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQeZk3q9vPx1Lw"


def terms(policy_file: Path | None = None, **changes: object) -> Terms:
    if policy_file is not None:
        changes["session_policy_file"] = str(policy_file)
    settings = house_settings(**changes)
    return Terms(settings, read_policy(settings))


def caller(*scopes: str, **claims: object) -> Caller:
    return Caller("alice", frozenset(scopes), NOW + 60, None, claims)


SEALING = terms(auth_sealing_key=KEY)


def test_the_model_is_told_what_the_operator_has_set():
    """The client chooses voice, model and turn detection; the rest is not its business."""
    made = terms(session_instructions="Sing.", session_vad_silence_ms=700)
    settled = made.settle(caller(), {"voice": "ash"}, NOW).model_session

    assert ("Sing.", 700, "ash") == (settled.instructions, settled.vad_silence_ms, settled.voice)
    assert "gpt-transcribe" == settled.transcription_model


def test_what_the_token_sets_is_fixed_for_its_client():
    """Unless it is left to the client in so many words."""
    said = {"voice": "cedar", "speed": 1.1, "client_may": {"speed": {"min": 1, "max": 1.2}}}
    token = caller(**{CLAIM: said})

    held = terms().settle(token, {"speed": "1.2"}, NOW)
    assert ("cedar", 1.2) == (held.model_session.voice, held.model_session.speed)
    with pytest.raises(Refused):
        held.rules.check("configure", "voice", "ash")
    assert 1.1 == held.rules.check("configure", "speed", 1.1)
    for choices, code, start in (
        ({"voice": "ash"}, "permission_denied", "voice is for the token to decide; what may be"),
        ({"speed": "1.3"}, "invalid_message", "speed must be a number from 1 to 1.2."),
    ):
        with pytest.raises(Refused) as refused:
            terms().settle(token, choices, NOW)
        assert code == refused.value.code
        assert refused.value.sentence.startswith(start)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"instructions": "canary"}, "instructions"),
        ({"metadata": {"a": "canary"}}, "metadata"),
        ({"history": []}, "history"),
        ({"speed": "canary"}, "speed"),
        ({"model": "canary"}, "model"),
        ({"turn_detection": {"type": "server_vad", "threshold": 7}}, "turn_detection.threshold"),
        ({"client_may": {"metadata": True}}, "client_may.metadata"),
        ({"client_may": {"canary": True}}, "client_may"),
        ({"client_may": {"speed": "canary"}}, "client_may.speed"),
        ({"client_may": []}, "client_may"),
        ({"canary": []}, "unknown field"),
        ("canary", "sealed, and there is no auth.sealing_key"),
        (None, None),
    ],
)
def test_what_a_token_may_not_say_is_for_the_log_alone(said, field):
    """Its client is told that it is not usable; hidden fields do not stand in the clear."""
    with pytest.raises(Refused) as refused:
        terms().settle(caller(**{CLAIM: said}), {}, NOW)

    found = refused.value
    assert ("token_invalid", NOT_USABLE, None) == (found.code, found.sentence, found.field)
    assert field == found.detail
    assert "canary" not in str(found.detail)


def test_what_is_sealed_may_be_what_no_client_is_shown():
    """Instructions with names, history, metadata: said by the application's server alone."""
    said = {
        "instructions": "Greet {user_id} of {metadata.city}.",
        "metadata": {"city": "Kyoto"},
        "history": [{"role": "assistant", "text": "Hello."}],
    }
    made = terms(auth_sealing_key=KEY)
    sealed = caller(**{CLAIM: Seal(read_key(KEY)).close(said)})
    settled = made.settle(sealed, {}, NOW).model_session

    assert "Greet alice of Kyoto." == settled.instructions
    assert (Turn("assistant", "Hello."),) == settled.history


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"instructions": "{canary}"}, "instructions"),
        ({"instructions": ["canary"]}, "instructions"),
        ({"metadata": {"canary": 1}}, "metadata"),
        ({"history": [{"role": "canary", "text": "x"}]}, "history"),
        ({"canary": 1}, "unknown field"),
    ],
)
def test_what_is_wrong_in_a_sealed_part_is_a_name_in_the_log(said, field):
    """Of ours: no text and no name of the application's."""
    made = terms(auth_sealing_key=KEY)
    with pytest.raises(Refused) as refused:
        made.settle(caller(**{CLAIM: Seal(read_key(KEY)).close(said)}), {}, NOW)

    found = refused.value
    assert ("token_invalid", NOT_USABLE, None, field) == (
        found.code,
        found.sentence,
        found.field,
        found.detail,
    )


def test_what_is_sealed_for_somebody_else_is_not_usable():
    """And the log says so."""
    made = terms(auth_sealing_key=KEY)
    with pytest.raises(Refused) as refused:
        made.settle(caller(**{CLAIM: Seal(bytes(32)).close({})}), {}, NOW)

    assert "not sealed with auth.sealing_key" == refused.value.detail


def test_a_scope_may_more(tmp_path):
    """Or less; of several scopes each that allows is enough."""
    path = tmp_path / "policy.toml"
    path.write_text(
        '[scopes.premium]\nmodel = {query = ["large", "small"]}\n'
        "[scopes.kiosk]\nmodel = {query = false}\nvoice = {query = false}\n"
    )
    made = terms(path)

    assert "large" == made.settle(caller("premium"), {"model": "large"}, NOW).model_session.model
    both = made.settle(caller("premium", "kiosk"), {"model": "large"}, NOW)
    assert "large" == both.model_session.model
    with pytest.raises(Refused, match=r"model must be one of gpt-realtime-2\.1"):
        made.settle(caller(), {"model": "large"}, NOW)
    with pytest.raises(Refused, match="voice may not be set by the address; what may be set is"):
        made.settle(caller("kiosk"), {"voice": "marin"}, NOW)
    made.check_choices({"model": "large", "voice": "ash"})
    with pytest.raises(Refused, match=r"model must be one of gpt-realtime-2\.1"):
        made.check_choices({"model": "huge"})


def test_what_scopes_allow_together_is_not_refused_before_they_are_known(tmp_path):
    """Each field by a scope of its own: a token may have both."""
    path = tmp_path / "policy.toml"
    path.write_text(
        '[scopes.a]\nmodel = {query = ["large"]}\n[scopes.b]\nvoice = {query = ["x"]}\n'
    )
    made, choices = terms(path), {"model": "large", "voice": "x"}

    made.check_choices(choices)
    assert ("large", "x") == (
        (settled := made.settle(caller("a", "b"), choices, NOW).model_session).model,
        settled.voice,
    )
    for scopes in ("a", "b", ""):
        with pytest.raises(Refused):
            made.settle(caller(*scopes), choices, NOW)


def test_names_in_the_instructions_are_filled_in(tmp_path):
    """From the token and the day, in one line, and never evaluated."""
    path = tmp_path / "policy.toml"
    path.write_text('[instructions]\nclaims = ["name", "plan"]\n')
    text = "{user_id} is {name} ({plan}) on {date}, {{not}} {language}{metadata.city}."
    made = terms(path, session_instructions=text)
    claims = {"name": "Al\u202eice\n{date}", "plan": 7}

    settled = made.settle(caller(**claims), {"transcription_language": "de"}, NOW).model_session
    assert "alice is Alice {date} () on 2026-11-25, {not} de." == settled.instructions


HUGE = st.sampled_from([10**400, -(10**400), 2**53, 1e308])
TEXTS = st.text(st.characters(exclude_categories=()), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | HUGE | st.floats(allow_nan=False) | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS | st.sampled_from(["min", "max", "type", "role", "text"]), inner)
    ),
    max_leaves=9,
)
SAID = st.dictionaries(st.sampled_from([*FIELDS, "tools", CLIENT_MAY]) | TEXTS, VALUES)


@given(
    SAID | st.builds(lambda of: {CLIENT_MAY: of}, SAID) | VALUES,
    st.dictionaries(st.sampled_from([*FIELDS]), st.text(max_size=9)),
)
def test_whatever_a_token_says_is_settled_or_refused(said, choices):
    """Nothing else is raised, what is settled can be sent, and what is refused can be told."""
    for claim in (said, Seal(read_key(KEY)).close({"x": 1} | said) if _is_sealable(said) else {}):
        try:
            settled = SEALING.settle(caller(**{CLAIM: claim}), choices, NOW).model_session
        except Refused as refused:
            encode(ErrorReport.of(refused), 1, 1)
            str(refused.detail).encode()
        else:
            encode_order(UpdateSession(session_body(settled)))
            for entry in Ledger.of(settled.history, [str(n) for n in range(len(settled.history))]):
                encode_order(CreateItem(item_of(entry)))


def _is_sealable(said):
    try:
        return isinstance(said, dict) and bool(Seal(read_key(KEY)).close(said))
    except UnicodeEncodeError:  # no text that anybody could have sealed
        return False


@pytest.mark.parametrize("name", ["instructions", "metadata", "history"])
def test_half_a_character_is_no_text(name):
    """JSON can name it, and nothing can send it on."""
    text = "a\ud83d"
    value = {"metadata": {"a": text}, "history": [{"role": "user", "text": text}]}.get(name, text)
    with pytest.raises(Refused) as refused:
        SEALING.check(frozenset(), {name: value})

    assert name in str(refused.value.field)


@pytest.mark.parametrize(
    "said",
    [
        {"speed": 10**400},
        {"max_output_tokens": -(10**400)},
        {"turn_detection": {"type": "server_vad", "threshold": 10**400}},
        {CLIENT_MAY: {"speed": {"min": 1, "max": 10**400}}},
        {CLIENT_MAY: {"max_output_tokens": {"min": 1, "max": 10**400}}},
    ],
)
def test_a_number_of_any_size_is_refused_in_words(said):
    """As floats they would not be numbers any more."""
    with pytest.raises(Refused, match="must be"):
        SEALING.check(frozenset(), said)
