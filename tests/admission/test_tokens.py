"""Which tokens are good: tornado_app/admission/tokens.py."""

import base64
import hashlib
import hmac
import json
import socket
from dataclasses import replace

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tornado_app.admission.tokens import Caller, TokenRejected, TokenRules, issue, verify

KEY = b"0123456789abcdef0123456789abcdef"
NOW = 1_800_000_000.25
RULES = TokenRules(KEY, ("HS256",), leeway_s=10, max_lifetime_s=3600)
STRICT = replace(RULES, issuer="https://id.example", audience="parley")

GOOD = {"sub": "ada", "exp": NOW + 60}

PUBLIC_PEM = b"""-----BEGIN PUBLIC KEY-----
MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf
9Cnzj4p4WGeKLs1Pt8QuKUpRKfFLfRYC9AIKjbJTWit+CqvjWYzvQwECAwEAAQ==
-----END PUBLIC KEY-----
"""


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header, payload, key=KEY, digest=hashlib.sha256):
    """Sign any bytes at all, as no library would."""
    parts = [
        encode(part if isinstance(part, bytes) else json.dumps(part).encode())
        for part in (header, payload)
    ]
    text = ".".join(parts)
    return f"{text}.{encode(hmac.new(key, text.encode(), digest).digest())}"


def token(header=None, /, **claims):
    return sign({"alg": "HS256"} | (header or {}), GOOD | claims)


def raw(payload):
    return sign({"alg": "HS256"}, payload)


def without(claim):
    return raw({name: value for name, value in GOOD.items() if name != claim})


def rejected(text, rules=RULES, now=NOW):
    with pytest.raises(TokenRejected) as caught:
        verify(text, rules, now)
    assert caught.value.sentence
    assert not any(
        part in caught.value.sentence for part in text.split(".") if len(part) > len("JSON")
    )
    return caught.value.code


GOOD_TOKEN = token()
HEAD, BODY, SIGNATURE = GOOD_TOKEN.split(".")
EXP = int(NOW + 60)
NONE = b'{"alg":"none"}'

