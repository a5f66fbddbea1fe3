"""Turns what an operator wrote into typed values, and all that is wrong with it into sentences."""

import json
import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect

from tornado_app.settings.secret import Secret

VARIABLE_PREFIX = "PARLEY_"

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
        self.readable = True

    def from_toml(self, where: str, text: str) -> dict[str, Any]:
        try:
            tables = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            self.readable = False
            self.problems.append(f"{where} is not valid TOML: {error}")
            return {}
        values: dict[str, Any] = {}
        for section, table in tables.items():
            if section in self.sections and not isinstance(table, dict):
                self.problems.append(f"{section}: is a section, to be written as [{section}]")
            elif section not in self.sections:
                self._unknown(f"[{section}] in {where}", section)
            else:
                values |= {f"{section}.{key}": value for key, value in table.items()}
        for name in [name for name in values if name not in self.types]:
            self._unknown(f"{name} in {where}", name)
            del values[name]
        return values

    def from_environment(self, environ: Mapping[str, str]) -> dict[str, Any]:
        names = {variable(name): name for name in self.types}
        values: dict[str, Any] = {}
        for key in sorted(key for key in environ if key.startswith(VARIABLE_PREFIX)):
            if key in names:
                values[names[key]] = _from_text(self.types[names[key]], environ[key])
            else:
                self._unknown(key, key.removeprefix(VARIABLE_PREFIX).lower().replace("_", ".", 1))
        return values

    def convert(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Give each value its type; those that have another are left out."""
        converted: dict[str, Any] = {}
        for name, kind in self.types.items():
            if name not in values:
                self.problems.append(f"{name}: has no default")
                continue
            try:
                converted[name] = msgspec.convert(values[name], kind, dec_hook=_secret)
            except msgspec.ValidationError:
                self.wrong.add(name)
                self.problems.append(f"{label(name)}: must be {_wanted(kind, values[name])}")
        return converted

    def _unknown(self, shown: str, name: str) -> None:
        section = name.partition(".")[0]
        if section not in self.sections:
            hint = f"the sections are {', '.join(self.sections)}"
        else:
            hint = f"[{section}] has {', '.join(self.sections[section].__struct_fields__)}"
        self.problems.append(f"{shown}: is no setting; {hint}")


def variable(name: str) -> str:
    """What the setting is called in the environment."""
    return VARIABLE_PREFIX + name.upper().replace(".", "_")


def label(name: str) -> str:
    """The setting and how it can be set, to begin a sentence with."""
    other = f" or {OTHER_VARIABLES[name]}" if name in OTHER_VARIABLES else ""
    return f"{name} ({variable(name)}{other})"


def _secret(_: type, value: object) -> Secret:
    # White space around a key comes from a file that was pasted whole; it would break a header.
    if not isinstance(value, str) or value != value.strip():
        raise ValueError
    return Secret(value)


def _from_text(kind: Any, text: str) -> Any:
    """A text setting is taken as it is, any other is JSON; what is neither fails by its type."""
    match _plain(kind):
        case inspect.StrType() | inspect.LiteralType() | inspect.CustomType():
            return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _plain(kind: Any) -> inspect.Type:
    info = inspect.type_info(kind)
    return info.type if isinstance(info, inspect.Metadata) else info


def _wanted(kind: Any, value: object) -> str:
    if isinstance(inspect.type_info(kind), inspect.CustomType):
        return allowed(kind)
    shown = json.dumps(value, default=str, ensure_ascii=False)
    return f"{allowed(kind)}, not {shown if len(shown) <= 80 else shown[:80] + '...'}"


def allowed(kind: Any) -> str:
    """What a setting of this type may be, in words."""
    return _describe(inspect.type_info(kind))


def _describe(info: inspect.Type) -> str:
    match info:
        case inspect.CustomType():
            return "text without white space around it"
        case inspect.Metadata(extra_json_schema={"description": str(words)}):
            return words
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType(ge=low, le=high):
            return f"an integer from {low} to {high}"
        case inspect.FloatType(ge=low, le=high):
            return f"a number from {low} to {high}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(json.dumps(value) for value in values)}"
        case inspect.StrType(min_length=low, max_length=high):
            return f"text of {low or 0} to {high} characters"
        case inspect.VarTupleType(item_type=item, min_length=low):
            least = " with at least one item" if low else ""
            return f"a list (JSON in the environment){least}, each item {_describe(item)}"
    raise AssertionError(info)
