"""What a value sent by a client may be.

A rule takes what the client wants, the path to name in an error, and what stands there now (None
if nothing does); it returns the value to use, or raises `Refused`.  Nothing is changed in place,
so refusing an update is not keeping its result.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from local_realtime.errors import Refused, invalid, missing, wrong_type

Rule: TypeAlias = Callable[[Any, str, Any], Any]
Variant: TypeAlias = tuple[Rule, dict[str, Any]]
"""The rule of one `type`, and the object it starts from."""

MAX_TEXT_LETTERS = 1024 * 1024
MAX_DEPTH = 32
"""Deeper JSON could be read, but not sent back within our own objects."""

SHOWN_LETTERS = 64
"""How much of an unexpected name an error repeats."""


def join(path: str, key: str) -> str:
    shown = key[:SHOWN_LETTERS]
    return f"{path}.{shown}" if path else shown


def one_of(*allowed: Any) -> Rule:
    listed = ", ".join(repr(value) for value in allowed)

    def rule(wanted: Any, path: str, _current: Any) -> Any:
        # True == 1, and an unhashable value has no place in a set.
        if all(type(wanted) is not type(value) for value in allowed):
            raise wrong_type(path, f"one of {listed}", wanted)
        if not any(type(wanted) is type(value) and wanted == value for value in allowed):
            raise invalid(path, f"supported values are: {listed}")
        return wanted

    return rule


def boolean(wanted: Any, path: str, _current: Any) -> bool:
    if not isinstance(wanted, bool):
        raise wrong_type(path, "a boolean", wanted)
    return wanted


def integer(low: int, high: int) -> Rule:
    def rule(wanted: Any, path: str, _current: Any) -> int:
        if type(wanted) is not int:
            raise wrong_type(path, "an integer", wanted)
        if not low <= wanted <= high:
            raise invalid(path, f"expected an integer from {low} to {high}")
        return wanted

    return rule


def number(low: float, high: float) -> Rule:
    def rule(wanted: Any, path: str, _current: Any) -> float:
        if type(wanted) not in {int, float}:
            raise wrong_type(path, "a decimal", wanted)
        if not low <= wanted <= high:
            raise invalid(path, f"expected a number from {low} to {high}")
        return float(wanted)

    return rule


def text(max_letters: int = MAX_TEXT_LETTERS, min_letters: int = 0) -> Rule:
    def rule(wanted: Any, path: str, _current: Any) -> str:
        if not isinstance(wanted, str):
            raise wrong_type(path, "a string", wanted)
        if len(wanted) > max_letters:
            message = f"'{path}' is longer than {max_letters} characters."
            raise Refused("string_above_max_length", message, path)
        if len(wanted) < min_letters:
            raise invalid(path, "expected a longer string")
        return wanted

    return rule


def nullable(inner: Rule) -> Rule:
    def rule(wanted: Any, path: str, current: Any) -> Any:
        return None if wanted is None else inner(wanted, path, current)

    return rule


def clearable(inner: Rule, default: Any) -> Rule:
    """Null, "" and [] restore the default."""

    def rule(wanted: Any, path: str, current: Any) -> Any:
        return default if wanted in (None, "", []) else inner(wanted, path, current)

    return rule


def unavailable(message: str) -> Rule:
    """What the API has and this server has not."""

    def rule(_wanted: Any, path: str, _current: Any) -> Any:
        raise Refused("invalid_value", message, path)

    return rule


def ignoring_null(inner: Rule) -> Rule:
    """An object in which null is as good as absent."""

    def rule(wanted: Any, path: str, current: Any) -> Any:
        if isinstance(wanted, dict):
            wanted = {key: value for key, value in wanted.items() if value is not None}
        return inner(wanted, path, current)

    return rule


def text_or(words: Rule, otherwise: Rule) -> Rule:
    """A string by one rule, anything else by the other."""

    def rule(wanted: Any, path: str, current: Any) -> Any:
        return (words if isinstance(wanted, str) else otherwise)(wanted, path, current)

    return rule


def array(inner: Rule, max_length: int = 128) -> Rule:
    def rule(wanted: Any, path: str, _current: Any) -> list[Any]:
        if not isinstance(wanted, list):
            raise wrong_type(path, "an array", wanted)
        if len(wanted) > max_length:
            raise invalid(path, f"expected at most {max_length} entries")
        return [inner(value, f"{path}[{index}]", None) for index, value in enumerate(wanted)]

    return rule


def _mapping(wanted: Any, path: str) -> dict[str, Any]:
    if not isinstance(wanted, dict):
        raise wrong_type(path, "an object", wanted)
    return wanted


def json_object(wanted: Any, path: str, _current: Any) -> dict[str, Any]:
    """Any object that is not too deep to be sent back."""
    level: list[Any] = [_mapping(wanted, path)]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for value in level
            for inner in (value.values() if isinstance(value, dict) else value)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return _mapping(wanted, path)
    raise invalid(path, f"expected an object nested at most {MAX_DEPTH} deep")


def text_pairs(max_pairs: int, key_letters: int, value_letters: int) -> Rule:
    value_rule = text(value_letters)

    def rule(wanted: Any, path: str, _current: Any) -> dict[str, str]:
        pairs = _mapping(wanted, path)
        if len(pairs) > max_pairs or any(len(key) > key_letters for key in pairs):
            raise invalid(path, f"expected {max_pairs} pairs, keys of {key_letters} characters")
        return {key: value_rule(value, join(path, key), None) for key, value in pairs.items()}

    return rule


def _require(keys: tuple[str, ...], given: Mapping[str, Any], path: str) -> None:
    for key in keys:
        if key not in given:
            raise missing(join(path, key))


def fields(
    rules: Mapping[str, Rule],
    required: tuple[str, ...] = (),
    start: Mapping[str, Any] | None = None,
) -> Rule:
    """An object, merged into the current one or else into *start*: absent keys stay as they are.

    Of several mistakes the first of these is told, as by the API: what is missing, what is wrong
    with a required key, the rest in the order of the client.
    """

    def rule(wanted: Any, path: str, current: Any) -> dict[str, Any]:
        given = _mapping(wanted, path)
        _require(required, given, path)
        merged = dict(current if isinstance(current, dict) else start or {})
        for key in (*required, *(key for key in given if key not in required)):
            where = join(path, key)
            if key not in rules:
                raise Refused("unknown_parameter", f"Unknown parameter: '{where}'.", where)
            merged[key] = rules[key](given[key], where, merged.get(key))
        return merged

    return rule


def variants(table: Mapping[str, Variant]) -> Rule:
    """An object whose `type` decides its rule; one of another type than now starts afresh."""
    kind_rule = one_of(*table)

    def rule(wanted: Any, path: str, current: Any) -> Any:
        current_type = current.get("type") if isinstance(current, dict) else None
        kind = _mapping(wanted, path).get("type", current_type)
        if kind is None:
            raise missing(join(path, "type"))
        kind_rule(kind, join(path, "type"), None)
        variant_rule, start = table[kind]
        return variant_rule(wanted, path, current if kind == current_type else {**start})

    return rule


def variant(kind: str, rules: Mapping[str, Rule], **start: Any) -> tuple[str, Variant]:
    """A row of `variants`; a key without a start value is required."""
    required = tuple(key for key in rules if key not in start)
    full_rules = {"type": one_of(kind), **rules}
    return kind, (_variant_rule(full_rules, required), {"type": kind, **start})


def _variant_rule(rules: Mapping[str, Rule], required: tuple[str, ...]) -> Rule:
    merge = fields(rules)

    def rule(wanted: Any, path: str, current: Any) -> dict[str, Any]:
        _require(required, {**current, **wanted}, path)
        merged: dict[str, Any] = merge(wanted, path, current)
        return merged

    return rule
