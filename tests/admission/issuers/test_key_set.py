"""What a key may check, and which keys a set has: tornado_app/admission/issuers/key_set.py."""

import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.issuer import SigningKey, jwks
from tornado_app.admission.issuers.key_set import HMAC, KEYS_MAX, of_secrets, read_jwks, read_pem

KEYS = {name: SigningKey(name, name) for name in ("RS256", "ES256", "ES384", "ES512", "EdDSA")}
RSA = KEYS["RS256"].jwk()
RS_AND_PS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")


def a_set(*entries):
    return json.dumps({"keys": list(entries)}).encode()


@pytest.mark.parametrize("name", KEYS)
@pytest.mark.parametrize("says_its_algorithm", [True, False])
def test_a_key_is_for_what_it_is(name, says_its_algorithm):
    """A curve has one algorithm, and an RSA key those of RSA, or the one that it says."""
    changes = {} if says_its_algorithm else {"alg": None}
    [key] = read_jwks(a_set(KEYS[name].jwk(**changes))).keys

    expected = (name,) if says_its_algorithm or name != "RS256" else RS_AND_PS
    assert (expected, name) == (key.algorithms, key.key_id)
    [same] = read_pem(KEYS[name].pem).keys
    assert (RS_AND_PS if name == "RS256" else (name,), None) == (same.algorithms, same.key_id)


def test_a_key_that_does_not_say_what_it_is_for_may_be_for_signatures():
    """Most do not name operations, and some providers no use."""
    entry = KEYS["ES256"].jwk(use=None)
    assert not {"use", "key_ops"} & set(entry)

    assert ["ES256"] == [key.key_id for key in read_jwks(a_set(entry)).keys]


def test_ed448():
    """The other curve of EdDSA."""
    [key] = read_jwks(jwks(SigningKey("EdDSA", ed448_curve=True))).keys

    assert ("EdDSA",) == key.algorithms


LEFT_OUT = [
    RSA | {"use": "enc"},
    RSA | {"key_ops": ["encrypt"]},
    RSA | {"key_ops": 7},
    RSA | {"use": ["sig"]},
    RSA | {"alg": "RSA-OAEP"},
    RSA | {"alg": "HS256"},
    RSA | {"kid": 7},
    RSA | {"kid": "k" * 257},
    RSA | {"d": "AQAB"},
    RSA | {"n": "AQAB"},
    RSA | {"n": 7},
    RSA | {"kty": "EC"},
    RSA | {"kty": ["RSA"]},
    {"kty": "oct", "k": "c2VjcmV0", "kid": "x"},
    {"kty": "oct", "k": "c2VjcmV0", "kid": "x", "alg": "RS256"},
    KEYS["ES256"].jwk(crv="secp256k1"),
    KEYS["ES256"].jwk(crv="P-384"),
    KEYS["ES256"].jwk(x="AAAA"),
    KEYS["EdDSA"].jwk(crv="X25519"),
    SigningKey("RS256", bits=1024).jwk(),
    {},
    None,
    7,
    [],
    "key",
]


@pytest.mark.parametrize("entry", LEFT_OUT, ids=range(len(LEFT_OUT)))
def test_what_is_left_out(entry):
    """It hides no other key, and alone it is no set."""
    [key] = read_jwks(a_set(entry, KEYS["ES384"].jwk())).keys
    assert "ES384" == key.key_id
    with pytest.raises(ValueError, match="no_usable_key"):
        read_jwks(a_set(entry))


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "no_key_set"),
        (b"[]", "no_key_set"),
        (b'{"keys": {}}', "no_key_set"),
        (b'{"keys": [], "keys": []}', "no_key_set"),
        (b"\xff", "no_key_set"),
        (b'{"keys": []}', "no_usable_key"),
        (a_set(*[RSA] * (KEYS_MAX + 1)), "too_many_keys"),
    ],
)
def test_no_set(text, word):
    """A word says why."""
    with pytest.raises(ValueError, match=f"^{word}$"):
        read_jwks(text)


@given(st.binary() | st.text().map(str.encode) | st.just(jwks(KEYS["ES256"])))
def test_any_bytes(text):
    """They are a set or they are not; nothing else happens, whatever a server says."""
    for read in (read_jwks, read_pem):
        with contextlib.suppress(ValueError):
            assert read(text).keys


def test_candidates():
    """By name, or those without one; all that fit, for a token that names none."""
    named, other = KEYS["ES256"].jwk(kid="a"), SigningKey().jwk(kid="b")
    nameless = SigningKey().jwk(kid=None)
    keys = read_jwks(a_set(named, other, nameless, RSA))

    def names(key_id, algorithm="ES256"):
        return [key.key_id for key in keys.candidates(key_id, algorithm)]

    assert ["a"] == names("a")
    assert [None] == names("c")
    assert ["a", "b", None] == names(None)
    assert ["RS256"] == names(None, "RS256")
    assert [] == names(None, "PS256")
    assert [] == names("a", "HS256")


def test_secrets_are_for_hmac_alone():
    """In their order."""
    keys = of_secrets(["current", "previous"]).keys

    assert [(b"current", HMAC), (b"previous", HMAC)] == [(k.material, k.algorithms) for k in keys]
    assert "current" not in repr(keys)


def certificate(key: SigningKey) -> bytes:
    """As a person makes one; its dates are long past."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "id.example")])
    past = datetime(2001, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder(name, name, key.public, 1, past, past + timedelta(days=1))
    return made.sign(key.private, SHA256()).public_bytes(Encoding.PEM)


def test_a_file_may_have_keys_and_certificates():
    """In their order; a certificate's own dates do not count."""
    keys = read_pem(KEYS["ES384"].pem + certificate(KEYS["ES256"])).keys

    assert [("ES384",), ("ES256",)] == [key.algorithms for key in keys]


PRIVATE = KEYS["ES256"].private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"", "no public key or certificate"),
        (PRIVATE, "holds a private key"),
        (KEYS["ES256"].pem + PRIVATE, "holds a private key"),
        (KEYS["ES256"].pem.replace(b"MF", b"AA"), "cannot be read"),
        (SigningKey("RS256", bits=1024).pem, "none of RSA with 2048 to 8192 bits"),
    ],
)
def test_a_file_of_something_else(text, sentence):
    """One sentence says what it has."""
    with pytest.raises(ValueError, match=sentence):
        read_pem(text)
