"""What a value may be, in words, for whoever gave another."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect


def explain(values: Mapping[str, object], kind: type[msgspec.Struct], *, strict: bool) -> str:
    """The first thing for which *values* are none of that *kind*; *strict* as they were read."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    unknown = next((name for name in values if name not in fields), None)
    if unknown is not None:
        shown = json.dumps(unknown)[:80]
        return f"{shown} is not known here; there may be {', '.join(fields)}."
    for name, field in fields.items():
        if name not in values:
            if field.required:
                return f"{name} is missing; it must be {allowed(field.type)}."
            continue
        try:
            msgspec.convert(values[name], field.type, strict=strict)
        except msgspec.ValidationError:
            return f"{name} must be {allowed(field.type)}."
    raise AssertionError(values)


def allowed(kind: Any) -> str:
    """What a value of this type may be."""
    return _describe(inspect.type_info(kind))


def _describe(info: inspect.Type) -> str:
    match info:
        case inspect.CustomType():
            return "text in one line, without white space around it"
        case inspect.Metadata(extra_json_schema={"description": str(words)}):
            return words
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"an integer {_bounds(info)}"
        case inspect.FloatType():
            return f"a number {_bounds(info)}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(json.dumps(value) for value in values)}"
        case inspect.DictType():
            return 'names and what they are called there, such as { marin = "alloy" }'
        case inspect.StrType(max_length=None):
            return "text"
        case inspect.StrType(min_length=low, max_length=high):
            return f"text of {low or 0} to {high} characters"
        case inspect.DateType():
            return "a day such as 2026-12-01"
        case inspect.UnionType(types=(one, inspect.NoneType())):
            return _describe(one)
        case inspect.VarTupleType(item_type=item, min_length=low):
            least = " with at least one item" if low else ""
            return f"a list (JSON in the environment){least}, each item {_describe(item)}"
    raise AssertionError(info)


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    """Between what a number has to be."""
    if info.ge is not None and info.le is not None:
        return f"from {info.ge} to {info.le}"
    bounds = {"of at least": info.ge, "above": info.gt, "at most": info.le, "below": info.lt}
    return " and ".join(f"{words} {bound}" for words, bound in bounds.items() if bound is not None)
