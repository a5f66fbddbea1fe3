"""JSON Schemas that come with a call, and whether what a model wrote fits one.

Whoever sends such a schema is not the operator: a pattern of it could stop the loop, and a few
references that name each other twice make more work than there is time.  So a part of draft 2020-12
is looked at, in a bounded number of steps: type, enum, const, required, properties,
additionalProperties, items, the bounds of numbers and lengths, anyOf, oneOf, allOf, and $ref within
the schema.  The model is told all of it; the rest is for whoever performs the call.

https://json-schema.org/draft/2020-12/json-schema-validation
"""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.parse import unquote

from tornado_app.protocol.json_values import LEVELS, is_too_deep

STEPS_MAX = 5000
"""Some 10 ms.  A schema of a dozen properties takes fifty."""
DEPTH_MAX = 32
SHOWN = 64
SHOWN_CHARACTERS = 500
"""Of the values that a model may choose from, in a sentence for it."""

_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_LISTS = ("anyOf", "oneOf", "allOf")
_TABLES = ("properties", "$defs", "definitions")
_SINGLE = ("items", "additionalProperties")
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_COUNTS = ("minLength", "maxLength", "minItems", "maxItems")


class BadSchema(ValueError):
    """With words on what the schema must be, to end "must be ...", and none of its own."""


class _Unchecked(Exception):
    """It would take too many steps."""


def check_schema(schema: Any) -> None:
    """Raises `BadSchema` if *schema* is none of an object, as far as it is looked at here."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise BadSchema('a JSON Schema with "type": "object"')
    if is_too_deep(schema):  # in words that are not looked at here as well
        raise BadSchema(f"a JSON Schema of at most {LEVELS} lists and objects in each other")
    found = list(_within(schema, 0))
    known = {id(each) for each in found}
    for each in found:
        if "$ref" not in each:
            continue
        target = _target(schema, each["$ref"])
        if not isinstance(target, bool) and id(target) not in known:
            raise BadSchema("a JSON Schema whose every $ref names a schema within it")


def fault_of(schema: Mapping[str, Any], arguments: Any) -> str | None:
    """What of *arguments* does not fit *schema*, which `check_schema` has seen; None: it fits."""
    try:
        return _Fitting(schema).fault(schema, arguments, "the arguments")
    except (_Unchecked, RecursionError):
        return "The arguments take too long to be checked. Write shorter ones."


def _within(schema: Any, depth: int) -> Iterator[dict[str, Any]]:
    """*schema* and all schemas in it that are objects."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise BadSchema("a JSON Schema of objects, true and false")
    if depth > DEPTH_MAX:
        raise BadSchema(f"a JSON Schema of at most {DEPTH_MAX} levels")
    _check_words(schema)
    yield schema
    for part in _parts(schema):
        yield from _within(part, depth + 1)


def _check_words(schema: Mapping[str, Any]) -> None:
    kinds = schema.get("type", [])
    names = [kinds] if isinstance(kinds, str) else kinds
    if not isinstance(names, list) or not all(isinstance(n, str) and n in _TYPES for n in names):
        raise BadSchema(f"a JSON Schema whose types are of {', '.join(_TYPES)}")
    for word in ("type", "enum"):
        if schema.get(word) == []:
            raise BadSchema(f"a JSON Schema whose every {word} has a value")
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        raise BadSchema("a JSON Schema whose every required is a list of names")
    if not isinstance(schema.get("enum", []), list):
        raise BadSchema("a JSON Schema whose every enum is a list")
    for word in (*_NUMBERS, *_COUNTS):
        if word in schema and not _is_a("number", schema[word]):
            raise BadSchema(f"a JSON Schema whose every {word} is a number")


def _parts(schema: Mapping[str, Any]) -> Iterator[Any]:
    for word in _LISTS:
        parts = schema.get(word, [True])
        if not isinstance(parts, list) or not parts:
            raise BadSchema(f"a JSON Schema whose every {word} is a list of schemas")
        yield from parts
    for word in _TABLES:
        table = schema.get(word, {})
        if not isinstance(table, dict):
            raise BadSchema(f"a JSON Schema whose every {word} is an object of schemas")
        yield from table.values()
    yield from (schema[word] for word in _SINGLE if word in schema)


