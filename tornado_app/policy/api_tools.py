"""Tools that a client of the Realtime API names, and which of them the model may or must call.

https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

from collections.abc import Collection, Mapping
from types import NoneType
from typing import Any, Final

from tornado_app.errors import Refused
from tornado_app.policy.api_words import CLEARED, LEFT_OUT, Standing, word_of
from tornado_app.policy.shapes import ANY, TEXT, TEXT_OR_NULL, Of, Shape, check_shape
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol.realtime.api_errors import need, refusal
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import choice_field

_FUNCTION: Final[Shape] = {
    "type": ANY,
    "name": TEXT,
    "description": TEXT_OR_NULL,
    "parameters": Of("an object", (dict, NoneType)),
}


def tools(path: str, value: Any, standing: Standing) -> Any:
    """Those of the server stay, beside any of the client's."""
    if not standing.lets("tools"):
        return LEFT_OUT
    return [*standing.server_tools, *own_tools(path, value, standing)]


def own_tools(path: str, value: Any, standing: Standing) -> list[dict[str, Any]]:
    """The client's entries.

    Raises:
        ApiRefusal: If one is no function, or is called as one of the server.
    """
    if value in CLEARED:
        return []
    need(path, value, "an array", list)
    entries: list[dict[str, Any]] = value
    for number, entry in enumerate(entries):
        _check_entry(f"{path}[{number}]", entry)
    functions = tuple(_function(entry) for entry in entries)
    try:
        standing.rules.check_functions("configure", functions)
    except Wrong as wrong:
        where = f"{path}{wrong.name.removeprefix('tools')}"
        raise refusal("invalid_value", str(wrong), where) from None
    except Refused as refused:
        raise refusal("invalid_value", refused.sentence, path) from None
    return entries


def _check_entry(where: str, entry: Any) -> None:
    need(where, entry, "an object", dict)
    if word_of(where, entry, "type") != "function":
        message = f"{where}.type must be function: no other tool may be named."
        raise refusal("invalid_value", message, f"{where}.type")
    check_shape(where, entry, _FUNCTION)


def tool_choice(path: str, value: Any, standing: Standing) -> Any:
    if not standing.lets("tool_choice"):
        return LEFT_OUT
    if value in CLEARED:
        return choice_field(standing.begun)
    need(path, value, "a string or an object", str, dict)
    if isinstance(value, dict) and word_of(path, value, "type") == "function":
        word_of(path, value, "name")
    standing.check(path, "tool_choice", value)
    return value


def choose_among(
    path: str,
    body: dict[str, Any],
    asked: Mapping[str, Any],
    own: Collection[Mapping[str, Any]],
    standing: Standing,
) -> None:
    """Leave a chosen function out of *body* whose tool was left out of what is *asked*.

    Raises:
        ApiRefusal: If it is none of the client's *own* entries either; of the server's nothing is
            said, but that a client may set back what the call began with.
    """
    choice = body.get("tool_choice")
    if not isinstance(choice, dict) or _has(own, choice.get("name")):
        return
    if asked["tool_choice"] in CLEARED and _has(standing.server_tools, choice.get("name")):
        return
    if "tools" in body or not _has(asked.get("tools"), choice.get("name")):
        message = f"Invalid value for '{path}': there is no such function."
        raise refusal("invalid_value", message, f"{path}.name")
    del body["tool_choice"]


def _has(entries: Any, name: Any) -> bool:
    """Whether there is a tool of this name; what was left out may be anything."""
    listed = entries if isinstance(entries, list | tuple) else ()
    return any(isinstance(entry, dict) and entry.get("name") == name for entry in listed)


def _function(entry: Mapping[str, Any]) -> Function:
    return Function(entry["name"], entry.get("description") or "", entry.get("parameters") or {})
