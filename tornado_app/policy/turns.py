"""Turn detection: a name, or an object with the API's own fields.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

from collections.abc import Callable, Mapping
from typing import Any

from tornado_app.policy.wrong import Wrong

NAMES = ("server_vad", "semantic_vad", "none")
PART_SHOWN = 64
"""A longer name is nobody's, and is not repeated."""
EAGERNESS = ("low", "medium", "high", "auto")


def check_turn_detection(name: str, value: Any) -> Mapping[str, Any]:
    """The fields as `ModelSession` calls them; those that are left out stay as they were.

    Raises:
        Wrong: With the path of what is wrong.
    """
    if isinstance(value, str):
        value = {"type": value}
    if not isinstance(value, dict):
        raise Wrong(name, f"one of {', '.join(NAMES)}, or an object with such a type")
    kind = value.get("type")
    if kind not in NAMES:
        raise Wrong(name, f"one of {', '.join(NAMES)}")
    changes: dict[str, Any] = {"turn_detection": kind}
    known = PARTS[kind]
    for part, given in value.items():
        if part == "type":
            continue
        if part not in known:
            shown = part if part.isidentifier() and len(part) <= PART_SHOWN else "a field"
            listed = ", ".join(("type", *known))
            raise Wrong(f"{name}.{shown}", f"left out; what {kind} has is {listed}")
        attribute, check, may_be = known[part]
        if not check(given):
            raise Wrong(f"{name}.{part}", may_be)
        changes[attribute] = given
    return changes


def _between(low: float, high: float, kind: Any = int) -> Callable[[Any], bool]:
    def check(value: Any) -> bool:
        is_number = isinstance(value, kind) and not isinstance(value, bool)
        return is_number and low <= value <= high

    return check


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_idle_timeout(value: Any) -> bool:
    return value is None or _between(5000, 30_000)(value)


_Part = tuple[str, Callable[[Any], bool], str]

_BOTH: dict[str, _Part] = {
    "create_response": ("create_response", _is_flag, "true or false"),
    "interrupt_response": ("interrupt_response", _is_flag, "true or false"),
}
PARTS: Mapping[str, Mapping[str, _Part]] = {
    "server_vad": {
        "threshold": ("vad_threshold", _between(0, 1, int | float), "a number from 0 to 1"),
        "prefix_padding_ms": (
            "vad_prefix_padding_ms",
            _between(0, 10_000),
            "an integer from 0 to 10000",
        ),
        "silence_duration_ms": (
            "vad_silence_ms",
            _between(50, 10_000),
            "an integer from 50 to 10000",
        ),
        "idle_timeout_ms": (
            "vad_idle_timeout_ms",
            _is_idle_timeout,
            "an integer from 5000 to 30000, or null",
        ),
        **_BOTH,
    },
    "semantic_vad": {
        "eagerness": ("vad_eagerness", EAGERNESS.__contains__, f"one of {', '.join(EAGERNESS)}"),
        **_BOTH,
    },
    "none": {},
}
