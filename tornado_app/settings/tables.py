"""Settings that are a list of tables, such as ``[[upstream.fallbacks]]``, field by field."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from tornado_app.settings.secret import Secret, is_line, read_secret
from tornado_app.settings.words import allowed

ROOT = Path(__file__).resolve().parents[2]
TABLES_MAX = 8
MAY_BE = 'text without white space around it, { env = "NAME" } or { file = "NAME" }'


@functools.cache
def struct_of(kind: Any) -> type[msgspec.Struct] | None:
    """What each table is, if *kind* is a list of them."""
    info = inspect.type_info(kind)
    while isinstance(info, inspect.Metadata):
        info = info.type
    if isinstance(info, inspect.VarTupleType) and isinstance(info.item_type, inspect.StructType):
        return info.item_type.cls
    return None


class Tables:
    """Reads one such list and collects what is wrong with it; a value is never repeated."""

    def __init__(self, name: str, kind: type[msgspec.Struct], environ: Mapping[str, str]) -> None:
        self._name = name
        self._fields = {field.name: field for field in msgspec.structs.fields(kind)}
        self._kind = kind
        self._environ = environ
        self.problems: list[str] = []

    def read(self, value: object) -> tuple[Any, ...]:
        """Those that can be used; what is wrong with the others is in `problems`."""
        if not isinstance(value, list | tuple) or len(value) > TABLES_MAX:
            sentence = f"must be at most {TABLES_MAX} tables, written as [[{self._name}]]"
            self.problems.append(f"{self._name}: {sentence}")
            return ()
        found = [self._table(f"{self._name}, table {n}", each) for n, each in enumerate(value, 1)]
        return tuple(each for each in found if each is not None)

    def _table(self, where: str, table: object) -> msgspec.Struct | None:
        """None: too much is wrong with it to say more."""
        if not isinstance(table, Mapping):
            self.problems.append(f"{where}: must be a table, written as [[{self._name}]]")
            return None
        before = len(self.problems)
        for key in table.keys() - self._fields.keys():
            has = ", ".join(self._fields)
            self.problems.append(f"{where}, {key}: is no setting of such a table; it has {has}")
        values = dict(self._values(where, table))
        return None if len(self.problems) > before else self._kind(**values)

    def _values(self, where: str, table: Mapping[str, object]) -> Iterator[tuple[str, Any]]:
        for name, field in self._fields.items():
            if name not in table:
                if field.required:
                    self.problems.append(f"{where}: {name} is needed")
                continue
            try:
                if field.type is Secret:
                    yield name, self._secret(table[name])
                else:
                    yield name, msgspec.convert(table[name], field.type)
            except (msgspec.ValidationError, ValueError) as error:
                reason = f"must be {allowed(field.type)}"
                if field.type is Secret:
                    reason = str(error) or f"must be {MAY_BE}"
                self.problems.append(f"{where}, {name}: {reason}")

    def _secret(self, value: object) -> Secret:
        """The secret itself, or where it is kept.

        Raises:
            ValueError: If it is neither; the sentence is empty, or says what is wrong with where.
        """
        match value:
            case str():
                text = value
            case {"env": str(name), **rest} if not rest:
                text = self._environ.get(name, "").strip()
                if not text:
                    raise ValueError(f"{name} is not set in the environment")
            case {"file": str(name), **rest} if not rest:
                path = ROOT / name
                try:
                    text = read_secret(path)
                except ValueError as error:
                    raise ValueError(f"{path} {error}") from None
            case _:
                raise ValueError
        if not is_line(text):
            raise ValueError
        return Secret(text)
