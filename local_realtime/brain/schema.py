"""JSON Schema as far as arguments are filled in by it; whatever else it says does no harm."""

from dataclasses import dataclass, field
from typing import Any

MAX_DEPTH = 5
"""Of references and alternatives within each other, which may go in circles."""

MAX_PROPERTIES = 64
MAX_SHAPES = 512
COMBINED = {"$ref", "allOf", "anyOf", "oneOf"}
MISSING = object()


@dataclass(frozen=True, slots=True)
class Shape:
    """One value: what it may be, and what is said about it."""

    kind: str = "string"
    choices: tuple[Any, ...] = ()
    """Values of an `enum` or a `const`."""

    is_nullable: bool = False
    default: Any = MISSING
    low: float = float("-inf")
    high: float = float("inf")
    format: str = ""
    description: str = ""
    properties: dict[str, "Shape"] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    items: "Shape | None" = None

    def empty(self) -> Any:
        """A value for who must give one and has none."""
        if self.default is not MISSING:
            return self.default
        if self.is_nullable:
            return None
        if self.choices:
            return self.choices[0]
        match self.kind:
            case "integer" | "number":
                return 0 if self.low <= 0 <= self.high else _whole(max(self.low, -self.high))
            case "boolean":
                return False
            case "array":
                return []
            case "object":
                return {
                    name: shape.empty()
                    for name, shape in self.properties.items()
                    if name in self.required
                }
        return ""


def _whole(number: float) -> int | float:
    return int(number) if number == int(number) else number


def read_schema(schema: Any) -> Shape:
    """The shape of a function's parameters; an empty object if they are none."""
    root = schema if isinstance(schema, dict) else {}
    shape = _Reader(root).read({"type": "object", **root}, 0)
    return shape if shape.kind == "object" else Shape("object")


class _Reader:
    """Reads one schema, and no more of it than is worth it: references may multiply."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._left = MAX_SHAPES

    def read(self, schema: Any, depth: int) -> Shape:
        self._left -= 1
        if not isinstance(schema, dict) or depth > MAX_DEPTH or self._left < 0:
            return Shape()
        merged, is_nullable = self._merged(schema, depth)
        kinds = merged.get("type")
        listed = kinds if isinstance(kinds, list) else [kinds]
        named = [kind for kind in listed if isinstance(kind, str) and kind != "null"]
        choices = _choices(merged)
        return Shape(
            kind=named[0] if named else _implied_kind(merged),
            choices=tuple(choice for choice in choices if choice is not None),
            is_nullable=is_nullable
            or "null" in listed
            or None in choices
            or merged.get("nullable") is True,
            default=merged.get("default", MISSING),
            low=_bound(merged.get("minimum"), float("-inf")),
            high=_bound(merged.get("maximum"), float("inf")),
            format=str(merged.get("format", "")),
            description=str(merged.get("description") or ""),
            properties=self._properties(merged.get("properties"), depth),
            required=_names(merged.get("required")),
            items=self.read(merged["items"], depth + 1) if "items" in merged else None,
        )

    def _properties(self, properties: Any, depth: int) -> dict[str, Shape]:
        if not isinstance(properties, dict):
            return {}
        first = list(properties.items())[:MAX_PROPERTIES]
        return {str(name): self.read(inner, depth + 1) for name, inner in first}

    def _merged(self, schema: dict[str, Any], depth: int) -> tuple[dict[str, Any], bool]:
        """The schema with what it refers to, and with the first of its alternatives.

        And whether null is one of these.
        """
        self._left -= 1
        own = {key: value for key, value in schema.items() if key not in COMBINED}
        is_nullable = False
        inherited: dict[str, Any] = {}
        for part in self._parts(schema):
            if part == {"type": "null"}:
                is_nullable = True
            elif isinstance(part, dict) and depth <= MAX_DEPTH and self._left > 0:
                inner, may_be_null = self._merged(part, depth + 1)
                inherited |= inner
                is_nullable = is_nullable or may_be_null
        return {**inherited, **own}, is_nullable

    def _parts(self, schema: dict[str, Any]) -> list[Any]:
        parts = [_referred(schema.get("$ref"), self._root)]
        whole = schema.get("allOf")
        parts += whole if isinstance(whole, list) else []
        for key in ("anyOf", "oneOf"):
            ways = schema.get(key)
            if isinstance(ways, list):
                null = {"type": "null"}
                parts += [way for way in ways if way != null][:1] + [null] * (null in ways)
        return parts


def _names(required: Any) -> frozenset[str]:
    listed = required if isinstance(required, list) else []
    return frozenset(name for name in listed if isinstance(name, str))


def _referred(reference: Any, root: dict[str, Any]) -> dict[str, Any] | None:
    """What ``#/$defs/Place`` stands for."""
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    found: Any = root
    for key in reference.removeprefix("#/").split("/"):
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _choices(schema: dict[str, Any]) -> list[Any]:
    if "const" in schema:
        return [schema["const"]]
    choices = schema.get("enum")
    return choices if isinstance(choices, list) else []


def _implied_kind(schema: dict[str, Any]) -> str:
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema else "string"


def _bound(value: Any, otherwise: float) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else otherwise