def _target(schema: Any, reference: Any) -> Any:
    """What ``#/a/b`` names (RFC 6901); None if it names nothing."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    for part in unquote(reference).split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(schema, dict):
            schema = schema.get(key)
        elif isinstance(schema, list) and key.isascii() and key.isdecimal() and len(key) < 5:
            schema = schema[int(key)] if int(key) < len(schema) else None
        else:
            return None
    return schema


def _is_a(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[kind])


def _is_same(one: Any, other: Any) -> bool:
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _parts_of(value: Any) -> int:
    """How much there is to compare in *value*."""
    match value:
        case dict():
            return 1 + sum(map(_parts_of, value.values()))
        case list():
            return 1 + sum(map(_parts_of, value))
    return 1


def _listed(allowed: list[Any]) -> str:
    """The beginning of it, without spelling out the rest."""
    shown = (one[:SHOWN_CHARACTERS] if isinstance(one, str) else one for one in allowed)
    quoted = (json.dumps(one, ensure_ascii=False, default=str) for one in islice(shown, SHOWN))
    return ", ".join(quoted)[:SHOWN_CHARACTERS]


class _Fitting:
    """One set of arguments against one schema.  Thread: any; it is used once."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = STEPS_MAX
        self._targets: dict[str, Any] = {}
        """What a reference names: one may be long, and be followed at every step."""

    def fault(self, schema: Any, value: Any, where: str) -> str | None:
        """A sentence with the first thing that is wrong."""
        self._spend(1)
        if isinstance(schema, bool):
            return None if schema else f"{where} may not be there."
        for check in (self._kind, self._equal, self._bounds, self._combined, self._properties):
            found = check(schema, value, where)
            if found is not None:
                return found
        return self._items(schema, value, where)

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise _Unchecked

    def _named(self, reference: str) -> Any:
        if reference not in self._targets:
            self._targets[reference] = _target(self._root, reference)
        return self._targets[reference]

    def _kind(self, schema: Mapping[str, Any], value: Any, where: str) -> str | None:
        kinds = schema.get("type")
        if kinds is None:
            return None
        names = [kinds] if isinstance(kinds, str) else kinds
        self._spend(len(names) - 1)
        if any(_is_a(name, value) for name in names):
            return None
        return f"{where} must be of type {' or '.join(dict.fromkeys(names))}."

    def _equal(self, schema: Mapping[str, Any], value: Any, where: str) -> str | None:
        for word, allowed in (("enum", schema.get("enum")), ("const", [schema.get("const")])):
            if word not in schema or allowed is None:
                continue
            self._spend(sum(map(_parts_of, allowed)))
            if not any(_is_same(one, value) for one in allowed):
                return f"{where} must be one of {_listed(allowed)}."
        return None

    def _bounds(self, schema: Mapping[str, Any], value: Any, where: str) -> str | None:
        if isinstance(value, str | list):
            word = "Length" if isinstance(value, str) else "Items"
            low, high = schema.get(f"min{word}"), schema.get(f"max{word}")
            if (low is not None and len(value) < low) or (high is not None and len(value) > high):
                return f"{where} is too short or too long."
        if _is_a("number", value):
            least, most = schema.get("minimum"), schema.get("maximum")
            above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
            if (least is not None and value < least) or (most is not None and value > most):
                return f"{where} is too small or too large."
            if (above is not None and value <= above) or (below is not None and value >= below):
                return f"{where} is too small or too large."
        return None

    def _combined(self, schema: Mapping[str, Any], value: Any, where: str) -> str | None:
        if "$ref" in schema:
            found = self.fault(self._named(schema["$ref"]), value, where)
            if found is not None:
                return found
        for part in schema.get("allOf", ()):
            found = self.fault(part, value, where)
            if found is not None:
                return found
        for word in ("anyOf", "oneOf"):
            if word not in schema:
                continue
            faults = [self.fault(part, value, where) for part in schema[word]]
            fitting = faults.count(None)
            if not fitting:
                return faults[0]
            if fitting > 1 and word == "oneOf":
                return f"{where} fits several of what it may be, and must fit one."
        return None

    def _properties(self, schema: Mapping[str, Any], value: Any, where: str) -> str | None:
        if not isinstance(value, dict):
            return None
        required, known = schema.get("required", ()), schema.get("properties", {})
        self._spend(len(required) + len(value))
        for name in required:
            if name not in value:
                return f"{name} is missing in {where}."
        # Which of the others a pattern names is not looked at.
        others = True if "patternProperties" in schema else schema.get("additionalProperties", True)
        for name, part in value.items():
            found = self.fault(known.get(name, others), part, name)
            if found is not None:
                return found
        return None

    def _items(self, schema: Mapping[str, Any], value: Any, where: str) -> str | None:
        if not isinstance(value, list) or "items" not in schema or "prefixItems" in schema:
            return None
        for number, part in enumerate(value):
            found = self.fault(schema["items"], part, f"{where}[{number}]")
            if found is not None:
                return found
        return None
