"""Tests of tornado_app/issuing.py."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.calls.house import SECRET, house_settings
from tornado_app.admission.claims import Caller
from tornado_app.admission.tokens import TokenRules, verify
from tornado_app.commands.configuration import read_policy
from tornado_app.errors import Refused
from tornado_app.issuing import Issuer, Wanted, read_wanted
from tornado_app.policy.fields import FIELDS
from tornado_app.standing import Standings
from tornado_app.terms import CONDUCT, Terms

NOW = 1_795_600_000.0
KEY = "Zk3q9vPx1LwT7bJm5RsY2nHd8GcF4aQeZk3q9vPx1Lw"
RULES = TokenRules(SECRET.encode(), ("HS256",), leeway_s=10, max_lifetime_s=3600)
SESSION = {"instructions": "Greet {user_id}.", "voice": "cedar", "client_may": {"voice": True}}


def made(key: str = KEY) -> tuple[Issuer, Terms]:
    settings = house_settings(auth_sealing_key=key)
    terms = Terms(settings, read_policy(settings))
    return Issuer(settings, RULES, terms), terms


def test_what_is_issued_is_taken_with_all_that_was_asked_for():
    """And none of it can be read on the way."""
    issuer, terms = made()
    issued = issuer.issue(Wanted("alice", 60, ("a", "b"), SESSION), NOW)
    caller = verify(issued.token, RULES, NOW)

    assert ("alice", NOW + 60, {"a", "b"}) == (caller.user_id, caller.expires_at, caller.scopes)
    assert NOW + 60 == issued.expires_at
    assert "Greet" not in str(caller.claims)
    assert "eyJ" not in repr(issued)
    settled = terms.settle(caller, {"voice": "ash"}, NOW).model_session
    assert ("Greet alice.", "ash") == (settled.instructions, settled.voice)


def test_without_a_session_there_is_no_such_claim():
    """A token as it always was."""
    caller = verify(made()[0].issue(Wanted("alice"), NOW).token, RULES, NOW)

    assert "parley_session" not in caller.claims


@pytest.mark.parametrize("claim", [["org"], ["app", "org"]])
def test_an_organisation_is_named_where_limits_look_for_it(claim):
    """Beside what holds for the call."""
    settings = house_settings(auth_sealing_key=KEY, limits_organisation_claim=claim)
    issuer = Issuer(settings, RULES, Terms(settings, read_policy(settings)))
    token = issuer.issue(Wanted("alice", 60, (), SESSION, "acme"), NOW).token
    caller = verify(token, RULES, NOW)

    assert "acme" == Standings(settings).of(caller).organisation
    assert "parley_session" in caller.claims


@pytest.mark.parametrize(
    ("claim", "name", "sentence"),
    [
        ([], "acme", "organisation: this server reads none, as limits.organisation_claim is emp"),
        (["org"], " ", "organisation: The token needs a text of 1 to 128 characters (org)."),
        (["org"], "x" * 129, "organisation: The token needs a text of 1 to 128 characters (org)."),
    ],
)
def test_an_organisation_that_nobody_would_count_is_not_issued(claim, name, sentence):
    """Else a server would believe that its customer is bounded."""
    settings = house_settings(limits_organisation_claim=claim)
    issuer = Issuer(settings, RULES, Terms(settings, read_policy(settings)))
    with pytest.raises(Refused) as refused:
        issuer.issue(Wanted("alice", organisation=name), NOW)

    assert "organisation" == refused.value.field
    assert refused.value.sentence.startswith(sentence)


def test_without_a_key_only_what_may_be_read_is_issued():
    """In the clear."""
    issuer, _ = made("")
    token = issuer.issue(Wanted("alice", session={"voice": "cedar"}), NOW).token
    assert {"voice": "cedar"} == verify(token, RULES, NOW).claims["parley_session"]

    with pytest.raises(Refused) as refused:
        issuer.issue(Wanted("alice", session=SESSION), NOW)
    assert "instructions has to be sealed, and this server has no auth.sealing_key." == (
        refused.value.sentence
    )
    assert "session.instructions" == refused.value.field


@pytest.mark.parametrize(
    ("session", "field", "sentence"),
    [
        ({"speed": 9}, "session.speed", "session: speed must be a number from 0.25 to 1.5."),
        (
            {"model": "canary"},
            "session.model",
            "session: model must be one of gpt-realtime-2.1.",
        ),
        (
            {"history": [{"role": "user", "text": 7}]},
            "session.history[0].text",
            "session: history[0].text must be a text of 1 to 32768 characters.",
        ),
        (
            {"tool": []},
            "session.tool",
            (
                "session: tool may not be set by a token; what may be set is instructions, voice, "
                "model, transcription_model, transcription_language, turn_detection, output, "
                "speed, max_output_tokens, metadata, history, tools, tool_choice, images, record, "
                "idle_timeout_s, max_call_s, session."
            ),
        ),
        (
            {"client_may": {"history": True, "canary": 1}},
            "session.client_may",
            (
                "session: client_may may name instructions, voice, model, transcription_language, "
                "turn_detection, output, speed, max_output_tokens, history, tools, tool_choice, "
                "images, session, input_format, input_rate, input_channels, output_format, "
                "output_rate, output_encoding."
            ),
        ),
        (
            {"instructions": "canary {nobody}"},
            "session.instructions",
            (
                "session: instructions must be a text with at most 64 names in braces, of "
                "{user_id}, {date}, {language}, {metadata.NAME}, and {{ or }} for a brace; "
                "character 8 is none of these."
            ),
        ),
    ],
)
def test_what_a_token_may_not_say_is_told_to_who_asks_for_it(session, field, sentence):
    """By name, with what is allowed, without the value."""
    with pytest.raises(Refused) as refused:
        made()[0].issue(Wanted("alice", session=session), NOW)

    assert (field, sentence) == (refused.value.field, refused.value.sentence)
    assert "canary" not in sentence


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (Wanted(""), "No token: The token needs a text of 1 to 128 characters (sub)."),
        (
            Wanted("a", session={"instructions": "x" * 9000}),
            "No token: The token is longer than 16384 characters.",
        ),
        (
            Wanted("a", 3700),
            "No token: The token is valid for more than 3600 seconds (exp).",
        ),
    ],
)
def test_a_token_that_would_not_be_taken_is_not_made(wanted, sentence):
    """It says why."""
    with pytest.raises(Refused) as refused:
        made()[0].issue(wanted, NOW)

    assert sentence == refused.value.sentence


LENDER = Caller("alice", frozenset({"a"}), NOW + 300, "t-1", {})


def test_what_is_lent_ends_with_what_it_is_lent_from():
    """Whatever is asked for, and so does the call; it has its number, to be taken back with it."""
    lent = verify(made()[0].lend(LENDER, {}, 600, NOW, as_client=True).token, RULES, NOW)

    assert replace(LENDER, call_until=NOW + 300) == lent
    assert NOW + 300 == lent.expires_at == lent.call_ends_at
    short = made()[0].lend(LENDER, {}, 60, NOW, as_client=True)
    assert NOW + 60 == short.expires_at < verify(short.token, RULES, NOW).call_ends_at


def test_what_is_lent_begins_as_it_was_asked_and_may_be_changed():
    """As by a client of the lender's own; what that had fixed stays fixed and goes along."""
    issuer, terms = made()
    own = {
        "voice": "cedar",
        "instructions": "Greet {user_id}.",
        "client_may": {"speed": {"min": 1.0, "max": 1.2}},
    }
    lender = verify(issuer.issue(Wanted("alice", 300, (), own), NOW).token, RULES, NOW)
    lent = issuer.lend(lender, {"speed": 1.1, "output": "text"}, 60, NOW, as_client=True)
    caller = verify(lent.token, RULES, NOW)

    begun = terms.settle(caller, {}, NOW).model_session
    assert (1.1, "text", "cedar", "Greet alice.") == (
        begun.speed,
        begun.output,
        begun.voice,
        begun.instructions,
    )
    changed = terms.settle(caller, {"speed": "1.2", "output": "audio"}, NOW).model_session
    assert (1.2, "audio") == (changed.speed, changed.output)
    for choice in ({"speed": "1.3"}, {"voice": "ash"}):
        with pytest.raises(Refused):
            terms.settle(caller, choice, NOW)


