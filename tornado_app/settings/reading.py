"""Turns what an operator wrote into typed values, and all that is wrong with it into sentences."""

import difflib
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import inspect

from terminal.words import is_text
from tornado_app.settings.environment import (
    FILE_SUFFIX,
    PREFIX,
    foreign_warning,
    variable,
    variables,
)
from tornado_app.settings.secret import Secret, is_line, read_secret, read_secrets
from tornado_app.settings.tables import Tables, struct_of
from tornado_app.settings.toml_text import read_toml
from tornado_app.settings.words import allowed

OTHER_VARIABLES = {"upstream.api_key": "OPENAI_API_KEY"}
"""Read where neither the file nor a variable of ours names one."""


class InvalidSettings(Exception):
    """The settings cannot be used; *problems* are sentences, one for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Source:
    """Reads settings as flat ``{"section.key": value}`` and collects what is wrong with them."""

    def __init__(self, sections: Mapping[str, type[msgspec.Struct]]) -> None:
        self.sections = sections
        self.types = {
            f"{section}.{field.name}": field.type
            for section, structure in sections.items()
            for field in msgspec.structs.fields(structure)
        }
        self.problems: list[str] = []
        self.wrong: set[str] = set()
        """The settings whose value has the wrong type or range."""
        self.unread: set[str] = set()
        """Those that the file may set in a section that is no TOML."""
        self.warnings: list[str] = []
        self.readable = True
        """Whether it is known which settings were meant, though some may be wrong."""

    def from_toml(self, where: str, text: str) -> dict[str, Any]:
        found = read_toml(text)
        self.problems += [f"{where} is not valid TOML: {problem}" for problem in found.problems]
        self.readable = self.readable and found.unread is not None
        self.unread = {name for name in self.types if _section(name) in (found.unread or ())}
        values: dict[str, Any] = {}
        for section, table in found.tables.items():
            if section in self.sections and not isinstance(table, dict):
                self.problems.append(f"{section}: is a section, to be written as [{section}]")
            elif section not in self.sections:
                self._unknown(f"{_written(section, table)} in {where}", section, section)
            else:
                values |= {f"{section}.{key}": value for key, value in table.items()}
        for name in [name for name in values if name not in self.types]:
            self._unknown(f"{name} in {where}", *name.split(".", 1))
            del values[name]
        return values

    def from_environment(self, environ: Mapping[str, str]) -> dict[str, Any]:
        """Those of our sections; what only begins like them is one warning."""
        names = {variable(name): name for name in self.types}
        files = {f"{variable(name)}{FILE_SUFFIX}": name for name in self.types if self._hides(name)}
        found = variables(environ, self.sections)
        if found.foreign:
            self.warnings.append(foreign_warning(found.foreign, names))
        values: dict[str, Any] = {}
        for key, text in found.ours.items():
            if not is_text(text) and not key.endswith(FILE_SUFFIX):  # a file may be called anything
                self._wrong(names.get(key, key), f"{key} is not UTF-8")
            elif key in names:
                values[names[key]] = _from_text(self.types[names[key]], text)
            elif key in files and variable(files[key]) in found.ours:
                self._wrong(files[key], f"is set twice: by {variable(files[key])} and by {key}")
            elif key in files:
                values |= self._from_file(key, files[key], text)
            else:
                section, _, name = key.removeprefix(PREFIX).lower().partition("_")
                self._unknown(key, section, name)
        self.unread -= values.keys()
        return values

    def _hides(self, name: str) -> bool:
        return _is_secret(self.types[name])

    def _from_file(self, key: str, name: str, path: str) -> dict[str, Any]:
        """The secret that stands in a file, or a list of them, a line for each."""
        if not path:  # which would be the directory that Parley was started in
            self._wrong(name, f"{key} is empty; it names a file, or is not set")
            return {}
        is_list = isinstance(_plain(self.types[name]), inspect.VarTupleType)
        try:
            return {name: read_secrets(Path(path)) if is_list else read_secret(Path(path))}
        except ValueError as error:
            self._wrong(name, f"{key} names {path}, which {error}")
            return {}

    def _wrong(self, name: str, reason: str) -> None:
        self.wrong.add(name)
        self.problems.append(f"{name}: {reason}")

    def convert(
        self, values: Mapping[str, Any], environ: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Give each value its type; those that have another are left out.

        *environ*: where secrets in tables may be kept.
        """
        converted: dict[str, Any] = {}
        for name, kind in self.types.items():
            if name not in values:
                self.problems.append(f"{name}: has no default")
                continue
            if struct := struct_of(kind):
                tables = Tables(name, struct, environ or {})
                converted[name] = tables.read(values[name])
                self.problems += tables.problems
                self.wrong |= {name} if tables.problems else set()
                continue
            try:
                converted[name] = msgspec.convert(values[name], kind, dec_hook=_secret)
            except msgspec.ValidationError:
                self.wrong.add(name)
                self.problems.append(f"{label(name)}: must be {_wanted(kind, values[name])}")
        return converted

    def _unknown(self, shown: str, section: str, key: str) -> None:
        self.problems.append(f"{shown}: is no setting; {self._hint(section, key)}")

    def _hint(self, section: str, key: str) -> str:
        """Where the setting stands that was meant, or what there is."""
        homes = [name for name in self.types if name.partition(".")[2] == key]
        if homes:
            where = " and ".join(f"{key} in [{_section(name)}]" for name in homes)
            return f"there is {where} ({', '.join(variable(name) for name in homes)})"
        if section not in self.sections:
            [meant] = difflib.get_close_matches(section, self.sections, 1) or [""]
            listed = f"the sections are {', '.join(self.sections)}"
            return f"did you mean [{meant}]? {listed}" if meant else listed
        keys = self.sections[section].__struct_fields__
        [meant] = difflib.get_close_matches(key, keys, 1) or [""]
        listed = f"[{section}] has {', '.join(keys)}"
        return f"did you mean {meant}? {listed}" if meant else listed