HOSTILE = {
    # The algorithm.
    "alg none": sign({"alg": "none"}, GOOD),
    "alg none, unsigned": f"{encode(NONE)}.{BODY}.",
    "alg None": sign({"alg": "None"}, GOOD),
    "alg nOnE": sign({"alg": "nOnE"}, GOOD),
    "alg empty": sign({"alg": ""}, GOOD),
    "alg null": sign({"alg": None}, GOOD),
    "alg number": sign({"alg": 256}, GOOD),
    "alg list": sign({"alg": ["HS256"]}, GOOD),
    "alg object": sign({"alg": {"HS256": 1}}, GOOD),
    "alg missing": sign({"typ": "JWT"}, GOOD),
    "alg lower case": sign({"alg": "hs256"}, GOOD),
    "alg with space": sign({"alg": "HS256 "}, GOOD),
    "alg HS384, not configured": sign({"alg": "HS384"}, GOOD, digest=hashlib.sha384),
    "alg HS512, not configured": sign({"alg": "HS512"}, GOOD, digest=hashlib.sha512),
    "alg RS256 over HMAC": sign({"alg": "RS256"}, GOOD),
    "alg RS256, HMAC by the public key": sign({"alg": "RS256"}, GOOD, key=PUBLIC_PEM),
    "HMAC by the public key": sign({"alg": "HS256"}, GOOD, key=PUBLIC_PEM),
    "alg EdDSA": sign({"alg": "EdDSA"}, GOOD),
    "alg A128KW": sign({"alg": "A128KW"}, GOOD),
    "alg twice": sign(b'{"alg":"HS256","alg":"none"}', GOOD),
    # Keys that the token would like to bring along.
    "empty key": sign({"alg": "HS256"}, GOOD, key=b""),
    "jwk of its own": sign(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": encode(b"x" * 32)}}, GOOD, key=b"x" * 32
    ),
    "jku": sign({"alg": "HS256", "jku": "https://evil.example/jwks"}, GOOD, key=b"x" * 32),
    "x5u": sign({"alg": "HS256", "x5u": "https://evil.example/x5u"}, GOOD, key=b"x" * 32),
    "x5c": sign({"alg": "HS256", "x5c": ["MIIB"]}, GOOD, key=b"x" * 32),
    "kid path": sign({"alg": "HS256", "kid": "../../../dev/null"}, GOOD, key=b""),
    "kid sql": sign({"alg": "HS256", "kid": "' union select 'x"}, GOOD, key=b"x"),
    "kid number": token({"kid": 7}),
    "crit unknown": token({"crit": ["exp"], "exp": 1}),
    "crit empty": token({"crit": []}),
    "crit text": token({"crit": "b64"}),
    "b64 false": token({"b64": False, "crit": ["b64"]}),
    # Times.
    "exp missing": without("exp"),
    "exp null": token(exp=None),
    "exp text": token(exp=str(EXP)),
    "exp true": token(exp=True),
    "exp list": token(exp=[EXP]),
    "exp object": token(exp={}),
    "exp 10**400": token(exp=10**400),
    "exp 2**63": token(exp=2**63),
    "exp NaN": raw(b'{"sub":"ada","exp":NaN}'),
    "exp Infinity": raw(b'{"sub":"ada","exp":Infinity}'),
    "exp 1e400": raw(b'{"sub":"ada","exp":1e400}'),
    "exp 5000 digits": raw(b'{"sub":"ada","exp":' + b"9" * 5000 + b"}"),
    "exp in milliseconds": token(exp=EXP * 1000),
    "exp too far": token(exp=NOW + 3600 + 11),
    "nbf future": token(nbf=NOW + 11),
    "nbf text": token(nbf="0"),
    "nbf true": token(nbf=True),
    "nbf null": token(nbf=None),
    "iat future": token(iat=NOW + 11),
    "iat text": token(iat="0"),
    "iat 10**400": token(iat=-(10**400)),
    # Who.
    "sub missing": without("sub"),
    "sub null": token(sub=None),
    "sub number": token(sub=7),
    "sub list": token(sub=["ada"]),
    "sub empty": token(sub=""),
    "sub blank": token(sub="  "),
    "sub too long": token(sub="a" * 129),
    "sub line break": token(sub="ada\nforged line"),
    "sub escape": token(sub="ada\x1b[2J"),
    "sub nul": token(sub="ada\0"),
    "sub turned around": token(sub="ada\u202etxt"),
    "sub surrogate": token(sub="ada\ud800"),
    "jti number": token(jti=7),
    "jti line break": token(jti="a\nb"),
    "scope list": token(scope=["talk"]),
    "scope number": token(scope=7),
    "scopes text": token(scopes="talk"),
    "scopes numbers": token(scopes=[1]),
    # The JSON.
    "sub twice": raw(f'{{"sub":"ada","sub":"eve","exp":{EXP}}}'.encode()),
    "exp twice": raw(f'{{"sub":"ada","exp":{EXP},"exp":{EXP}}}'.encode()),
    "twice below": raw(f'{{"sub":"ada","exp":{EXP},"x":{{"a":1,"a":2}}}}'.encode()),
    "twice, escaped": raw(f'{{"sub":"ada","s\\u0075b":"eve","exp":{EXP}}}'.encode()),
    "list": raw([GOOD]),
    "text": raw("ada"),
    "number": raw(7),
    "null": raw(None),
    "no JSON": raw(b"sub=ada"),
    "not UTF-8": raw(b'{"sub":"\xff","exp":%d}' % EXP),
    "UTF-16": raw(json.dumps(GOOD).encode("utf-16")),
    "byte order mark": raw(b"\xef\xbb\xbf" + json.dumps(GOOD).encode()),
    "deep": raw(b'{"sub":"ada","x":' + b"[" * 5000),
    "deep header": sign(b'{"alg":"HS256","x":' + b"[" * 5000, GOOD),
    "header list": sign(["HS256"], GOOD),
    "header no JSON": sign(b"alg", GOOD),
    "trailing text": raw(json.dumps(GOOD).encode() + b"x"),
    # The shape.
    "one part": HEAD,
    "two parts": f"{HEAD}.{BODY}",
    "four parts": f"{GOOD_TOKEN}.{SIGNATURE}",
    "five parts": f"{HEAD}.{BODY}.{BODY}.{BODY}.{SIGNATURE}",
    "dots": "..",
    "empty header": f".{BODY}.{SIGNATURE}",
    "empty payload": f"{HEAD}..{SIGNATURE}",
    "no signature": f"{HEAD}.{BODY}.",
    "truncated": GOOD_TOKEN[:-1],
    "truncated to bytes": GOOD_TOKEN[:-4],
    "padded": GOOD_TOKEN + "=",
    "padded twice": GOOD_TOKEN + "==",
    "padded header": f"{HEAD}=.{BODY}.{SIGNATURE}",
    "standard base64": f"{HEAD}.{BODY}.{'+/' * 21}",
    "line break": GOOD_TOKEN + "\n",
    "space before": " " + GOOD_TOKEN,
    "bearer": "Bearer " + GOOD_TOKEN,
    "nul": GOOD_TOKEN + "\0",
    "not ASCII": GOOD_TOKEN[:-1] + "\u00e9",
    "surrogate": GOOD_TOKEN + "\ud800",
    "JSON serialization": json.dumps({"payload": BODY, "signatures": []}),
    "another's signature": f"{HEAD}.{BODY}.{token(sub='eve').split('.')[2]}",
    "another's payload": f"{HEAD}.{token(sub='eve').split('.')[1]}.{SIGNATURE}",
    "just too long": "a" * 8193,
    "huge": token(x="a" * 1_000_000),
}


