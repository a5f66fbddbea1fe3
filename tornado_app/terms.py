"""On what terms one call is held: what operator, token and address make of it together."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from tornado_app.admission.claims import Caller
from tornado_app.admission.sealing import Seal, Unreadable, read_key
from tornado_app.errors import Refused
from tornado_app.house_terms import first_session
from tornado_app.policy import template
from tornado_app.policy.fields import FIELDS, Source, from_text
from tornado_app.policy.grants import Policy
from tornado_app.policy.settling import CLIENT_MAY, CallRules, rules_of, settle
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.settings.schema import Settings

NOT_USABLE = (
    "What the token says of the call is not as this server allows; who issued it can find out why."
)

CONDUCT = "parley.conduct"
"""A scope for an application's servers (conf/policy.toml), which is not lent: a page may have it
least of all."""

SHOWN = (
    *("session", "voice", "model", "turn_detection", "transcription_language", "output", "speed"),
    *("max_output_tokens", "instructions", "input_format", "output_format"),
)
"""What a person at a page may want to choose."""


@dataclass(frozen=True, slots=True)
class CallTerms:
    """What is in force when a call begins, and what may be changed of it meanwhile."""

    model_session: ModelSession
    rules: CallRules


class Terms:
    """What every call is settled with.  Thread: any; nothing here changes."""

    def __init__(
        self,
        settings: Settings,
        policy: Policy,
        taken: frozenset[str] = frozenset(),
        had: Callable[[frozenset[str]], frozenset[str]] | None = None,
    ) -> None:
        """*taken*: as of `CallRules`; *had* says it for the scopes of a call."""
        self._settings = settings
        self._policy = policy
        self._taken = taken
        self._had = had
        self._first = first_session(settings)
        self._seal = _seal(settings)
        self._names = (*template.ALWAYS, *policy.claims)

    @property
    def claims(self) -> tuple[str, ...]:
        """Those that instructions may name."""
        return self._policy.claims

    def settle(self, caller: Caller, choices: Mapping[str, str], now: float) -> CallTerms:
        """What holds for the call of *caller*; *now* is Unix time in seconds.

        Raises:
            Refused: ``token_invalid`` if the token asks for what it may not, ``permission_denied``
                or ``invalid_message`` if the address does.
        """
        rules, begun = self._begun_by(caller)
        query = {name: from_text(name, text) for name, text in choices.items()}
        if query.get("model") == begun.model:
            # Many clients always say one, and there is nothing to decide.
            del query["model"]
        session = settle(begun, rules, {}, query)
        return CallTerms(self._filled(session, caller, now), rules)

    def check_caller(self, caller: Caller) -> None:
        """Whether a call could begin with what the token of *caller* says of it.

        Raises:
            Refused: ``token_invalid``, if not.
        """
        self._begun_by(caller)

    def check(self, scopes: frozenset[str], said: Mapping[str, Any]) -> None:
        """Whether a token may say this of a call.

        Raises:
            Refused: With the first that it may not.
        """
        self._begun(scopes, said)

    def offered(self) -> Mapping[str, Mapping[str, Any]]:
        """What the client may choose of a token that says nothing, of what a client may be told.

        For each field `now`, unless it is hidden; `at`, where it may be set; and `values`, where
        only some may be.
        """
        rules = rules_of(self._policy, frozenset(), {}, self._taken)
        return {name: _offer(rules, name, self._first) for name in FIELDS if name in SHOWN}

    def models_for(self, caller: Caller) -> tuple[str, ...]:
        """Those that the client of *caller* may ask for, the one first that it gets unasked.

        Raises:
            Refused: As `check_caller`.
        """
        rules, begun = self._begun_by(caller)
        grants = rules.policy.grants("model", "query", caller.scopes)
        named = [name for grant in grants for name in grant.values or self._settings.session.models]
        return tuple(dict.fromkeys([begun.model, *(n for n in named if _may(rules, "model", n))]))

    def lent(
        self,
        caller: Caller,
        said: Mapping[str, Any],
        *,
        as_client: bool,
        scopes: frozenset[str],
    ) -> Mapping[str, Any]:
        """What a token of *scopes* says that *caller* lets somebody else have, with *said* of its
        call.

        *as_client*: it may say no more than a client; else what a token may.  What it says is
        where the call begins, and its client may change it as it could without.

        Raises:
            Refused: With the first that it may not say.
        """
        own = self.said_by(caller)
        if as_client:
            self._check_as_client(*self._begun_by(caller), said)
            if "instructions" in said and CONDUCT not in caller.scopes:
                # Filled in, they would have the model read to the client what its token hides.
                said = {**said, "instructions": template.plain(said["instructions"])}
        if not said:
            return own
        left = {name: True for name in said if FIELDS[name].sources - {"token"}}
        lent = {**own, **said, CLIENT_MAY: {**left, **own.get(CLIENT_MAY, {})}}
        self.check(scopes, lent)
        return lent

    def begun(self, scopes: frozenset[str], said: Mapping[str, Any]) -> CallTerms:
        """What a call begins with whose token says this; raises as `check`."""
        rules, session = self._begun(scopes, said)
        return CallTerms(session, rules)

    def _check_as_client(
        self, rules: CallRules, begun: ModelSession, said: Mapping[str, Any]
    ) -> None:
        while_running = rules.open_to("configure")
        may = dict.fromkeys([*rules.open_to("query"), *while_running])
        for name, value in said.items():
            is_left = name not in rules.fixed or value == begun.transcription_model
            if name == "transcription_model" and is_left:
                continue  # any client may ask for one while the call runs
            if name not in may:
                sentence = f"{name} may not be set with this key; what may be set is "
                raise Refused("permission_denied", f"{sentence}{', '.join(may)}.", name)
            rules.check("configure" if name in while_running else "query", name, value)

    def sealed(self, said: Mapping[str, Any]) -> str | Mapping[str, Any]:
        """*said* as it stands in a token: sealed, or where there is no key in the clear.

        Raises:
            Refused: If it cannot be sealed, and has something that must be.
        """
        if self._seal is not None:
            return self._seal.close(said)
        for name in said:
            if name in FIELDS and FIELDS[name].is_hidden:
                sentence = f"{name} has to be sealed, and this server has no auth.sealing_key."
                raise Refused("invalid_message", sentence, name)
        return said

    def check_choices(self, choices: Mapping[str, str]) -> None:
        """Refuse what no token could make good, of a client that shows its token later.

        Raises:
            Refused: As `settle`.
        """
        everybody, *others = (
            rules_of(self._policy, scopes, {})
            for scopes in (frozenset[str](), *(frozenset({scope}) for scope in self._policy.scopes))
        )
        for name, text in choices.items():
            value = from_text(name, text)
            if not any(_may(rules, name, value) for rules in others):
                everybody.check("query", name, value)

    def said_by(self, caller: Caller) -> Mapping[str, Any]:
        """What the token says of the call.

        Raises:
            Refused: ``token_invalid``, if that cannot be read, or must not be said in the clear.
        """
        claim = self._settings.auth.session_claim
        said = caller.claims.get(claim, {})
        if isinstance(said, str):
            return self._opened(said)
        if not isinstance(said, dict):
            raise unusable()
        for name in said:
            if name in FIELDS and FIELDS[name].is_hidden:
                raise unusable(Refused("token_invalid", "", name))
        return said

    def _opened(self, sealed: str) -> Mapping[str, Any]:
        if self._seal is None:
            raise unusable(detail="sealed, and there is no auth.sealing_key")
        try:
            return self._seal.open(sealed)
        except Unreadable:
            raise unusable(detail="not sealed with auth.sealing_key") from None

    def _begun_by(self, caller: Caller) -> tuple[CallRules, ModelSession]:
        said = self.said_by(caller)
        try:
            return self._begun(caller.scopes, said)
        except Refused as refused:
            raise unusable(refused) from None

    def _begun(
        self, scopes: frozenset[str], said: Mapping[str, Any]
    ) -> tuple[CallRules, ModelSession]:
        had = self._had(scopes) if self._had is not None else None
        rules = rules_of(self._policy, scopes, said, self._taken, had)
        session = settle(self._first, rules, said, {})
        if "instructions" in said:
            try:
                template.check(session.instructions, self._names)
            except Wrong as wrong:
                raise Refused("invalid_message", str(wrong), wrong.name) from None
        return rules, session

    def _filled(self, session: ModelSession, caller: Caller, now: float) -> ModelSession:
        claims = {name: caller.claims.get(name) for name in self._policy.claims}
        values = {name: value for name, value in claims.items() if isinstance(value, str)}
        values |= {f"{template.METADATA}{key}": text for key, text in session.metadata.items()}
        values |= {
            "user_id": caller.user_id,
            "date": datetime.fromtimestamp(now, UTC).date().isoformat(),
            "language": session.transcription_language,
        }
        return replace(session, instructions=template.fill(session.instructions, values))


def _offer(rules: CallRules, name: str, first: ModelSession) -> Mapping[str, Any]:
    sources: tuple[Source, ...] = ("query", "configure")
    at = [source for source in sources if name in rules.open_to(source)]
    offer: dict[str, Any] = {"at": at}
    if not FIELDS[name].is_hidden and hasattr(first, name):
        offer["now"] = getattr(first, name)
    grants = [grant for source in at for grant in rules.policy.grants(name, source, rules.scopes)]
    if grants and all(grant.values is not None for grant in grants):
        values = [value for grant in grants for value in grant.values or ()]
        offer["values"] = list(dict.fromkeys(values))
    return offer


def _may(rules: CallRules, name: str, value: Any) -> bool:
    try:
        rules.check("query", name, value)
    except Refused:
        return False
    return True


def unusable(refused: Refused | None = None, detail: str | None = None) -> Refused:
    """What a client is told of a token that it cannot read; the rest is for the log alone."""
    if refused is not None and refused.field is not None:
        detail = _for_the_log(refused.field)
    return Refused("token_invalid", NOT_USABLE, detail=detail)


def _for_the_log(path: str) -> str:
    """What is wrong, by our own names only: those of an application may be part of what it says."""
    field = FIELDS.get(re.split(r"[.\[]", path, maxsplit=1)[0])
    if field is not None:
        return field.name if field.is_hidden else path
    return path if path.startswith(CLIENT_MAY) else "unknown field"


def _seal(settings: Settings) -> Seal | None:
    auth = settings.auth
    keys = [key.reveal() for key in (auth.sealing_key, auth.previous_sealing_key) if key]
    return Seal(*map(read_key, keys)) if keys else None
