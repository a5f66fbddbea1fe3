"""Who is calling: JSON Web Tokens (RFC 7519), checked as RFC 8725 advises.

PyJWT lives here and nowhere else.  It checks the signature; the claims are checked here, because
PyJWT reads the wall clock, and takes `exp` as text, as 10**400, and a claim that comes twice.
"""

import hashlib
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

import jwt

from tornado_app.admission.json_object import read_object

TokenProblem = Literal["token_missing", "token_invalid", "token_expired"]

# Who somebody is takes less than 1 KB; the rest is for what holds for the call.
LONGEST_TOKEN = 16_384
LONGEST_NAME = 128

KEY_ID = "parley-"
"""How the `kid` (RFC 7515, 4.1.4) of our own tokens begins."""

HMAC = ("HS256", "HS384", "HS512")

# Three parts without padding: PyJWT takes "=" at the end, which makes two spellings of one token.
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")

_SIGNATURES = jwt.PyJWS(options={"enforce_minimum_key_length": True})


class TokenRejected(Exception):
    """A token that opens nothing; *code* is the protocol's, *sentence* has nothing of the token."""

    def __init__(self, code: TokenProblem, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Which tokens are good.  An empty *issuer* or *audience* is not checked.

    Raises:
        ValueError: If the key is too short for one of the algorithms, or no key for HMAC.
    """

    key: bytes = field(repr=False)
    algorithms: tuple[str, ...]
    leeway_s: float
    max_lifetime_s: float
    issuer: str = ""
    audience: str = ""
    token_bytes: int = LONGEST_TOKEN
    """Whoever sends more wants us to parse it."""

    def __post_init__(self) -> None:
        if not self.algorithms or not set(self.algorithms) <= set(HMAC):
            raise ValueError(f"algorithms must be of {', '.join(HMAC)}")
        for name in self.algorithms:
            algorithm = _SIGNATURES.get_algorithm_by_name(name)
            try:
                too_short = algorithm.check_key_length(algorithm.prepare_key(self.key))
            except jwt.InvalidKeyError:
                raise ValueError("the key is empty, or a public key or certificate") from None
            if too_short:
                raise ValueError(f"the key is too short for {name}")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a good token says is calling, and for how long."""

    user_id: str
    scopes: frozenset[str]
    expires_at: float
    """Unix time in seconds."""
    token_id: str | None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """All that the token says; some of it is for nobody else."""


def verify(token: str, rules: TokenRules, now: float) -> Caller:
    """Read a token that is good at *now* (Unix time in seconds).

    Raises:
        TokenRejected: If it is not, whatever it is.
    """
    if not token:
        raise TokenRejected("token_missing", "No token was sent. Send one as a bearer token.")
    if len(token) > rules.token_bytes:
        _reject(f"The token is longer than {rules.token_bytes} characters.")
    if not _COMPACT.fullmatch(token):
        _reject("The token is not a JSON Web Token.")
    try:
        payload = _SIGNATURES.decode_complete(token, rules.key, rules.algorithms)["payload"]
    except Exception:  # noqa: BLE001 - a stranger wrote this; nothing in it may get past here
        payload = None
    if payload is None:
        _reject(_unsigned(token, rules))
    claims = _claims(payload)
    _check_names(claims, rules)
    return Caller(
        user_id=_name(claims, "sub"),
        scopes=_scopes(claims),
        token_id=_name(claims, "jti") if "jti" in claims else None,
        # Last, so that a token is only called expired, and refreshed, if nothing else is wrong.
        expires_at=_check_times(claims, rules, now),
        claims=claims,
    )


def issue(
    user_id: str,
    rules: TokenRules,
    now: float,
    ttl_s: float,
    scopes: Sequence[str] = (),
    *,
    others: Mapping[str, Any] | None = None,
) -> str:
    """Make a token that `verify` takes from *now* for *ttl_s* seconds, with *others* as claims.

    Raises:
        ValueError: If `verify` would not take it.
    """
    claims: dict[str, Any] = {
        **(others or {}),
        "sub": user_id,
        "iat": int(now),
        "exp": int(now + ttl_s),
        "jti": uuid.uuid4().hex,
        "scope": " ".join(scopes),
    }
    claims |= {"iss": rules.issuer} if rules.issuer else {}
    claims |= {"aud": rules.audience} if rules.audience else {}
    token = jwt.encode(claims, rules.key, rules.algorithms[0], {"kid": _key_id(rules.key)})
    try:
        verify(token, rules, now)
    except TokenRejected as error:
        raise ValueError(error.sentence) from None
    return token


def _unsigned(token: str, rules: TokenRules) -> str:
    """Why no signature fits, as far as the token says itself; it is refused whatever it says."""
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except Exception:  # noqa: BLE001 - a stranger wrote this
        key_id = None
    if isinstance(key_id, str) and key_id.startswith(KEY_ID) and key_id != _key_id(rules.key):
        return "The token was made with another secret than this server's; both need the same."
    return (
        "The token's signature is not one of ours: "
        "it was changed, or made with another secret than this server's."
    )


def _key_id(key: bytes) -> str:
    """Tells secrets apart, and nothing else: a token's own signature tells more."""
    return KEY_ID + hashlib.sha256(KEY_ID.encode() + key).hexdigest()[:8]


def _reject(sentence: str) -> NoReturn:
    raise TokenRejected("token_invalid", sentence)


def _claims(payload: bytes) -> dict[str, Any]:
    claims = read_object(payload)
    if claims is None:
        _reject("The token's claims are not a JSON object in which each stands once.")
    return claims


def _check_names(claims: dict[str, Any], rules: TokenRules) -> None:
    if rules.issuer and claims.get("iss") != rules.issuer:
        _reject("The token is from another issuer (iss).")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if rules.audience and rules.audience not in audiences:
        _reject("The token is for another audience (aud).")


def _check_times(claims: dict[str, Any], rules: TokenRules, now: float) -> float:
    expires_at = _time(claims, "exp")
    if "nbf" in claims and _time(claims, "nbf") > now + rules.leeway_s:
        _reject("The token is not valid yet (nbf).")
    if "iat" in claims and _time(claims, "iat") > now + rules.leeway_s:
        _reject("The token was issued in the future (iat).")
    if expires_at - now > rules.max_lifetime_s + rules.leeway_s:
        _reject(f"The token is valid for more than {rules.max_lifetime_s:g} seconds (exp).")
    if expires_at + rules.leeway_s <= now:
        raise TokenRejected("token_expired", "The token has expired. Connect with a fresh one.")
    return expires_at


def _time(claims: dict[str, Any], name: str) -> float:
    value = claims.get(name)
    # 2**53: beyond it a float is no second any more, and an integer may not even be a float.
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -(2**53) < value < 2**53
    ):
        _reject(f"The token needs a time in seconds ({name}).")
    return float(value)


def _name(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_NAME:
        _reject(f"The token needs a text of 1 to {LONGEST_NAME} characters ({name}).")
    if not value.isprintable():
        _reject(f"The token has characters that cannot be printed ({name}).")
    return value


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    text, names = claims.get("scope", ""), claims.get("scopes", [])
    if not isinstance(text, str):
        _reject("The token's scope is not a text.")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        _reject("The token's scopes are not a list of texts.")
    return frozenset([*text.split(), *names])
