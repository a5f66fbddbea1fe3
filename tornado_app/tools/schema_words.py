"""What does not fit a JSON Schema, in words for a model or an operator, who both know JSON.

jsonschema's own words quote values as Python writes them: True, None, {'a': 1}.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

VALUE_CHARACTERS = 200
"""A value may be long, and what is wanted instead comes behind it."""

_PHRASES: Mapping[str, str] = {
    "type": "{value} is not of type {wanted}",
    "enum": "{value} is not one of {wanted}",
    "const": "{value} is not {wanted}",
    "minimum": "{value} is less than {wanted}",
    "maximum": "{value} is more than {wanted}",
    "exclusiveMinimum": "{value} is not more than {wanted}",
    "exclusiveMaximum": "{value} is not less than {wanted}",
    "multipleOf": "{value} is not a multiple of {wanted}",
    "minLength": "{value} has fewer characters than {wanted}",
    "maxLength": "{value} has more characters than {wanted}",
    "minItems": "{value} has fewer items than {wanted}",
    "maxItems": "{value} has more items than {wanted}",
    "minProperties": "{value} has fewer names than {wanted}",
    "maxProperties": "{value} has more names than {wanted}",
    "pattern": "{value} does not match {wanted}",
    "format": "{value} is no {wanted}",
    "required": "{value} must have {wanted}",
    "dependentRequired": "{value} must have all of {wanted}",
    "uniqueItems": "it has items that are the same",
    "contains": "{value} has not as many items as it must that fit {wanted}",
    "additionalProperties": "{value} may have no other names than {known}",
    "unevaluatedProperties": "{value} has names that may not be there",
    "items": "{value} has more items than it may",
    "unevaluatedItems": "{value} has items that may not be there",
    "anyOf": "{value} fits none of what it may be",
    "oneOf": "{value} fits none of what it may be",
    "not": "{value} fits what it may not be",
}


class Error(Protocol):
    """As much of an error of the library as is looked at."""

    @property
    def validator(self) -> Any: ...

    @property
    def validator_value(self) -> Any: ...

    @property
    def instance(self) -> Any: ...

    @property
    def schema(self) -> Any: ...

    @property
    def context(self) -> Any: ...


def in_words(error: Error) -> str:
    """The sentence, without its end; where it is, stands in ``error.absolute_path``."""
    keyword: str | None = error.validator
    if keyword is None:  # of a schema that is false
        return f"{_quoted(error.instance)} may not be there"
    if keyword == "oneOf" and not error.context:
        return f"{_quoted(error.instance)} fits several of what it may be, and must fit one"
    phrase = _PHRASES.get(keyword, f"{{value}} does not fit {keyword} {{wanted}}")
    return phrase.format(
        value=_quoted(error.instance),
        wanted=_WANTED.get(keyword, _quoted)(error.validator_value),
        known=_quoted([*_table(error, "properties"), *_table(error, "patternProperties")]),
    )


def _table(error: Error, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = error.schema.get(name, {})
    return found


def _listed(values: Any) -> str:
    """Of one or several."""
    several = values if isinstance(values, list) else [values]
    return _cut(" or ".join(map(_quoted, several)))


def _all_listed(values: Any) -> str:
    return _cut(" and ".join(map(_quoted, values)))


_WANTED: Mapping[str, Callable[[Any], str]] = {"type": _listed, "required": _all_listed}


def _quoted(value: Any) -> str:
    return _cut(json.dumps(value, ensure_ascii=False, default=str))


def _cut(text: str) -> str:
    return text if len(text) <= VALUE_CHARACTERS else f"{text[:VALUE_CHARACTERS]}..."
