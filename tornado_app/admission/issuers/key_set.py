"""Keys that signatures are checked with: JSON Web Key Sets (RFC 7517), PEM files, secrets.

What a key is says what it may check (RFC 8725, 3.1 and 3.2), and never the token: an RSA key is no
secret for HMAC, and a curve has one algorithm.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tornado_app.admission.json_object import read_object

Algorithm = Literal[
    "HS256", "HS384", "HS512",
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512",
    "ES256", "ES384", "ES512", "EdDSA",
]  # fmt: skip

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)
HMAC: tuple[Algorithm, ...] = ALGORITHMS[:3]
_RSA: tuple[Algorithm, ...] = ALGORITHMS[3:9]

RSA_BITS = (2048, 8192)
"""RFC 7518, 3.3, asks for the first; with more than the last a signature takes milliseconds."""
KEYS_MAX = 100
"""The largest providers have some ten."""
KEY_ID_CHARACTERS = 256

_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Key:
    """One key, and what it is for."""

    material: Any = field(repr=False)
    """As PyJWT takes it."""
    algorithms: tuple[Algorithm, ...]
    """What it can check, or, if it says so itself, the only one that it is for."""
    key_id: str | None = None


@dataclass(frozen=True, slots=True)
class KeySet:
    """All keys of an issuer at one time."""

    keys: tuple[Key, ...]

    def candidates(self, key_id: str | None, algorithm: str) -> tuple[Key, ...]:
        """Those that a token with this `kid` may be signed with.

        A key without a name of its own may be any; so may each, for a token that names none.
        """
        fitting = [key for key in self.keys if algorithm in key.algorithms]
        if key_id is None:
            return tuple(fitting)
        named = [key for key in fitting if key.key_id == key_id]
        return tuple(named or [key for key in fitting if key.key_id is None])


def read_jwks(text: bytes) -> KeySet:
    """The keys of a set that can check signatures; others, as for encryption, are left out.

    Raises:
        ValueError: With a word, if it is no set or has none.
    """
    document = read_object(text)
    entries = (document or {}).get("keys")
    if not isinstance(entries, list):
        raise ValueError("no_key_set")  # noqa: TRY004  of a text, not of a value in our hands
    if len(entries) > KEYS_MAX:
        raise ValueError("too_many_keys")
    keys = [key for entry in entries if (key := _read_jwk(entry)) is not None]
    if not keys:
        raise ValueError("no_usable_key")
    return KeySet(tuple(keys))


def read_pem(text: bytes) -> KeySet:
    """The public keys and certificates of a PEM file; a certificate's own dates do not count.

    Raises:
        ValueError: With a sentence, if it has anything else, or nothing.
    """
    keys = []
    for match in _BLOCK.finditer(text):
        if b"PRIVATE" in match[1]:
            raise ValueError("it holds a private key; only the issuer may have that")
        try:
            if match[1] == b"CERTIFICATE":
                material: Any = x509.load_pem_x509_certificate(match[0]).public_key()
            else:
                material = load_pem_public_key(match[0])
        except Exception:  # noqa: BLE001  whatever the library makes of a broken file
            raise ValueError("it holds a block that cannot be read") from None
        algorithms = _algorithms_of(material)
        if not algorithms:
            raise ValueError(
                f"it holds a key that is none of RSA with {RSA_BITS[0]} to {RSA_BITS[1]} bits, "
                "P-256, P-384, P-521, Ed25519 and Ed448"
            )
        keys.append(Key(material, algorithms))
    if not keys:
        raise ValueError("it holds no public key or certificate in PEM")
    return KeySet(tuple(keys))


def of_secrets(secrets: Iterable[str]) -> KeySet:
    """The current secret of an issuer that signs with HMAC, and those before it."""
    return KeySet(tuple(Key(secret.encode(), HMAC) for secret in secrets))


def _read_jwk(entry: Any) -> Key | None:
    """One key of a set, or None if it is not for checking signatures."""
    if not isinstance(entry, dict) or "d" in entry or "k" in entry:
        return None
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if entry.get("use", "sig") != "sig":
        return None
    key_id = entry.get("kid")
    if key_id is not None and not (isinstance(key_id, str) and len(key_id) <= KEY_ID_CHARACTERS):
        return None
    kinds = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}
    try:
        material = kinds[entry["kty"]].from_jwk(entry)  # type: ignore[attr-defined]
    except Exception:  # noqa: BLE001  whatever the library makes of a broken key
        return None
    algorithms = _algorithms_of(material)
    if "alg" in entry:
        algorithms = tuple(name for name in algorithms if name == entry["alg"])
    return Key(material, algorithms, key_id) if algorithms else None


def _algorithms_of(material: Any) -> tuple[Algorithm, ...]:
    match material:
        case rsa.RSAPublicKey(key_size=bits) if RSA_BITS[0] <= bits <= RSA_BITS[1]:
            return _RSA
        case ec.EllipticCurvePublicKey(curve=ec.SECP256R1()):
            return ("ES256",)
        case ec.EllipticCurvePublicKey(curve=ec.SECP384R1()):
            return ("ES384",)
        case ec.EllipticCurvePublicKey(curve=ec.SECP521R1()):
            return ("ES512",)
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return ("EdDSA",)
    return ()


SIGNATURES = jwt.PyJWS(options={"enforce_minimum_key_length": True})
