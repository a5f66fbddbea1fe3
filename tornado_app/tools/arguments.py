"""Whether what a model wrote is what a tool wants."""

import json
from collections.abc import Hashable, Iterator, Mapping
from typing import Any

import msgspec
from jsonschema import Draft202012Validator, SchemaError, ValidationError
from jsonschema.exceptions import best_match
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import DRAFT202012

from tornado_app.protocol.json_values import is_too_deep
from tornado_app.tools.schema_words import in_words

TABLES = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
"""Whose names are no words of JSON Schema."""
CANNOT_BE_CHECKED = (
    Unresolvable,
    RecursionError,
    ArithmeticError,
    AttributeError,
    TypeError,
    ValueError,
)
"""Of jsonschema, which looks up a reference only where arguments have what it is of, and takes what
it finds there for a schema; and a number of hundreds of digits is beyond a division."""


class BadArguments(Exception):
    """With a sentence for the model."""


class Schema:
    """A JSON Schema (draft 2020-12) of the arguments of one tool.

    Raises `ValueError`, with words for the operator, if it is none.  Nothing is fetched for it.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        if schema.get("type") != "object":
            raise ValueError('parameters must have type = "object"')
        try:
            _check(schema)
        except RecursionError:
            raise ValueError("parameters are nested too deeply") from None
        # With a registry of its own a reference to elsewhere is an error, not a request.
        self._validator = _Validator(schema, registry=Registry())

    def read(self, text: str) -> dict[str, Any]:
        """The arguments, or raise `BadArguments`."""
        arguments = decoded(text)
        if not isinstance(arguments, dict):
            raise BadArguments("The arguments must be a JSON object.")
        try:
            error = best_match(self._validator.iter_errors(arguments))
            sentence = "" if error is None else in_words(error)
        except CANNOT_BE_CHECKED:
            raise BadArguments("The arguments cannot be checked.") from None
        if error is not None:
            where = ".".join(map(str, error.absolute_path))
            raise BadArguments(f"{where}: {sentence}." if where else f"{sentence}.")
        return arguments


def _check(schema: Mapping[str, Any]) -> None:
    """Raises `ValueError` for what is no JSON Schema, or one that no arguments can fit."""
    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError):
        raise ValueError("JSON has no dates and times, no inf and no nan") from None
    if is_too_deep(schema):
        raise ValueError("parameters are nested too deeply")
    try:
        # With formats, so that a pattern that is no regular expression is found.
        Draft202012Validator.check_schema(
            schema, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
    except SchemaError as error:
        where = ".".join(map(str, error.absolute_path)) or "parameters"
        raise ValueError(f"{where}: {in_words(error)}") from None
    _check_can_fit(schema)


def _check_can_fit(schema: Any, where: str = "") -> None:
    """Raises `ValueError` for a list of what a value may be that has nothing in it: no argument
    could ever be right, and the schema of schemas lets it pass.
    """
    if not isinstance(schema, dict):
        return
    if schema.get("enum") == []:
        raise ValueError(f"{where}enum: must have a value, or no argument could be right")
    for word, value in schema.items():
        if word in TABLES:
            for name, part in value.items():
                _check_can_fit(part, f"{where}{word}.{name}.")
        else:
            for part in DRAFT202012.subresources_of({word: value}):
                _check_can_fit(part, f"{where}{word}.")


def _unique_items(
    validator: Any, is_wanted: Any, value: Any, _: Mapping[str, Any]
) -> Iterator[ValidationError]:
    """In one pass: the library compares each with each where they cannot be sorted."""
    is_asked = is_wanted is True and validator.is_type(value, "array")
    if is_asked and len({_key(item) for item in value}) < len(value):
        yield ValidationError("has items that are the same")


def _key(value: Any) -> Hashable:
    """The same for values that JSON Schema takes for the same: 1 is 1.0 and is not true."""
    match value:
        case dict():
            return "object", frozenset((name, _key(part)) for name, part in value.items())
        case list():
            return "array", tuple(map(_key, value))
        case bool():
            return "boolean", value
    return "other", value


_Validator: Any = extend(Draft202012Validator, {"uniqueItems": _unique_items})


def decoded(text: str) -> Any:
    """*text* as JSON; nothing at all is an empty object, which models write for no arguments."""
    try:
        return msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise BadArguments("The arguments are not JSON.") from None
