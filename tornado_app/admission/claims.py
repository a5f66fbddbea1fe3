"""What a token says, whoever has signed it, and whether that may be said (RFC 7519, RFC 8725).

The claims are checked here and not by PyJWT, which reads the wall clock, and takes `exp` as text,
as 10**400, and a claim that comes twice.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn

from tornado_app.admission.json_object import read_object, read_part

TokenProblem = Literal["token_missing", "token_invalid", "token_expired"]

LONGEST_NAME = 128
CALL_END = "call_exp"
"""Beside `exp`, which says how long a token opens calls: how long those may go on."""

REGISTERED = ("sub", "exp", "nbf", "iat", "iss", "aud", "jti", "scope", "scopes", CALL_END)
"""Those that say whom a token is of and for how long, or what it may."""

LATEST_S = 1e11
"""In the year 5138; in milliseconds it was in 1973, so whoever says more counts those."""

NONE_AT_ALL = "The token is not a JSON Web Token."

Path = tuple[str, ...]
"""Where a claim stands: its name, or the names on the way to one that stands in another."""

# Three parts without padding: PyJWT takes "=" at the end, which makes two spellings of one token.
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")


class TokenRejected(Exception):
    """A token that opens nothing; *code* is the protocol's, *sentence* has nothing of the token."""

    def __init__(self, code: TokenProblem, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


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
    call_until: float = 0.0
    """Unix time in seconds to which a call may go on that the token has opened, if it says so."""

    @property
    def call_ends_at(self) -> float:
        """When a call ends that was opened with the token, unless another is shown by then."""
        return max(self.expires_at, self.call_until)


def reject(sentence: str) -> NoReturn:
    raise TokenRejected("token_invalid", sentence)


def check_shape(token: str, token_bytes: int) -> None:
    """Reject what is no token at all, before anything of it is read.

    Raises:
        TokenRejected: If it is missing, too long, or no compact JWS.
    """
    if not token:
        raise TokenRejected("token_missing", "No token was sent. Send one as a bearer token.")
    if len(token) > token_bytes:
        reject(f"The token is longer than {token_bytes} characters.")
    if not _COMPACT.fullmatch(token):
        reject(NONE_AT_ALL)


def peek(token: str) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """Header and claims of a token in shape, with nothing proven; None for what is no object."""
    match = _COMPACT.fullmatch(token)
    return (read_part(match[1]), read_part(match[2])) if match else (None, None)


def read_claims(payload: bytes) -> dict[str, Any]:
    """Raises TokenRejected."""
    claims = read_object(payload)
    if claims is None:
        reject("The token's claims are not a JSON object in which each stands once.")
    return claims


def check_names(claims: Mapping[str, Any], issuer: str, audiences: Collection[str]) -> None:
    """Reject a token that is from or for somebody else; what is empty here is not checked."""
    if issuer and claims.get("iss") != issuer:
        reject("The token is from another issuer (iss).")
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if audiences and not any(isinstance(one, str) and one in audiences for one in named):
        reject("The token is for another audience (aud).")


def check_times(
    claims: Mapping[str, Any], now: float, leeway_s: float, max_lifetime_s: float
) -> float:
    """When the token ends, in Unix time.  Raises TokenRejected if it is not in force at *now*."""
    expires_at = _time(claims, "exp")
    if "nbf" in claims and _time(claims, "nbf") > now + leeway_s:
        reject("The token is not valid yet (nbf).")
    if "iat" in claims and _time(claims, "iat") > now + leeway_s:
        reject("The token was issued in the future: its maker's clock is not this server's (iat).")
    if expires_at - now > max_lifetime_s + leeway_s:
        reject(f"The token is valid for more than {max_lifetime_s:g} seconds (exp).")
    if expires_at + leeway_s <= now:
        raise TokenRejected("token_expired", "The token has expired. Connect with a fresh one.")
    return expires_at


def call_end(
    claims: Mapping[str, Any], now: float, leeway_s: float, max_lifetime_s: float
) -> float:
    """How long a call may go on, in Unix time; 0: that is not said.  Raises TokenRejected."""
    if CALL_END not in claims:
        return 0.0
    ends_at = _time(claims, CALL_END)
    if ends_at - now > max_lifetime_s + leeway_s:
        reject(f"The token's call may last more than {max_lifetime_s:g} seconds ({CALL_END}).")
    return ends_at


def at(claims: Mapping[str, Any], path: Path) -> Any:
    """What stands there, or None."""
    value: Any = claims
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def with_one(path: Path, value: Any) -> dict[str, Any]:
    """Claims that have *value* there, and nothing else."""
    *above, last = path
    claims = {last: value}
    for name in reversed(above):
        claims = {name: claims}
    return claims


def only_at(claims: Mapping[str, Any], paths: Iterable[Path]) -> dict[str, Any]:
    """What *claims* have at *paths*, in the same places, and nothing else."""
    found: dict[str, Any] = {}
    for path in sorted(paths):  # what is inside another comes after it
        value, home = at(claims, path), found
        if value is None or not path:
            continue
        for name in path[:-1]:
            home = home.setdefault(name, {})
        home[path[-1]] = deepcopy(value)
    return found


def name_at(claims: Mapping[str, Any], path: Path) -> str:
    """A name that may stand in a log.  Raises TokenRejected."""
    value, shown = at(claims, path), ".".join(path)
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST_NAME:
        reject(f"The token needs a text of 1 to {LONGEST_NAME} characters ({shown}).")
    if not value.isprintable():
        reject(f"The token has characters that cannot be printed ({shown}).")
    return value


def token_id_at(claims: Mapping[str, Any], path: Path) -> str | None:
    """The token's own number, if it has one.  Raises TokenRejected."""
    *above, last = path
    home = at(claims, tuple(above))
    return name_at(claims, path) if isinstance(home, Mapping) and last in home else None


def words_at(claims: Mapping[str, Any], paths: Iterable[Path]) -> frozenset[str]:
    """The words of all these claims: a text with spaces, or a list.  Raises TokenRejected."""
    found: set[str] = set()
    for path in paths:
        value = at(claims, path)
        if isinstance(value, str):
            found.update(value.split())
        elif isinstance(value, list) and all(isinstance(word, str) for word in value):
            found.update(value)
        elif value is not None:
            reject(f"The token's {'.'.join(path)} is neither a text nor a list of texts.")
    return frozenset(found)


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    # 2**53: beyond it a float is no second any more, and an integer may not even be a float.
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not -(2**53) < value < 2**53
    ):
        reject(f"The token needs a time in seconds ({name}).")
    if value > LATEST_S:
        reject(f"The token needs a time in seconds, and has milliseconds or less ({name}).")
    return float(value)
