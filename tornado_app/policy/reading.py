"""A policy as an operator wrote it, and what is wrong with it in sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from tornado_app.policy.fields import FIELDS, SOURCES, Source
from tornado_app.policy.grants import ALL, Grant, Policy
from tornado_app.policy.wrong import Wrong

HOUSE = "session"
"""What the section [session] of the settings allows."""

CHARACTERS_MAX = 1_000_000

Table = Mapping[tuple[str, Source], Grant | None]


class PolicyReader:
    """Reads tables of fields, by the same rules for all; *problems* are sentences."""

    def __init__(self, house: Mapping[str, Grant]) -> None:
        """*house*: what `HOUSE` means, of the fields of which it means something."""
        self._house = house
        self.problems: list[str] = []

    def read(self, tables: Mapping[str, Any]) -> Policy:
        """Whatever is wrong grants nothing, and is a problem."""
        everybody: Table = {}
        scopes: dict[str, Table] = {}
        claims: tuple[str, ...] = ()
        for name, table in tables.items():
            match name, table:
                case "fields", dict():
                    everybody = dict(self._table("fields", table))
                case "scopes", dict():
                    scopes = {scope: self._scope(scope, of) for scope, of in table.items()}
                case "instructions", {"claims": list(names)} if len(table) == 1:
                    claims = self._claims(names)
                case _:
                    self.problems.append(
                        f"{name}: a policy has [fields], [scopes.NAME] and [instructions] with "
                        "claims, a list of names"
                    )
        return Policy(everybody, scopes, claims)

    def _scope(self, scope: str, table: Any) -> Table:
        if isinstance(table, dict):
            return dict(self._table(f"scopes.{scope}", table))
        self.problems.append(f"scopes.{scope}: must be a table, to be written as [scopes.{scope}]")
        return {}

    def _table(
        self, where: str, table: Mapping[str, Any]
    ) -> Iterator[tuple[tuple[str, Source], Grant | None]]:
        for name, row in table.items():
            if name not in FIELDS:
                self.problems.append(
                    f"{where}.{name}: is no field; the fields are {', '.join(FIELDS)}"
                )
                continue
            sources = [source for source in SOURCES if source in FIELDS[name].sources]
            if not isinstance(row, dict) or not set(row) <= set(sources):
                self.problems.append(
                    f"{where}.{name}: must be a table that may have {', '.join(sources)}"
                )
                continue
            for source in sources:
                if source in row:
                    yield (name, source), self._grant(where, name, source, row[source])

    def _grant(self, where: str, name: str, source: Source, word: Any) -> Grant | None:
        try:
            return read_grant(f"{where}.{name}.{source}", name, word, self._house)
        except Wrong as wrong:
            self.problems.append(f"{wrong.name}: must be {wrong.may_be}")
            return None

    def _claims(self, names: list[Any]) -> tuple[str, ...]:
        if not all(isinstance(name, str) and name.isidentifier() for name in names):
            self.problems.append("instructions.claims: must be a list of names of claims")
            return ()
        return tuple(names)


def laid_over(below: Policy, above: Policy) -> Policy:
    """*above* where it says something, else *below*."""
    scopes = {
        scope: {**below.scopes.get(scope, {}), **above.scopes.get(scope, {})}
        for scope in (*below.scopes, *above.scopes)
    }
    everybody = {**below.everybody, **above.everybody}
    return Policy(everybody, scopes, above.claims or below.claims)


def read_grant(where: str, name: str, word: Any, house: Mapping[str, Grant]) -> Grant | None:
    """One grant: true, false, "session", a list of values, or a table of bounds.

    Raises:
        Wrong: If it is none, or none of this field.
    """
    if word is True:
        return ALL
    if word is False:
        return None
    if word == HOUSE and name in house:
        return house[name]
    field = FIELDS[name]
    match field.measure, word:
        case "value", [str(), *_] if all(isinstance(value, str) for value in word):
            for value in word:
                _check_part(where, name, value)
            return Grant(values=tuple(word))
        case "number", {"min": low, "max": high} if len(word) == 2:
            for bound in (low, high):
                _check_part(where, name, bound)
            if low <= high:
                return Grant(low=low, high=high)
        case "characters", {"characters": int(longest)} if len(word) == 1:
            if 0 <= longest <= CHARACTERS_MAX and not isinstance(longest, bool):
                return Grant(characters=longest)
    forms = {
        "value": "a list of values",
        "number": "a table of min and max",
        "characters": "a table of characters",
    }
    also = f', "{HOUSE}"' if name in house else ""
    raise Wrong(where, f"true, false{also}, or {forms[field.measure]}")


def _check_part(where: str, name: str, value: Any) -> None:
    """What a grant names must be something that the field can be."""
    try:
        FIELDS[name].check(name, value)
    except Wrong as wrong:
        raise Wrong(where, f"of what the field may be, {wrong.may_be}") from None
