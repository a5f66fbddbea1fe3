"""Tokens on request, for an application's server and for people: with what holds for the call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tornado_app.admission import tokens
from tornado_app.admission.claims import (
    CALL_END,
    REGISTERED,
    Caller,
    TokenRejected,
    name_at,
    only_at,
    with_one,
)
from tornado_app.errors import Refused
from tornado_app.settings.schema import Settings
from tornado_app.terms import CONDUCT, CallTerms, Terms

TTL_S = 600.0
"""As long as a call may last, since it ends with its token."""
SCOPES_MAX = 64

_KNOWN = ("user", "ttl_s", "scopes", "organisation", "session")

NO_CLAIM = "organisation: this server reads none, as limits.organisation_claim is empty."


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a token shall say."""

    user: str
    ttl_s: float = TTL_S
    scopes: tuple[str, ...] = ()
    session: Mapping[str, Any] = field(default_factory=dict, repr=False)
    organisation: str = ""
    """Whose limits and quotas count as well; empty: nobody's."""


@dataclass(frozen=True, slots=True)
class Issued:
    token: str = field(repr=False)
    expires_at: float
    """Unix time in seconds."""


@dataclass(frozen=True, slots=True)
class Lent(Issued):
    """A token that somebody made with their own."""

    begun: CallTerms = field(repr=False)
    """What a call begins with that it opens."""


class Issuer:
    """Makes tokens that this gateway takes.  Thread: any; nothing here changes."""

    def __init__(self, settings: Settings, rules: tokens.TokenRules | None, terms: Terms) -> None:
        self._claim = settings.auth.session_claim
        self._organisation_claim = settings.limits.organisation_claim
        self._rules = rules
        self._terms = terms
        limits = settings.limits
        paths = (limits.plan_claim, limits.organisation_claim, *((name,) for name in terms.claims))
        self._lent = [path for path in paths if path and path[0] not in REGISTERED]

    def issue(self, wanted: Wanted, now: float) -> Issued:
        """A token that is good from *now*, Unix time in seconds, with its session sealed.

        Raises:
            Refused: If there is no secret; else with the field, and what it may be, and never with
                a value of `session`.
        """
        others = self._organisation(wanted.organisation)
        if wanted.session:
            self._check(wanted)
            others[self._claim] = self._sealed(wanted)
        token = self._signed(wanted, now, others)
        return Issued(token, int(now + wanted.ttl_s))

    def lend(
        self, caller: Caller, said: Mapping[str, Any], ttl_s: float, now: float, *, as_client: bool
    ) -> Lent:
        """A token that gives no more and no longer than that of *caller*, with *said* of its call.

        It has the same number, to be taken back with that one, and the claims that say what plan
        and organisation it is of, and what the instructions may name.  *as_client*: as of
        `Terms.lent`.

        Raises:
            Refused: If there is no secret, or *said* is not allowed; with the field.
        """
        scopes = caller.scopes - {CONDUCT, ""}
        session = self._terms.lent(caller, said, as_client=as_client, scopes=scopes)
        begun = self._terms.begun(scopes, session)
        expires_at = min(now + ttl_s, caller.expires_at)
        others = only_at(caller.claims, self._lent)
        others.pop(self._claim, None)
        others[CALL_END] = int(caller.call_ends_at)
        if session:
            others[self._claim] = self._terms.sealed(session)
        words = {scope for scope in scopes if _is_word(scope)}
        if words != scopes:
            # Names of groups and roles have spaces: in a text each word would be one.
            others["scopes"] = sorted(scopes - words)
        wanted = Wanted(caller.user_id, expires_at - now, tuple(sorted(words)))
        token = self._signed(wanted, now, others, caller.token_id)
        return Lent(token, int(expires_at), begun)

    def _organisation(self, name: str) -> dict[str, Any]:
        """The claim that names it, where it is looked for."""
        if not name:
            return {}
        if not self._organisation_claim:
            raise _bad("organisation", NO_CLAIM)
        claims = with_one(self._organisation_claim, name)
        try:
            name_at(claims, self._organisation_claim)
        except TokenRejected as rejected:
            raise _bad("organisation", f"organisation: {rejected.sentence}") from None
        return claims

    def _signed(
        self, wanted: Wanted, now: float, others: Mapping[str, Any], token_id: str | None = None
    ) -> str:
        if self._rules is None:
            sentence = "No token: this server has no auth.secret to sign one with."
            raise Refused("invalid_message", sentence)
        try:
            return tokens.issue(
                wanted.user,
                self._rules,
                now,
                wanted.ttl_s,
                wanted.scopes,
                others=others,
                token_id=token_id,
            )
        except ValueError as error:
            raise Refused("invalid_message", f"No token: {error}") from None

    def _sealed(self, wanted: Wanted) -> str | Mapping[str, Any]:
        try:
            return self._terms.sealed(wanted.session)
        except Refused as refused:
            raise Refused(refused.code, refused.sentence, f"session.{refused.field}") from None

    def _check(self, wanted: Wanted) -> None:
        try:
            self._terms.check(frozenset(wanted.scopes), wanted.session)
        except Refused as refused:
            path = f"session.{refused.field}" if refused.field else "session"
            raise Refused(refused.code, f"session: {refused.sentence}", path) from None


def read_wanted(body: Mapping[str, Any], max_lifetime_s: float) -> Wanted:
    """What the body of a request asks for.

    Raises:
        Refused: With the first field that is missing, unknown or of another type.
    """
    unknown = sorted(set(body) - set(_KNOWN))
    if unknown:
        raise _bad(None, f"The body may have {', '.join(_KNOWN)}, and nothing else.")
    user, ttl_s = body.get("user"), body.get("ttl_s", TTL_S)
    if not isinstance(user, str):
        raise _bad("user", "user must be a text: whom the token is for.")
    if isinstance(ttl_s, bool) or not isinstance(ttl_s, int | float):
        raise _bad("ttl_s", "ttl_s must be a number of seconds.")
    if not 1 <= ttl_s <= max_lifetime_s:
        raise _bad("ttl_s", f"ttl_s must be a number from 1 to {max_lifetime_s:g}.")
    scopes, session = body.get("scopes", []), body.get("session", {})
    if not isinstance(scopes, list) or len(scopes) > SCOPES_MAX or not all(map(_is_word, scopes)):
        raise _bad("scopes", f"scopes must be a list of at most {SCOPES_MAX} words.")
    if not isinstance(session, dict):
        raise _bad("session", "session must be an object.")
    organisation = body.get("organisation", "")
    if not isinstance(organisation, str):
        raise _bad("organisation", "organisation must be a text: whose limits count as well.")
    return Wanted(user, float(ttl_s), tuple(scopes), session, organisation)


def _is_word(scope: Any) -> bool:
    return isinstance(scope, str) and scope.isprintable() and scope.split() == [scope]


def _bad(name: str | None, sentence: str) -> Refused:
    return Refused("invalid_message", sentence, name)