def _section(name: str) -> str:
    return name.partition(".")[0]


def _written(section: str, table: object) -> str:
    """A name at the top of a file, as it stands there."""
    return f"[{section}]" if isinstance(table, dict) else section


def label(name: str) -> str:
    """The setting and how it can be set, to begin a sentence with."""
    other = f" or {OTHER_VARIABLES[name]}" if name in OTHER_VARIABLES else ""
    return f"{name} ({variable(name)}{other})"


def _secret(_: type, value: object) -> Secret:
    # White space around a key comes from a file that was pasted whole; it would break a header.
    if not isinstance(value, str) or not is_line(value):
        raise ValueError
    return Secret(value)


def _from_text(kind: Any, text: str) -> Any:
    """A text setting is taken as it is, any other is JSON; what is neither fails by its type."""
    match _plain(kind):
        case inspect.StrType() | inspect.LiteralType() | inspect.CustomType():
            return text
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    # Half of a surrogate pair can be written in JSON, and is no text (RFC 8259, 8.2).
    return found if is_text(json.dumps(found, ensure_ascii=False)) else text


@functools.cache
def _plain(kind: Any) -> inspect.Type:
    info = inspect.type_info(kind)
    return info.type if isinstance(info, inspect.Metadata) else info


def _is_secret(kind: Any) -> bool:
    """A secret, or a list of them."""
    info = _plain(kind)
    if isinstance(info, inspect.VarTupleType):
        info = info.item_type
    return isinstance(info, inspect.CustomType)


def _wanted(kind: Any, value: object) -> str:
    if _is_secret(kind):
        return allowed(kind)
    shown = json.dumps(value, default=str, ensure_ascii=False)
    return f"{allowed(kind)}, not {shown if len(shown) <= 80 else shown[:80] + '...'}"
