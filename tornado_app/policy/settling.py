"""What is in force for one call: four sources, each within what the one before leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tornado_app.errors import Refused
from tornado_app.policy import transcribing
from tornado_app.policy.fields import FIELDS, Source
from tornado_app.policy.formats import FORMAT_FIELDS
from tornado_app.policy.functions import check_beside, check_chosen, check_names
from tornado_app.policy.grants import Grant, Policy, joined
from tornado_app.policy.reading import read_grant
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import ModelSession

CLIENT_MAY = "client_may"
"""Where a token says what it leaves to the client of what it has set itself, and of the rest."""

_TRANSCRIPTS = frozenset({"transcription_model", "transcription_language"})

NAME_SHOWN = 64
"""A longer name is nobody's, and is not repeated."""

_PLACES: Mapping[Source, str] = {
    "token": "a token",
    "query": "the address",
    "configure": "the client while the call runs",
}


@dataclass(frozen=True, slots=True)
class CallRules:
    """Who may set what of one call: the operator's policy, and what the token makes of it."""

    policy: Policy
    scopes: frozenset[str]
    fixed: frozenset[str] = frozenset()
    """What the token has set, and does not leave to the client."""
    left: Mapping[str, Grant | None] | None = None
    """How far the token narrows what the client may."""
    taken: frozenset[str] = frozenset()
    """What tools of the server are called: no other tool may be."""
    had: frozenset[str] | None = frozenset()
    """Those of them that this call has.  None: that is not known here."""
    said: frozenset[str] = frozenset()
    """What the token has set, also where it leaves it to the client."""

    def open_to(self, source: Source) -> tuple[str, ...]:
        """What *source* may set at all."""
        return tuple(
            name
            for name, field in FIELDS.items()
            if source in field.sources
            and not (field.is_done and source == "configure")
            and self.policy.grants(name, source, self.scopes)
            and (source == "token" or self._leaves(name))
        )

    def _leaves(self, name: str) -> bool:
        return name not in self.fixed and (self.left or {}).get(name, True) is not None

    def allows_images(self, begun: ModelSession) -> bool:
        """Whether the client may show pictures in a call that begins as *begun*."""
        if "images" in self.fixed:
            return begun.images
        grants = self.policy.grants("images", "configure", self.scopes)
        return begun.images or (bool(grants) and self._leaves("images"))

    def has_transcripts(self, begun: ModelSession) -> bool:
        """Whether a call that begins as *begun*, and is its client's to configure, begins with
        them: nobody pays for what was not asked for.
        """
        is_asked = begun.only_transcribes or not _TRANSCRIPTS.isdisjoint(self.said)
        return is_asked and bool(begun.transcription_model)

    def check(self, source: Source, name: str, value: Any) -> Any:
        """The value as a `ModelSession` has it.

        Raises:
            Refused: ``invalid_message`` or ``permission_denied``; the sentence names the field,
                says what is allowed, and nothing of the value.
        """
        field = FIELDS.get(name)
        grants = self.policy.grants(name, source, self.scopes) if field else ()
        is_set = field is not None and not (field.is_done and source == "configure")
        if field is None or not is_set or source not in field.sources or not grants:
            raise self._denied(source, name, f"may not be set by {_PLACES[source]}")
        if source != "token" and not self._leaves(name):
            raise self._denied(source, name, "is for the token to decide")
        try:
            checked = field.check(name, value)
            if name == "tools":
                check_beside(name, checked, self.taken)
        except Wrong as wrong:
            raise Refused("invalid_message", self._wrong(wrong, name, grants), wrong.name) from None
        if not any(grant.allows(name, checked) for grant in grants):
            raise Refused("invalid_message", f"{name} must be {joined(name, grants)}.", name)
        narrowed = (self.left or {}).get(name)
        if source != "token" and narrowed is not None and not narrowed.allows(name, checked):
            raise Refused("invalid_message", f"{name} must be {narrowed.words(name)}.", name)
        return checked

    def check_functions(self, source: Source, functions: tuple[Function, ...]) -> None:
        """Whether tools may be named whose schemas are for the model alone to understand.

        Raises:
            Refused: If there is too much of them for *source*.
            Wrong: If one is called as a tool of the server, or twice, or there are too many.
        """
        check_names("tools", functions)
        check_beside("tools", functions, self.taken)
        grants = self.policy.grants("tools", source, self.scopes)
        narrowed = (self.left or {}).get("tools")
        for group in (grants, (narrowed,) if narrowed else ()):
            if group and not any(grant.allows("tools", functions) for grant in group):
                raise Refused(
                    "invalid_message", f"tools must be {joined('tools', group)}.", "tools"
                )

    def _wrong(self, wrong: Wrong, name: str, grants: tuple[Grant, ...]) -> str:
        """A value that no grant has is best answered with those they have."""
        is_listed = wrong.name == name and all(grant.values is not None for grant in grants)
        return f"{name} must be {joined(name, grants)}." if is_listed else str(wrong)

    def _denied(self, source: Source, name: str, why: str) -> Refused:
        may = ", ".join(self.open_to(source)) or "nothing"
        shown = name if name.isidentifier() and len(name) <= NAME_SHOWN else "A field"
        return Refused("permission_denied", f"{shown} {why}; what may be set is {may}.", shown)


