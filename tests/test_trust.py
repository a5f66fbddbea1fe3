"""Whose tokens are good, and under which names: tornado_app/trust.py, by RFC 8725 and beyond."""

import base64
import hashlib
import hmac
import json
import socket
import time

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_decode

from tests.calls.house import SECRET, house_settings, whole_log
from tests.fakes.issuer import AUDIENCE, ISSUER, SigningKey, claims_of, jwks
from tornado_app.admission.tokens import TokenRules, issue
from tornado_app.errors import Refused
from tornado_app.trust import Trust

RSA = SigningKey("RS256", "rsa")
CURVE = SigningKey("ES256", "curve")
EDWARDS = SigningKey("EdDSA", "edwards")
STRANGER = SigningKey("ES256", "curve")
STRANGER_RSA = SigningKey("RS256", "rsa")
OTHER = SigningKey("ES256", "other")
OTHER_ISSUER = "https://login.example/tenant/v2.0"
HMAC_ISSUER = "https://hmac.example"
HMAC_SECRET = "q8Wn3Zt6Lp1Xv5Kd9Rb2Yc7Mf4Hg0Js-"

FILE = f"""
[issuers.main]
issuer = "{ISSUER}"
audience = ["{AUDIENCE}", "parley-mobile"]
algorithms = ["RS256", "ES256", "EdDSA"]
jwks_file = "keys.json"
user_prefix = ""
scopes = ["scope", "scopes", ["realm_access", "roles"]]

[issuers.other]
issuer = "{OTHER_ISSUER}"
audience = ["api://parley"]
algorithms = ["ES256"]
pem_files = ["other.pem"]
typ = ["at+jwt"]
user = "oid"
user_prefix = "entra:"
scopes = ["scp", "roles"]
token_id = "uti"
session = ["extension", "call"]

[issuers.hmac]
issuer = "{HMAC_ISSUER}"
audience = ["parley"]
algorithms = ["HS256"]
secrets = [{{ file = "secret" }}, {{ file = "previous" }}]
user_prefix = "h:"
session = ""
"""


@pytest.fixture(scope="module")
def trust(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuers")
    (folder / "issuers.toml").write_text(FILE)
    (folder / "keys.json").write_bytes(jwks(RSA, CURVE, EDWARDS))
    (folder / "other.pem").write_bytes(OTHER.pem)
    (folder / "secret").write_text(HMAC_SECRET + "\n")
    (folder / "previous").write_text(HMAC_SECRET[::-1])
    settings = house_settings(auth_issuers_file=str(folder / "issuers.toml"))
    own = TokenRules(SECRET.encode(), ("HS256",), leeway_s=10, max_lifetime_s=86_400)
    return Trust(settings, own, None, None, None)


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value):
    return encode(value if isinstance(value, bytes) else json.dumps(value).encode())


def signed(key, header, payload=None):
    """Any header and payload at all, with a signature that fits."""
    payload = claims_of() if payload is None else payload
    text = f"{part(header)}.{part(payload)}"
    algorithm = jwt.PyJWS().get_algorithm_by_name(key.algorithm)
    return f"{text}.{encode(algorithm.sign(text.encode(), key.private))}"


def hmacked(header, secret, payload=None, digest=hashlib.sha256):
    text = f"{part(header)}.{part(claims_of() if payload is None else payload)}"
    return f"{text}.{encode(hmac.new(secret, text.encode(), digest).digest())}"


def confusions():
    """Each public key, in each form that anybody can get it in, as a secret (RFC 8725, 2.1)."""
    digests = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}
    for key in (RSA, CURVE, EDWARDS):
        der = key.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        forms = {
            "PEM": key.pem,
            "PEM, stripped": key.pem.strip(),
            "DER": der,
            "JWK": json.dumps(key.jwk()).encode(),
            "x or n": base64url_decode(key.jwk().get("n") or key.jwk()["x"]),
        }
        for form, secret in forms.items():
            for name, digest in digests.items():
                yield (
                    f"{name} with the {form} of {key.algorithm} as the secret",
                    hmacked({"alg": name, "kid": key.kid}, secret, digest=digest),
                )


def unsigned():
    for name in (
        "none",
        "None",
        "NONE",
        "nOnE",
        "noNe",
        "none ",
        "",
        None,
        0,
        False,
        [],
        ["none"],
        {},
    ):
        for end in ("", ".", encode(b"x" * 64)):
            text = f"{part({'alg': name, 'kid': 'rsa'})}.{part(claims_of())}"
            yield f"alg {name!r}, end {end[:4]!r}", f"{text}.{end.lstrip('.')}"
    yield "no alg", f"{part({'kid': 'rsa'})}.{part(claims_of())}.{encode(b'x' * 64)}"


