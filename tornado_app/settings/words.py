"""What a value may be, in words, for whoever gave another."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import inspect


def explain(values: Mapping[str, object], kind: type[msgspec.Struct], *, strict: bool) -> str:
    """The first thing for which *values* are none of that *kind*; *strict* as they were read."""
    name, reason = next(wrong_fields(values, kind, strict=strict))
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    return f"{name if name in known else json.dumps(name)[:80]} {reason}."


def wrong_fields(
    values: Mapping[str, object], kind: type[msgspec.Struct], *, strict: bool = True
) -> Iterator[tuple[str, str]]:
    """The names for which *values* are none of that *kind*, each with what is wrong with it."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in values:
        if name not in fields:
            yield name, f"is not known here; there may be {', '.join(fields)}"
    for name, field in fields.items():
        if name not in values:
            if field.required:
                yield name, f"is missing; it must be {allowed(field.type)}"
            continue
        try:
            msgspec.convert(values[name], field.type, strict=strict)
        except msgspec.ValidationError:
            yield name, f"must be {allowed(field.type)}"


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
    least, above, most, below = map(_figure, (info.ge, info.gt, info.le, info.lt))
    if least is not None and most is not None:
        return f"from {least} to {most}"
    bounds = {"of at least": least, "above": above, "at most": most, "below": below}
    return " and ".join(f"{words} {bound}" for words, bound in bounds.items() if bound is not None)


def _figure(bound: float | None) -> float | None:
    """As a person writes it: 300, not 300.0."""
    return int(bound) if bound is not None and bound == int(bound) else bound