class TestHostile:
    @pytest.mark.parametrize("name", HOSTILE)
    def test_rejected(self, name, monkeypatch):
        """No hostile token opens anything, fetches anything, or finds its text in the answer."""
        monkeypatch.setattr(socket, "socket", None)

        assert rejected(HOSTILE[name]) == "token_invalid"

    def test_enough_of_them(self):
        """The corpus keeps its size."""
        assert len(HOSTILE) >= 100

    @given(st.integers(0, len(GOOD_TOKEN) * 7 - 1))
    def test_one_bit_flipped(self, place):
        """A good token with any one bit turned is rejected: there is one spelling of each."""
        flipped = list(GOOD_TOKEN)
        flipped[place // 7] = chr(ord(flipped[place // 7]) ^ (1 << place % 7))

        rejected("".join(flipped))

    def test_every_last_character(self):
        """The unused bits at the end of each part make no second spelling."""
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        for end in (len(HEAD), len(HEAD) + 1 + len(BODY), len(GOOD_TOKEN)):
            for letter in set(alphabet) - {GOOD_TOKEN[end - 1]}:
                rejected(GOOD_TOKEN[: end - 1] + letter + GOOD_TOKEN[end:])

    @given(st.text())
    def test_any_text(self, text):
        """Any text is rejected with a code, and with nothing else."""
        with pytest.raises(TokenRejected):
            verify(text, RULES, NOW)

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda item: st.lists(item, max_size=3) | st.dictionaries(st.text(), item, max_size=3),
            max_leaves=5,
        ),
        st.sampled_from(
            ["sub", "exp", "nbf", "iat", "jti", "scope", "scopes", "aud", "iss", "call_exp"]
        ),
    )
    def test_any_claim(self, value, name):
        """Whatever a signed claim holds, the token is read or rejected."""
        for rules in (RULES, STRICT):
            try:
                caller = verify(token(**{name: value}), rules, NOW)
            except TokenRejected:
                continue
            assert caller.user_id.isprintable()
            assert NOW < caller.expires_at + rules.leeway_s <= NOW + rules.max_lifetime_s + 60


class TestGood:
    def test_caller(self):
        """A good token says who is calling, what they may, and until when."""
        text = token(scope="talk  listen", scopes=["admin"], jti="t-1", nbf=NOW, iat=int(NOW))

        expected = Caller("ada", frozenset({"talk", "listen", "admin"}), NOW + 60, "t-1")
        assert expected == verify(text, RULES, NOW)

    def test_least(self):
        """A user and an end are all that a token needs."""
        assert Caller("ada", frozenset(), NOW + 60, None) == verify(GOOD_TOKEN, RULES, NOW)

    def test_a_call_may_outlive_its_token(self):
        """As far as the token says, and as a token itself may live; else it ends with it."""
        longer = verify(token(call_exp=NOW + 900), RULES, NOW)
        shorter = verify(token(call_exp=NOW + 1), RULES, NOW)

        assert (NOW + 60, NOW + 900) == (longer.expires_at, longer.call_ends_at)
        assert NOW + 60 == shorter.call_ends_at == verify(GOOD_TOKEN, RULES, NOW).call_ends_at
        for wrong in (NOW + 3611, "soon", None, True, 10**400):
            rejected(token(call_exp=wrong))

    @pytest.mark.parametrize(
        "header",
        [{"kid": "2026-11"}, {"jku": "https://evil.example"}, {"jwk": {}}, {"typ": "at+jwt"}],
        ids=str,
    )
    def test_header_is_ignored(self, header):
        """A token of ours is good whatever keys its header recommends."""
        assert verify(token(header), RULES, NOW).user_id == "ada"

    @pytest.mark.parametrize("user", ["ada@example.com", "auth0|5f7c", "\u00c5sa Lind", "a" * 128])
    def test_names(self, user):
        """User ids of the usual identity providers are good."""
        assert user == verify(token(sub=user), RULES, NOW).user_id

    @pytest.mark.parametrize(("name", "digest"), [("HS384", "sha384"), ("HS512", "sha512")])
    def test_other_algorithms(self, name, digest):
        """The longer hashes are good where configured."""
        rules = replace(RULES, key=KEY * 2, algorithms=("HS256", name))

        assert verify(sign({"alg": name}, GOOD, KEY * 2, digest), rules, NOW).user_id == "ada"

    @pytest.mark.parametrize("name", ["HS384", "HS512", "RS256", "ES256", "none", "None", "hs256"])
    def test_an_algorithm_that_is_not_taken(self, name):
        """Whose library signs with another is told which it has to be, and nobody's secret is
        blamed.
        """
        rules = replace(RULES, key=KEY * 2, algorithms=("HS256",))

        with pytest.raises(TokenRejected, match=r"signed with HS256 \(alg\)"):
            verify(sign({"alg": name}, GOOD, KEY * 2), rules, NOW)

    def test_issued_by_pyjwt(self):
        """What the usual library makes is good."""
        text = jwt.encode({"sub": "ada", "exp": EXP}, KEY, "HS256")

        assert verify(text, RULES, NOW).expires_at == EXP