def with_keys_of_their_own():
    """RFC 8725, 3.10: what a header recommends is not looked at."""
    jwk = STRANGER.jwk(alg=None)
    for kid in ("curve", "unknown", None):
        for name, value in {
            "jwk": jwk,
            "jku": "https://evil.example/jwks",
            "x5u": "https://evil.example/cert",
            "x5c": [encode(STRANGER.pem)],
            "x5t": "AAAA",
        }.items():
            header = {"alg": "ES256", name: value} | ({"kid": kid} if kid else {})
            yield f"{name} with kid {kid}", signed(STRANGER, header)


def with_names_of_keys():
    for kid in (
        "../../../../dev/null", "/dev/null", "' UNION SELECT 'x", "curve'--", "curve\0", "Curve",
        "curve ", "", "rsa,curve", "k" * 10_000, "https://evil.example/key", "$(id)", "%00",
    ):  # fmt: skip
        yield f"kid {kid[:24]!r}, a stranger's key", signed(STRANGER, {"alg": "ES256", "kid": kid})
        yield f"kid {kid[:24]!r}, empty secret", hmacked({"alg": "HS256", "kid": kid}, b"")
    for kid in (7, None, True, ["curve"], {"curve": 1}):
        yield f"kid {kid!r}", signed(CURVE, {"alg": "ES256", "kid": kid})