@pytest.mark.parametrize(
    ("scopes", "claims"),
    [
        ((), {"app": {"plan": "free", "org": "acme", "role": "admin"}}),
        (("plan:team",), {"app": {"org": "acme"}}),
        ((), {"app": {"plan": "gold"}}),
        ((), {"app": {"plan": 7}}),
        ((), {"app": "free"}),
        ((), {}),
    ],
)
def test_what_is_lent_has_the_plan_and_the_organisation_of_its_lender(scopes, claims):
    """Else it were a way around every limit; and it has nothing that decides nothing."""
    settings = house_settings(
        limits_plans_file="conf/plans.toml",
        limits_plan_claim=["app", "plan"],
        limits_organisation_claim=["app", "org"],
    )
    issuer = Issuer(settings, RULES, Terms(settings, read_policy(settings)))
    lender = replace(LENDER, scopes=frozenset(scopes), claims=claims)
    caller = verify(issuer.lend(lender, {}, 60, NOW, as_client=True).token, RULES, NOW)

    def standing(of: Caller) -> object:
        try:
            return Standings(settings).of(of)
        except Refused as refused:
            return refused.sentence

    assert standing(lender) == standing(caller)
    assert "admin" not in str(caller.claims)


def test_instructions_name_the_lenders_claims_and_a_claim_is_no_way_to_more():
    """Also where the policy names one that says what a token may."""
    settings = house_settings(session_instructions="{user_id}, {tier}.")
    policy = replace(read_policy(settings), claims=("tier", "scopes", "parley_session"))
    terms = Terms(settings, policy)
    claims = {"tier": "gold", "scopes": [CONDUCT, "a"], "exp": NOW + 9e9}
    lender = replace(LENDER, scopes=frozenset({"a", CONDUCT}), claims=claims)
    lent = Issuer(settings, RULES, terms).lend(lender, {}, 60, NOW, as_client=True)
    caller = verify(lent.token, RULES, NOW)

    assert "alice, gold." == terms.settle(caller, {}, NOW).model_session.instructions
    assert ({"a"}, NOW + 60) == (caller.scopes, caller.expires_at)


