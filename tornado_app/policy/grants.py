"""What one source may make of one field."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tornado_app.policy.fields import FIELDS, Source, size_of


@dataclass(frozen=True, slots=True)
class Grant:
    """All that a field may be, or less; only what its measure asks for narrows it."""

    values: tuple[str, ...] | None = None
    low: float = -math.inf
    high: float = math.inf
    characters: int | None = None

    def allows(self, name: str, value: Any) -> bool:
        """Whether a value that the field's own check has passed is within this."""
        match FIELDS[name].measure:
            case "value":
                return self.values is None or _named(value) in self.values
            case "number":
                return bool(self.low <= value <= self.high)
            case "characters":
                return self.characters is None or size_of(value) <= self.characters

    def words(self, name: str) -> str:
        """What this allows, to end "must be ..."."""
        if self.values is not None:
            return f"one of {', '.join(self.values)}" if self.values else "left out"
        if self.low > -math.inf or self.high < math.inf:
            whole = "an integer" if FIELDS[name].may_be.startswith("an integer") else "a number"
            return f"{whole} from {self.low:g} to {self.high:g}"
        if self.characters is not None:
            return f"at most {self.characters} characters"
        return FIELDS[name].may_be


ALL = Grant()


@dataclass(frozen=True, slots=True)
class Policy:
    """What the operator leaves to the others, by the scopes of a token.

    A scope that says something of a field and a source counts instead of what holds for everybody;
    of several scopes that do, each that allows is enough.
    """

    everybody: Mapping[tuple[str, Source], Grant | None]
    scopes: Mapping[str, Mapping[tuple[str, Source], Grant | None]]
    claims: tuple[str, ...] = ()
    """Claims of a token that instructions may name."""

    def grants(self, name: str, source: Source, scopes: frozenset[str]) -> tuple[Grant, ...]:
        """Empty: this source may not set this field."""
        key = (name, source)
        said = [self.scopes[scope][key] for scope in sorted(scopes) if key in self._of(scope)]
        if not said:
            said = [self.everybody.get(key)]
        return tuple(grant for grant in said if grant is not None)

    def _of(self, scope: str) -> Mapping[tuple[str, Source], Grant | None]:
        return self.scopes.get(scope, {})


def joined(name: str, grants: Sequence[Grant]) -> str:
    """What all of *grants* together allow, in words."""
    if all(grant.values is not None for grant in grants):
        values = [value for grant in grants for value in grant.values or ()]
        return Grant(values=tuple(dict.fromkeys(values))).words(name)
    return ", or ".join(dict.fromkeys(grant.words(name) for grant in grants))


def _named(value: Any) -> str:
    """What of a value a list of values speaks of; one function of many is in none."""
    return str(value["turn_detection"]) if isinstance(value, Mapping) else str(value)