def rules_of(
    policy: Policy,
    scopes: frozenset[str],
    token: Mapping[str, Any],
    taken: frozenset[str] = frozenset(),
    had: frozenset[str] | None = frozenset(),
) -> CallRules:
    """What holds for the client of a token that says *token* of its call.

    Raises:
        Refused: If what it leaves to the client is no list of grants.
    """
    left: dict[str, Grant | None] = {}
    said = token.get(CLIENT_MAY, {})
    if not isinstance(said, Mapping):
        raise Refused("invalid_message", f"{CLIENT_MAY} must be an object.", CLIENT_MAY)
    for name, word in said.items():
        where = f"{CLIENT_MAY}.{name}" if name in FIELDS else CLIENT_MAY
        field = FIELDS.get(name)
        if field is None or not field.sources - {"token"}:
            known = [field.name for field in FIELDS.values() if field.sources - {"token"}]
            sentence = f"{CLIENT_MAY} may name {', '.join(known)}."
            raise Refused("invalid_message", sentence, where)
        try:
            left[name] = read_grant(where, name, word, {})
        except Wrong as wrong:
            raise Refused("invalid_message", str(wrong), wrong.name) from None
    set_by_token = frozenset(token) - {CLIENT_MAY}
    fixed = set_by_token - left.keys()
    return CallRules(policy, scopes, fixed, left, taken, had, set_by_token)


def apply(
    current: ModelSession, rules: CallRules, source: Source, asked: Mapping[str, Any]
) -> ModelSession:
    """*current* with all that *asked* changes, or none of it.

    Raises:
        Refused: With the first that is not allowed, as `CallRules.check`.
    """
    only_transcribes = asked.get("session", current.session) == "transcription"
    changes: dict[str, Any] = {}
    for name, value in asked.items():
        if only_transcribes:
            transcribing.check_fits(name, rules.open_to(source))
        checked = rules.check(source, name, value)
        if name == "turn_detection" and only_transcribes:
            transcribing.check_turn_detection(checked)
        if name not in FORMAT_FIELDS:  # which are no part of what the model is asked
            changes |= checked if name == "turn_detection" else {name: checked}
    wanted = replace(current, **changes)
    return transcribing.only_transcribing(wanted) if only_transcribes else wanted


def choice_refusal(
    wanted: ModelSession, rules: CallRules, asked: Mapping[str, Any]
) -> Refused | None:
    """Why a client may not make of tools and choice what *wanted* has, of which it *asked*.

    It may choose among its own, and must leave one that the token has chosen.
    """
    had = rules.had or frozenset()
    if "tools" not in asked and "tool_choice" not in asked:
        return None
    try:
        check_chosen("tool_choice", wanted, () if "tool_choice" in asked else had)
    except Wrong as wrong:
        return Refused("invalid_message", str(wrong), wrong.name)
    return None


def settle(
    first: ModelSession, rules: CallRules, token: Mapping[str, Any], query: Mapping[str, Any]
) -> ModelSession:
    """What is in force when a call begins; *first* is the operator's.

    Raises:
        Refused: As `apply`.
    """
    set_by_token = {name: value for name, value in token.items() if name != CLIENT_MAY}
    settled = apply(apply(first, rules, "token", set_by_token), rules, "query", query)
    if rules.had is not None:
        try:
            check_chosen("tool_choice", settled, rules.had)
        except Wrong as wrong:
            raise Refused("invalid_message", str(wrong), wrong.name) from None
    return settled