@pytest.mark.parametrize("scope", [f"a {CONDUCT}", "plan:free and easy", " a"])
def test_a_scope_of_several_words_is_not_taken_apart_by_lending(scope):
    """Each of them may be one that the lender has not; a provider's groups have such names."""
    lender = replace(LENDER, scopes=frozenset({"a", scope}))
    lent = made()[0].lend(lender, {}, 60, NOW, as_client=True)

    assert {"a", scope} == verify(lent.token, RULES, NOW).scopes


def test_what_is_for_servers_is_said_and_not_lent():
    """A server that conducts says what its page begins with, which the page cannot change."""
    issuer, terms = made()
    lender = replace(LENDER, scopes=frozenset({"a", "", CONDUCT}))
    said = {"instructions": "Greet {user_id}.", "tools": [{"name": "look"}]}
    caller = verify(issuer.lend(lender, said, 60, NOW, as_client=True).token, RULES, NOW)

    assert {"a"} == caller.scopes
    settled = terms.settle(caller, {}, NOW)
    assert "Greet alice." == settled.model_session.instructions
    assert {"instructions", "tools"}.isdisjoint(settled.rules.open_to("configure"))


@pytest.mark.parametrize(
    ("said", "as_client", "field"),
    [
        ({"instructions": "canary"}, True, "instructions"),
        ({"tools": [{"name": "look"}]}, True, "tools"),
        ({"metadata": {"a": "canary"}}, True, "metadata"),
        ({"record": True}, True, "record"),
        ({"voice": "canary"}, True, "voice"),
        ({"model": "canary"}, True, "model"),
        ({"model": "canary"}, False, "model"),
        ({"instructions": "{canary}"}, False, "instructions"),
    ],
)
def test_nobody_lends_what_they_may_not_say(said, as_client, field):
    """A client's key no more than a client, the application's no more than a token."""
    with pytest.raises(Refused) as refused:
        made()[0].lend(LENDER, said, 60, NOW, as_client=as_client)

    assert field == refused.value.field
    assert "canary" not in refused.value.sentence


@given(
    st.dictionaries(
        st.sampled_from(sorted(FIELDS)), st.sampled_from(["ash", "text", 1.5, 4096, "de"])
    ),
    st.dictionaries(st.sampled_from(sorted(FIELDS)), st.sampled_from(["cedar", "audio", 0.5, 10])),
)
@settings(max_examples=100)
def test_no_secret_gives_more_than_its_lender_has(said, own):
    """What a client could not have chosen with the token, it does not get by lending."""
    issuer, terms = made()
    try:
        lender = verify(issuer.issue(Wanted("alice", 300, (), own), NOW).token, RULES, NOW)
        lent = issuer.lend(lender, said, 60, NOW, as_client=True)
    except Refused:
        return
    rules = terms.settle(lender, {}, NOW).rules
    for name, value in said.items():
        sources = [source for source in ("query", "configure") if name in rules.open_to(source)]
        assert sources
        rules.check(sources[-1], name, value)
    begun = terms.settle(verify(lent.token, RULES, NOW), {}, NOW).model_session
    plain = terms.settle(lender, {}, NOW).model_session
    for name in ("voice", "speed", "output", "max_output_tokens", "instructions", "model"):
        if name not in said:
            assert getattr(plain, name) == getattr(begun, name)


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "user", "user must be a text"),
        ({"user": 7}, "user", "user must be a text"),
        ({"user": "a", "ttl_s": True}, "ttl_s", "ttl_s must be a number of seconds."),
        ({"user": "a", "ttl_s": 0}, "ttl_s", "ttl_s must be a number from 1 to 3600."),
        ({"user": "a", "ttl_s": 1e300}, "ttl_s", "ttl_s must be a number from 1 to 3600."),
        ({"user": "a", "scopes": "b"}, "scopes", "scopes must be a list of at most 64 words."),
        ({"user": "a", "scopes": ["b c"]}, "scopes", "scopes must be a list of at most 64 words."),
        ({"user": "a", "session": []}, "session", "session must be an object."),
        ({"user": "a", "canary": 1}, None, "The body may have user, ttl_s, scopes, organ"),
        ({"user": "a", "organisation": 7}, "organisation", "organisation must be a text"),
    ],
)
def test_a_body_that_asks_for_something_else(body, field, words):
    """The first thing that is wrong is named."""
    with pytest.raises(Refused) as refused:
        read_wanted(body, 3600)

    assert field == refused.value.field
    assert refused.value.sentence.startswith(words)
    assert "canary" not in refused.value.sentence