class TestTimes:
    @pytest.mark.parametrize("late", [10, 11, 1e6])
    def test_expired(self, late):
        """From its end and the leeway on, a token is expired and says so."""
        assert rejected(token(exp=NOW - late)) == "token_expired"

    @pytest.mark.parametrize("exp", [-1, 0, -1e9])
    def test_expired_before_1970(self, exp):
        """An end before the beginning of time has passed."""
        assert rejected(token(exp=exp)) == "token_expired"

    @pytest.mark.parametrize(
        "claims", [{"exp": NOW - 9}, {"nbf": NOW + 10}, {"iat": NOW + 10}, {"exp": NOW + 3610}]
    )
    def test_leeway(self, claims):
        """Clocks may differ by the leeway, and no more."""
        assert verify(token(**claims), RULES, NOW).user_id == "ada"

    @pytest.mark.parametrize("name", ["exp", "nbf", "iat", "call_exp"])
    def test_milliseconds_are_called_so(self, name):
        """As JavaScript counts them: not a token that lasts too long, or is of another time."""
        with pytest.raises(TokenRejected, match=rf"has milliseconds or less \({name}\)"):
            verify(token(**{name: NOW * 1000}), RULES, NOW)

    def test_what_is_wrong_otherwise_is_not_called_expired(self):
        """An expired token of somebody else is invalid: a fresh one of theirs would not help."""
        assert rejected(token(exp=0, sub=7)) == "token_invalid"

    def test_wall_clock_is_not_read(self):
        """Time is what the caller says it is."""
        assert verify(token(exp=50), RULES, now=0).user_id == "ada"


class TestIssuerAndAudience:
    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://id.example", "aud": "parley"},
            {"iss": "https://id.example", "aud": ["other", "parley"]},
        ],
        ids=str,
    )
    def test_good(self, claims):
        """The right issuer and audience are good, also one audience of several."""
        assert verify(token(**claims), STRICT, NOW).user_id == "ada"

    @pytest.mark.parametrize(
        "claims",
        [
            {},
            {"iss": "https://id.example"},
            {"aud": "parley"},
            {"iss": "https://id.example.evil", "aud": "parley"},
            {"iss": "https://id", "aud": "parley"},
            {"iss": ["https://id.example"], "aud": "parley"},
            {"iss": "https://id.example", "aud": []},
            {"iss": "https://id.example", "aud": "parley2"},
            {"iss": "https://id.example", "aud": "parle"},
            {"iss": "https://id.example", "aud": ["parley2"]},
            {"iss": "https://id.example", "aud": {"parley": 1}},
            {"iss": "https://id.example", "aud": None},
        ],
        ids=str,
    )
    def test_wrong(self, claims):
        """Anything but exactly the configured issuer and audience is rejected."""
        assert rejected(token(**claims), STRICT) == "token_invalid"

    def test_ignored_where_not_configured(self):
        """Without configuration, a token made for anybody is good."""
        assert verify(token(iss=7, aud=["x"]), RULES, NOW).user_id == "ada"