def of_others():
    """Signed by somebody who may sign, and not this."""
    good = {"alg": "ES256", "kid": "curve"}
    yield "a stranger's key of the same name", STRANGER.token()
    yield "a stranger's RSA key of the same name", STRANGER_RSA.token()
    yield "another issuer's key", OTHER.token({"kid": "curve"})
    yield "another issuer's key and name", OTHER.token()
    yield "the own secret", hmacked({"alg": "HS256"}, SECRET.encode())
    yield "the own secret, called ES256", hmacked(good, SECRET.encode())
    yield "another issuer's secret", hmacked({"alg": "HS256"}, HMAC_SECRET.encode())
    said = claims_of(iss=HMAC_ISSUER)
    yield "HMAC by the issuer's own name", hmacked({"alg": "HS256"}, HMAC_ISSUER.encode(), said)
    yield (
        "HMAC with another algorithm",
        hmacked({"alg": "HS512"}, HMAC_SECRET.encode(), said, hashlib.sha512),
    )
    yield "a curve's key for the HMAC issuer", signed(CURVE, good, said)
    for name in ("RS384", "RS512", "PS256", "ES384", "ES256K", "Ed25519", "RS1", "HS1", "dir"):
        yield f"alg {name}, not configured", signed(RSA, {"alg": name, "kid": "rsa"})
    yield "an RSA key called ES256", signed(RSA, {"alg": "ES256", "kid": "rsa"})
    yield "a curve's key called RS256", signed(CURVE, {"alg": "RS256", "kid": "curve"})
    yield "an Edwards key called ES256", signed(EDWARDS, {"alg": "ES256", "kid": "edwards"})
    head, body, signature = CURVE.token().split(".")
    yield "r and s are 0", f"{head}.{body}.{encode(bytes(64))}"
    raw = base64url_decode(signature)
    yield "r is 0", f"{head}.{body}.{encode(bytes(32) + raw[32:])}"
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    yield "r is the order", f"{head}.{body}.{encode(order.to_bytes(32) + raw[32:])}"
    der = CURVE.private.sign(f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    yield "the signature in DER", f"{head}.{body}.{encode(der)}"
    yield "half a signature", f"{head}.{body}.{encode(raw[:32])}"
    yield "a longer signature", f"{head}.{body}.{encode(raw + b'x')}"
    yield "another's payload", f"{head}.{part(claims_of(sub='eve'))}.{signature}"
    yield "another's header", f"{part(good | {'x': 1})}.{body}.{signature}"


def that_ask_for_more():
    good = {"alg": "EdDSA", "kid": "edwards"}
    for more in ({"crit": ["exp"]}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": True}):
        yield f"{more}", signed(EDWARDS, good | more)
    yield "alg twice", signed(EDWARDS, b'{"alg":"none","alg":"EdDSA","kid":"edwards"}')
    yield "kid twice", signed(EDWARDS, b'{"alg":"EdDSA","kid":"x","kid":"edwards"}')
    yield "header list", signed(EDWARDS, ["EdDSA"])
    now = json.dumps(claims_of())[1:-1]
    yield "sub twice", signed(EDWARDS, good, f'{{{now},"sub":"eve"}}'.encode())
    yield "iss twice", signed(EDWARDS, good, f'{{{now},"iss":"{OTHER_ISSUER}"}}'.encode())
    yield "UTF-16", signed(EDWARDS, good, json.dumps(claims_of()).encode("utf-16"))
    yield "claims are a list", signed(EDWARDS, good, [claims_of()])
    yield "NaN", signed(EDWARDS, good, f'{{{now},"x":NaN}}'.encode())
    yield "deep", signed(EDWARDS, good, b'{"x":' + b"[" * 5000)
    at = int(time.time())
    changes = (
        {"iss": None}, {"iss": ISSUER + "/"}, {"iss": ISSUER.upper()}, {"iss": [ISSUER]},
        {"iss": "https://id.example.evil"}, {"iss": ""}, {"iss": OTHER_ISSUER},
        {"aud": None}, {"aud": "parle"}, {"aud": "parley2"}, {"aud": []}, {"aud": [["parley"]]},
        {"aud": {"parley": 1}}, {"aud": "PARLEY"}, {"aud": ["api://parley"]}, {"aud": 7},
        {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "a\nb"}, {"sub": "a" * 129}, {"sub": ["a"]},
        {"exp": None}, {"exp": str(at + 60)}, {"exp": True}, {"exp": 10**400}, {"exp": [at + 60]},
        {"exp": at + 10**6}, {"exp": (at + 60) * 1000}, {"nbf": at + 900}, {"nbf": "0"},
        {"iat": at + 900}, {"iat": None, "nbf": True}, {"jti": 7}, {"jti": "a\nb"}, {"jti": ""},
        {"scope": 7}, {"scope": {"a": 1}}, {"scopes": [7]}, {"realm_access": {"roles": 7}},
    )  # fmt: skip
    # The tests' names are the same in each process that runs some of them.
    for number, change in enumerate(changes):
        yield f"claim {number}, {' '.join(change)}", signed(EDWARDS, good, claims_of(**change))
    yield (
        "no type where one is asked for",
        OTHER.token({"typ": None}, iss=OTHER_ISSUER, aud="api://parley", oid="o"),
    )
    for kind in ("JWT", "at+jwt2", "application/jwt", 7, ["at+jwt"]):
        yield (
            f"typ {kind}",
            signed(
                OTHER,
                {"alg": "ES256", "typ": kind},
                claims_of(iss=OTHER_ISSUER, aud="api://parley", oid="o"),
            ),
        )


def out_of_shape():
    good = CURVE.token()
    head, body, signature = good.split(".")
    texts = (
        "x", "..", f"{head}.{body}", f"{good}.", f"{good}.{signature}", f"{good}=", f"{good}==",
        f" {good}", f"{good}\n", f"Bearer {good}", f"{good}\0", f"{good}é", f"{good}\ud800",
        f"{head}..{signature}", f".{body}.{signature}", f"{head}.{body}.",
        f"{head}=.{body}.{signature}",
        good[:-1], good.replace(".", "/"), good.upper(), json.dumps({"payload": body}),
        f"{head}.{body}.{'+/' * 43}", "a" * 20_000, f"{head}.{body}.{body}.{body}.{signature}",
    )  # fmt: skip
    for number, text in enumerate(texts):
        yield f"shape {number}", text


def bad_tokens():
    each = (
        confusions,
        unsigned,
        with_keys_of_their_own,
        with_names_of_keys,
        of_others,
        that_ask_for_more,
        out_of_shape,
    )
    return {name: token for make in each for name, token in make()}


BAD = list(bad_tokens())


@pytest.fixture(scope="module")
def bad():
    """Made when the first is tried: a token that was collected may have expired since."""
    return bad_tokens()


def refused(trust, token):
    with pytest.raises(Refused) as caught:
        trust.identify(token)
    pieces = [piece for piece in token.split(".") if len(piece) > len("Token")]
    assert not any(piece in caught.value.sentence for piece in pieces)
    return caught.value.code


class TestBad:
    @pytest.mark.parametrize("name", BAD)
    def test_opens_nothing(self, trust, bad, name, monkeypatch):
        """It asks nobody, is in no log, and finds none of its text in the answer."""
        monkeypatch.setattr(socket, "socket", None)
        with whole_log() as log:
            assert trust.awaited(bad[name]) is None
            assert "token_invalid" == refused(trust, bad[name])

        assert "" == log.getvalue()

    def test_enough_of_them(self):
        """The corpus keeps its size."""
        assert len(BAD) >= 150

    def test_every_bit(self, trust):
        """A good token with any one bit turned is refused, whatever it is signed with."""
        flips = 0
        for key in (RSA, CURVE, EDWARDS):
            good = key.token(jti="0123456789", scope="talk listen", name="Ada " * 24)
            assert "alice" == trust.identify(good).user_id
            for place in range(len(good) * 7):
                at, bit = divmod(place, 7)
                flipped = good[:at] + chr(ord(good[at]) ^ (1 << bit)) + good[at + 1 :]
                try:
                    trust.identify(flipped)
                except Refused:
                    flips += 1
                else:
                    pytest.fail(f"{key.algorithm}: bit {place} makes no difference")

        assert flips >= 10_000

    def test_expired(self, trust):
        """One that was good says so, and a fresh one helps; one of a stranger's does not."""
        assert "token_expired" == refused(trust, CURVE.token(exp=int(time.time()) - 60))
        assert "token_invalid" == refused(trust, STRANGER.token(exp=int(time.time()) - 60))

    def test_missing(self, trust):
        """No token is another thing than a bad one."""
        assert ["token_missing"] * 2 == [refused(trust, ""), refused_none(trust)]


def refused_none(trust):
    with pytest.raises(Refused) as caught:
        trust.identify(None)
    return caught.value.code


class TestGood:
    @pytest.mark.parametrize("key", [RSA, CURVE, EDWARDS], ids=lambda key: key.algorithm)
    @pytest.mark.parametrize(
        "header", [{}, {"kid": None}, {"typ": "at+jwt"}, {"jku": "x"}], ids=str
    )
    def test_of_an_issuer(self, trust, key, header):
        """With each kind of key, also without its name; types are looked at where asked."""
        caller = trust.identify(key.token(header, jti="t-1", scope="a b", scopes=["c"]))

        assert ("alice", "t-1", {"a", "b", "c"}) == (caller.user_id, caller.token_id, caller.scopes)

    def test_names_of_claims(self, trust):
        """Each issuer has its own, also inside others; the session has the name of this server."""
        token = OTHER.token(
            {"typ": "application/AT+JWT"},
            iss=OTHER_ISSUER,
            aud=["x", "api://parley"],
            sub="pairwise",
            oid="42",
            scp="talk",
            roles=["Caller"],
            uti="u-1",
            extension={"call": {"voice": "cedar"}},
            parley_session={"voice": "ash"},
        )
        caller = trust.identify(token)

        assert ("entra:42", "u-1", {"talk", "Caller"}) == (
            caller.user_id,
            caller.token_id,
            caller.scopes,
        )
        assert {"voice": "cedar"} == caller.claims["parley_session"]

    def test_roles_inside(self, trust):
        """A path of names leads to them; what is not there grants nothing."""
        caller = trust.identify(CURVE.token(realm_access={"roles": ["premium"]}))

        assert ({"premium"}, frozenset()) == (
            caller.scopes,
            trust.identify(CURVE.token(realm_access=[])).scopes,
        )

    def test_secrets(self, trust):
        """The current one and the one before it; its tokens say nothing of the call."""
        for secret in (HMAC_SECRET, HMAC_SECRET[::-1]):
            said = claims_of(iss=HMAC_ISSUER, parley_session={"voice": "ash"})
            caller = trust.identify(jwt.encode(said, secret, "HS256"))
            assert "h:alice" == caller.user_id
            assert "parley_session" not in caller.claims

    def test_our_own(self, trust):
        """As ever, whatever `iss` they have that is no issuer's."""
        own = TokenRules(SECRET.encode(), ("HS256",), leeway_s=10, max_lifetime_s=86_400)
        for others in ({}, {"iss": "https://elsewhere.example"}):
            token = issue("carol", own, time.time(), 600, others=others)
            assert "carol" == trust.identify(token).user_id


def test_without_a_secret_there_are_none_of_our_own(tmp_path):
    """Then only the issuers' tokens open anything."""
    (tmp_path / "issuers.toml").write_text(
        f'[issuers.one]\nissuer = "{ISSUER}"\naudience = ["{AUDIENCE}"]\n'
        'algorithms = ["ES256"]\npem_files = ["key.pem"]\n'
    )
    (tmp_path / "key.pem").write_bytes(CURVE.pem)
    settings = house_settings(auth_issuers_file=str(tmp_path / "issuers.toml"))
    trust = Trust(settings, None, None, None, None)

    assert "alice" == trust.identify(CURVE.token()).user_id
    for secret in (SECRET.encode(), b""):
        assert "token_invalid" == refused(
            trust, hmacked({"alg": "HS256"}, secret, claims_of(iss="x"))
        )
