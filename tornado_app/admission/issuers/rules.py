"""Whether a token is a good one of one issuer: by the issuer's rules, and nothing in the token."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tornado_app.admission.claims import (
    LONGEST_NAME,
    Caller,
    Path,
    TokenRejected,
    at,
    check_names,
    check_times,
    name_at,
    peek,
    read_claims,
    reject,
    token_id_at,
    words_at,
)
from tornado_app.admission.issuers.key_set import SIGNATURES, Algorithm, KeySet

UNSIGNED = "The token's signature is not one of its issuer's: it was changed, or its key is not."


@dataclass(frozen=True, slots=True)
class ClaimNames:
    """Where an issuer's tokens say what."""

    user: Path
    user_prefix: str
    """Stands before every user of this issuer: another's may have the same name."""
    scopes: tuple[Path, ...]
    token_id: Path
    session: Path | None
    """What holds for one call; None: such a token says nothing of it."""
    session_as: str
    """The name of that claim for everybody else here (`auth.session_claim`)."""


@dataclass(frozen=True, slots=True)
class IssuerRules:
    """Which tokens of one issuer are good, and what they mean."""

    name: str
    """What the operator calls it, in the log."""
    issuer: str
    audiences: tuple[str, ...]
    algorithms: tuple[Algorithm, ...]
    types: tuple[str, ...]
    """As `plain_type` has them; none: `typ` is not looked at."""
    claims: ClaimNames
    leeway_s: float
    max_lifetime_s: float


class UnknownKey(Exception):
    """The token may be good; no key that is known here has signed it."""


def plain_type(text: str) -> str:
    """A media type as it is compared: RFC 7515, 4.1.9, lets `application/` be left out."""
    return text.lower().removeprefix("application/")


def verify(token: str, rules: IssuerRules, keys: KeySet, now: float) -> Caller:
    """Read a token in shape that is good at *now* (Unix time in seconds).

    `jwk`, `jku`, `x5u` and `x5c` in its header are not looked at.

    Raises:
        TokenRejected: If it is not, whatever it is.
        UnknownKey: If another key may make it good, and nothing else is wrong.
    """
    header, said = peek(token)
    if header is None or said is None:
        reject("The token's header and claims are not JSON objects in which each name stands once.")
    key_id, algorithm = _check_header(header, rules)
    candidates = keys.candidates(key_id, algorithm)
    for key in candidates:
        try:
            payload = SIGNATURES.decode_complete(token, key.material, [algorithm])["payload"]
        except Exception:  # noqa: BLE001, S112  a stranger wrote this; nothing may get past here
            continue
        return _caller(read_claims(bytes(payload)), rules, now)
    if candidates and key_id is not None and candidates[0].key_id == key_id:
        reject(UNSIGNED)
    # Nobody is asked for the key of a token that could not be good with any.
    try:
        _caller(said, rules, now)
    except TokenRejected:
        reject(UNSIGNED)
    raise UnknownKey


def _check_header(header: Mapping[str, Any], rules: IssuerRules) -> tuple[str | None, str]:
    """The `kid`, if there is one, and the algorithm."""
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in rules.algorithms:
        reject(f"Tokens of this issuer are signed with {', '.join(rules.algorithms)} (alg).")
    if "crit" in header or "b64" in header:
        reject("The token asks for something that is not done here (crit).")
    key_id = header.get("kid")
    if "kid" in header and not isinstance(key_id, str):
        reject("The token's kid is no text.")
    kind = header.get("typ")
    if rules.types and not (isinstance(kind, str) and plain_type(kind) in rules.types):
        reject(f"The token must be of the type {' or '.join(rules.types)} (typ).")
    return key_id, algorithm


def _caller(claims: dict[str, Any], rules: IssuerRules, now: float) -> Caller:
    names = rules.claims
    check_names(claims, rules.issuer, rules.audiences)
    user = names.user_prefix + name_at(claims, names.user)
    if len(user) > LONGEST_NAME:
        reject(f"The token's user is longer than {LONGEST_NAME} characters.")
    session = at(claims, names.session) if names.session is not None else None
    others = {name: value for name, value in claims.items() if name != names.session_as}
    return Caller(
        user_id=user,
        scopes=words_at(claims, names.scopes),
        token_id=token_id_at(claims, names.token_id),
        # Last, so that a token is only called expired, and refreshed, if nothing else is wrong.
        expires_at=check_times(claims, now, rules.leeway_s, rules.max_lifetime_s),
        claims=others if session is None else {**others, names.session_as: session},
    )