class TestIssue:
    def test_is_good(self):
        """An issued token is good from now to its end, and has a number of its own."""
        first, second = (issue("ada", STRICT, NOW, 600, ["talk"]) for _ in range(2))
        caller = verify(first, STRICT, NOW)

        assert ("ada", frozenset({"talk"}), int(NOW + 600)) == (
            caller.user_id,
            caller.scopes,
            caller.expires_at,
        )
        assert caller.token_id != verify(second, STRICT, NOW).token_id

    def test_grants_every_scope(self):
        """Each by its own name."""
        made = issue("ada", RULES, NOW, 600, ["talk", "listen"])

        assert frozenset({"talk", "listen"}) == verify(made, RULES, NOW).scopes

    def test_shows_which_server_it_is_from(self):
        """Of two servers with two secrets, one tells what is wrong with the other's tokens."""
        made = issue("ada", replace(RULES, key=KEY[::-1]), NOW, 600)

        with pytest.raises(
            TokenRejected, match="another secret than this server's; both need the same"
        ):
            verify(made, RULES, NOW)

    def test_without_the_prefix_of_another_api(self):
        """Whoever shows a key of `/v1/realtime` elsewhere is told what to leave out."""
        made = issue("ada", RULES, NOW, 600)

        with pytest.raises(TokenRejected, match=r"begins with ek_ is for /v1/realtime; here it"):
            verify(f"ek_{made}", RULES, NOW)

    @pytest.mark.parametrize(("user", "ttl_s"), [("", 60), ("a\nb", 60), ("a", -60), ("a", 1e9)])
    def test_refuses_what_would_be_rejected(self, user, ttl_s):
        """A token that would not be accepted is not issued."""
        with pytest.raises(ValueError, match="token"):
            issue(user, RULES, NOW, ttl_s)

    def test_gives_no_scope_that_would_be_read_as_two(self):
        """Or as none."""
        for scope in ("a b", "", " a"):
            with pytest.raises(ValueError, match=r"^A scope is one word\.$"):
                issue("ada", RULES, NOW, 60, ["talk", scope])


class TestPreviousKey:
    BEFORE = TokenRules(KEY[::-1], ("HS256",), leeway_s=10, max_lifetime_s=3600)
    NOW_WITH_BOTH = replace(RULES, previous_key=KEY[::-1])

    def test_its_tokens_are_good(self):
        """Until it is removed; those of the current one are, too."""
        made = issue("ada", self.BEFORE, NOW, 600)

        assert "ada" == verify(made, self.NOW_WITH_BOTH, NOW).user_id
        assert "ada" == verify(GOOD_TOKEN, self.NOW_WITH_BOTH, NOW).user_id
        assert "token_invalid" == rejected(made)

    def test_it_signs_nothing(self):
        """New tokens are the current one's."""
        made = issue("ada", self.NOW_WITH_BOTH, NOW, 600)

        assert "ada" == verify(made, RULES, NOW).user_id
        assert "token_invalid" == rejected(made, self.BEFORE)

    def test_what_has_no_header_is_no_token(self):
        """Three words with full stops between are not taken for one that somebody signed."""
        with pytest.raises(TokenRejected, match=r"^The token is not a JSON Web Token\.$"):
            verify("alice.bob.carol", self.NOW_WITH_BOTH, NOW)

    def test_any_other(self):
        """A third secret is none of the two."""
        other = replace(RULES, key=b"x" * 32)

        with pytest.raises(TokenRejected, match="another secret than this server's"):
            verify(issue("ada", other, NOW, 600), self.NOW_WITH_BOTH, NOW)

    def test_it_is_as_long(self):
        """And hidden as well."""
        with pytest.raises(ValueError, match="too short"):
            replace(RULES, previous_key=KEY[:31])
        assert "previous" not in repr(self.NOW_WITH_BOTH)


class TestRules:
    def test_missing(self):
        """No token is another thing than a bad one."""
        assert rejected("") == "token_missing"

    @pytest.mark.parametrize(
        ("key", "algorithms"),
        [
            (b"", ("HS256",)),
            (KEY[:31], ("HS256",)),
            (KEY, ("HS256", "HS512")),
            (PUBLIC_PEM, ("HS256",)),
            (KEY, ()),
            (KEY, ("none",)),
            (KEY, ("RS256",)),
        ],
    )
    def test_refused(self, key, algorithms):
        """Short keys, public keys and algorithms beyond HMAC are refused before any token is."""
        with pytest.raises(ValueError, match=r"key|algorithms"):
            TokenRules(key, algorithms, leeway_s=0, max_lifetime_s=60)

    def test_repr_hides_the_key(self):
        """Rules can be logged."""
        assert "0123" not in repr(RULES)
