"""Which tokens of an issuer are good: tornado_app/admission/issuers/rules.py."""

import json
from base64 import urlsafe_b64encode
from dataclasses import replace

import pytest

from tests.fakes.issuer import AUDIENCE, ISSUER, SigningKey, jwks
from tornado_app.admission.claims import TokenRejected
from tornado_app.admission.issuers.key_set import read_jwks
from tornado_app.admission.issuers.rules import (
    ClaimNames,
    IssuerRules,
    UnknownKey,
    plain_type,
    verify,
)

NOW = 1_800_000_000
NAMES = ClaimNames(("sub",), "id|", (("scope",), ("realm", "roles")), ("jti",), None, "parley")
RULES = IssuerRules(
    name="id",
    issuer=ISSUER,
    audiences=(AUDIENCE,),
    algorithms=("ES256", "ES384"),
    types=(),
    claims=NAMES,
    leeway_s=10.0,
    max_lifetime_s=3600.0,
)
KEY = SigningKey()
KEYS = read_jwks(jwks(KEY))
STRANGER = SigningKey()
TIMES = {"iat": NOW, "exp": NOW + 600}


def caller(header=None, /, *, rules=RULES, key=KEY, **claims):
    return verify(key.token(header, **{**TIMES, **claims}), rules, KEYS, NOW)


def sentence_of(header=None, /, **how):
    with pytest.raises(TokenRejected) as caught:
        caller(header, **how)
    assert "token_invalid" == caught.value.code
    return caught.value.sentence


def test_a_good_token_says_who_calls():
    """With the issuer's own prefix, and words from wherever it keeps them."""
    found = caller(jti="t-1", scope="speak listen", realm={"roles": ["admin"]}, extra=7)

    assert "id|alice" == found.user_id
    assert frozenset({"speak", "listen", "admin"}) == found.scopes
    assert ("t-1", NOW + 600) == (found.token_id, found.expires_at)
    assert 7 == found.claims["extra"]


def test_what_holds_for_the_call_is_taken_from_where_the_issuer_has_it():
    """And nothing that is only called so."""
    rules = replace(RULES, claims=replace(NAMES, session=("https://x.example/call",)))
    said = {"parley": {"voice": "ash"}, "https://x.example/call": {"voice": "marin"}}

    assert {"voice": "marin"} == caller(rules=rules, **said).claims["parley"]
    assert "parley" not in caller(**said).claims
    assert "parley" not in caller(rules=rules, parley={"voice": "ash"}).claims


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"crit": ["exp"]}, r"\(crit\)"),
        ({"b64": True}, r"\(crit\)"),
        ({"kid": 7}, "kid is no text"),
    ],
)
def test_a_header_that_asks_for_more_is_refused(header, words):
    """Before its signature is looked at; no library of ours writes such a one."""
    _, claims, signature = KEY.token(**TIMES).split(".")
    written = urlsafe_b64encode(json.dumps({"alg": "ES256", **header}).encode()).decode()
    with pytest.raises(TokenRejected, match=words):
        verify(".".join((written.rstrip("="), claims, signature)), RULES, KEYS, NOW)


def test_only_the_algorithms_of_the_issuer_are_taken():
    """Also of a key that it has."""
    assert "ES384 (alg)" in sentence_of(rules=replace(RULES, algorithms=("ES384",)))
    assert "ES256, ES384 (alg)" in sentence_of(key=SigningKey("EdDSA"))


@pytest.mark.parametrize(
    ("said", "is_good"),
    [("at+jwt", True), ("AT+JWT", True), ("application/at+jwt", True), ("JWT", False)],
)
def test_an_issuer_may_have_a_type_of_its_own(said, is_good):
    """In either spelling."""
    rules = replace(RULES, types=("at+jwt",))
    if is_good:
        assert caller({"typ": said}, rules=rules).user_id
    else:
        assert "of the type at+jwt (typ)" in sentence_of({"typ": said}, rules=rules)
    assert "at+jwt" == plain_type("application/AT+jwt")


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"iss": "https://other.example"}, "(iss)"),
        ({"aud": "other"}, "(aud)"),
        ({"sub": "a" * 126}, "longer than 128"),
        ({"sub": None}, "(sub)"),
        ({"scope": 7}, "scope is neither"),
        ({"realm": {"roles": [7]}}, "realm.roles is neither"),
        ({"jti": 7}, "(jti)"),
        ({"exp": NOW + 3611}, "3600 seconds (exp)"),
    ],
)
def test_what_a_token_may_not_say(claims, words):
    """A user with the prefix is a name like any other."""
    if claims == {"sub": "a" * 126}:
        assert caller(sub="a" * 125).user_id
    assert words in sentence_of(**claims)


def test_only_a_token_with_nothing_else_wrong_has_expired():
    """So that only such a one is refreshed."""
    with pytest.raises(TokenRejected) as caught:
        caller(exp=NOW - 10)
    assert "token_expired" == caught.value.code
    assert caller(exp=NOW - 9).user_id

    assert "(aud)" in sentence_of(exp=NOW - 10, aud="other")


def test_a_key_that_is_not_known_is_asked_for():
    """If the token could be good with it, and for no other."""
    unknown = SigningKey(kid="k2")
    with pytest.raises(UnknownKey):
        caller(key=unknown)
    assert "signature" in sentence_of(key=unknown, aud="other")


def test_a_key_by_the_same_name_is_no_other_key():
    """Nobody is asked for it again."""
    assert "signature" in sentence_of(key=STRANGER)


def test_a_token_that_names_no_key_may_be_signed_with_any():
    """Or with one that is not known yet."""
    assert caller({"kid": None}).user_id
    with pytest.raises(UnknownKey):
        caller({"kid": None}, key=STRANGER)


def test_what_is_no_token_is_refused():
    """Before a key is looked for."""
    for token in ("e30.W10.AA", "W10.e30.AA"):
        with pytest.raises(TokenRejected, match="not JSON objects"):
            verify(token, RULES, KEYS, NOW)
