"""Tokens that are signed with a secret of ours: made, and checked as RFC 8725 advises.

PyJWT lives here and in `issuers/`, and checks signatures alone.
"""

import hashlib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jwt

from tornado_app.admission.claims import (
    NONE_AT_ALL,
    Caller,
    TokenRejected,
    call_end,
    check_names,
    check_shape,
    check_times,
    name_at,
    read_claims,
    reject,
    token_id_at,
)

# Who somebody is takes less than 1 KB; the rest is for what holds for the call.
LONGEST_TOKEN = 16_384

KEY_ID = "parley-"
"""How the `kid` (RFC 7515, 4.1.4) of our own tokens begins."""

SECRET_PREFIX = "ek_"  # noqa: S105  a prefix, no secret
"""What a key for a browser begins with at the addresses of the OpenAI API: its libraries dial with
no other.  No header of a JWS does.
"""

HMAC = ("HS256", "HS384", "HS512")

_SIGNATURES = jwt.PyJWS(options={"enforce_minimum_key_length": True})


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Which tokens are good.  An empty *issuer* or *audience* is not checked.

    Raises:
        ValueError: If a key is too short for one of the algorithms, or no key for HMAC.
    """

    key: bytes = field(repr=False)
    algorithms: tuple[str, ...]
    leeway_s: float
    max_lifetime_s: float
    issuer: str = ""
    audience: str = ""
    token_bytes: int = LONGEST_TOKEN
    """Whoever sends more wants us to parse it."""
    previous_key: bytes = field(default=b"", repr=False)
    """Of tokens that were made before the key was changed; empty: none is taken."""

    def __post_init__(self) -> None:
        if not self.algorithms or not set(self.algorithms) <= set(HMAC):
            raise ValueError(f"algorithms must be of {', '.join(HMAC)}")
        for key in self.keys:
            self._check(key)

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Those with which a token may be signed, the current one first."""
        return (self.key, self.previous_key) if self.previous_key else (self.key,)

    def _check(self, key: bytes) -> None:
        for name in self.algorithms:
            algorithm = _SIGNATURES.get_algorithm_by_name(name)
            try:
                too_short = algorithm.check_key_length(algorithm.prepare_key(key))
            except jwt.InvalidKeyError:
                raise ValueError("the key is empty, or a public key or certificate") from None
            if too_short:
                raise ValueError(f"the key is too short for {name}")


def verify(token: str, rules: TokenRules, now: float) -> Caller:
    """Read a token that is good at *now* (Unix time in seconds).

    Raises:
        TokenRejected: If it is not, whatever it is.
    """
    check_shape(token, rules.token_bytes)
    claims = read_claims(_payload(token, rules))
    check_names(claims, rules.issuer, (rules.audience,) if rules.audience else ())
    return Caller(
        user_id=name_at(claims, ("sub",)),
        scopes=_scopes(claims),
        token_id=token_id_at(claims, ("jti",)),
        call_until=call_end(claims, now, rules.leeway_s, rules.max_lifetime_s),
        # Last, so that a token is only called expired, and refreshed, if nothing else is wrong.
        expires_at=check_times(claims, now, rules.leeway_s, rules.max_lifetime_s),
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
    token_id: str | None = None,
) -> str:
    """Make a token that `verify` takes from *now* for *ttl_s* seconds, with *others* as claims.

    Without a *token_id* it gets one that no other has.

    Raises:
        ValueError: If `verify` would not take it, or read other scopes in it.
    """
    if any(scope.split() != [scope] for scope in scopes):
        raise ValueError("A scope is one word.")
    claims: dict[str, Any] = {
        **(others or {}),
        "sub": user_id,
        "iat": int(now),
        "exp": int(now + ttl_s),
        "jti": token_id or uuid.uuid4().hex,
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


def _payload(token: str, rules: TokenRules) -> bytes:
    payload: bytes | None = None
    for key in rules.keys:
        try:
            payload = _SIGNATURES.decode_complete(token, key, rules.algorithms)["payload"]
        except Exception:  # noqa: BLE001, S112  a stranger wrote this; nothing may get past here
            continue
        break
    if payload is None:
        reject(_unsigned(token, rules))
    return payload


def _unsigned(token: str, rules: TokenRules) -> str:
    """Why no signature fits, as far as the token says itself; it is refused whatever it says."""
    if token.startswith(SECRET_PREFIX):
        return "A key that begins with ek_ is for /v1/realtime; here it is sent without ek_."
    try:
        header = jwt.get_unverified_header(token)
    except Exception:  # noqa: BLE001 - a stranger wrote this
        return NONE_AT_ALL
    key_id, algorithm = header.get("kid"), header.get("alg")
    ours = [_key_id(key) for key in rules.keys]
    if isinstance(key_id, str) and key_id.startswith(KEY_ID) and key_id not in ours:
        return "The token was made with another secret than this server's; both need the same."
    if isinstance(algorithm, str) and algorithm not in rules.algorithms:
        return f"Tokens of this server are signed with {', '.join(rules.algorithms)} (alg)."
    return (
        "The token's signature is not one of ours: "
        "it was changed, or made with another secret than this server's."
    )


def _key_id(key: bytes) -> str:
    """Tells secrets apart, and nothing else: a token's own signature tells more."""
    return KEY_ID + hashlib.sha256(KEY_ID.encode() + key).hexdigest()[:8]


def _scopes(claims: dict[str, Any]) -> frozenset[str]:
    text, names = claims.get("scope", ""), claims.get("scopes", [])
    if not isinstance(text, str):
        reject("The token's scope is not a text.")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        reject("The token's scopes are not a list of texts.")
    return frozenset([*text.split(), *names])
