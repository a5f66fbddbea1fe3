"""Tools of the client, as a token or the client names them.

The shape is the API's own.
https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
"""

import re
from collections.abc import Collection
from typing import Any, cast

import msgspec

from tornado_app.policy.schemas import BadSchema, check_schema
from tornado_app.policy.wrong import Wrong
from tornado_app.protocol.realtime.functions import Function
from tornado_app.protocol.realtime.model_session import ModelSession, OneFunction, ToolChoice

TOOLS_MAX = 32
TOOLS_BYTES = 65_536
ALL_TOOLS_MAX = 128
"""The API takes no more of them in a session, those of the server included."""
DESCRIPTION_CHARACTERS = 4096
CHOICES = ("auto", "none", "required")
CHOICE_MAY_BE = f"one of {', '.join(CHOICES)}, or an object of type function and name"

TOOLS_MAY_BE = f"a list of at most {TOOLS_MAX} objects of name, description and parameters"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_NO_PARAMETERS = {"type": "object", "properties": {}}


def check_tools(name: str, value: Any) -> tuple[Function, ...]:
    """Raises `Wrong`, with the path of what is wrong."""
    if not isinstance(value, list | tuple) or len(value) > TOOLS_MAX:
        raise Wrong(name, TOOLS_MAY_BE)
    if _is_immense(value):
        raise Wrong(name, f"at most {TOOLS_BYTES} bytes in all")
    functions = tuple(_function(f"{name}[{number}]", tool) for number, tool in enumerate(value))
    if len({function.name for function in functions}) < len(functions):
        raise Wrong(name, "a list in which no name stands twice")
    if size_bytes(functions) > TOOLS_BYTES:
        raise Wrong(name, f"at most {TOOLS_BYTES} bytes in all")
    return functions


def check_names(name: str, functions: Collection[Function]) -> None:
    """Whether functions are called as the API wants it, and are not too much.

    Raises:
        Wrong: If not.
    """
    for number, function in enumerate(functions):
        if not _NAME.fullmatch(function.name):
            raise Wrong(f"{name}[{number}].name", "1 to 64 letters, digits, _ and -")
    if len({function.name for function in functions}) < len(functions):
        raise Wrong(name, "a list in which no name stands twice")
    if len(functions) > ALL_TOOLS_MAX:
        raise Wrong(name, f"a list of at most {ALL_TOOLS_MAX}")
    if size_bytes(functions) > TOOLS_BYTES:
        raise Wrong(name, f"at most {TOOLS_BYTES} bytes in all")


def check_beside(name: str, functions: Collection[Function], taken: Collection[str]) -> None:
    """Whether there may be these *functions* beside tools of the server called *taken*.

    Raises:
        Wrong: If a name is one of those, or if there are too many together.
    """
    for number, function in enumerate(functions):
        if function.name in taken:
            raise Wrong(f"{name}[{number}].name", "another one, as the server has such a tool")
    if functions and len(functions) + len(taken) > ALL_TOOLS_MAX:
        raise Wrong(name, f"at most {max(0, ALL_TOOLS_MAX - len(taken))} tools")


def check_tool_choice(name: str, value: Any) -> ToolChoice:
    """Raises `Wrong`; whether there is such a function is for `check_chosen`."""
    if isinstance(value, str) and value in CHOICES:
        return cast(ToolChoice, value)
    called = value.get("name") if isinstance(value, dict) else None
    if not isinstance(called, str) or not _NAME.fullmatch(called):
        raise Wrong(name, CHOICE_MAY_BE)
    if value != {"type": "function", "name": called}:
        raise Wrong(name, CHOICE_MAY_BE)
    return OneFunction(called)


def check_chosen(name: str, wanted: ModelSession, others: Collection[str]) -> None:
    """Whether the one function that the model is to call, if it is one, is there to be called.

    *others* may be chosen beside the client's own, which alone are named.

    Raises:
        Wrong: If it is not.
    """
    choice, names = wanted.tool_choice, [function.name for function in wanted.tools]
    if isinstance(choice, OneFunction) and choice.name not in {*names, *others}:
        may_be = f"one of {', '.join(CHOICES)}"
        raise Wrong(name, f"{may_be}, or a function of {', '.join(names)}" if names else may_be)


def size_bytes(functions: Collection[Function]) -> int:
    """What the model is told of them, in bytes."""
    return sum(
        len(function.name)
        + len(function.description.encode())
        + len(msgspec.json.encode(function.parameters))
        for function in functions
    )


def _is_immense(value: Any) -> bool:
    """Whether it is too much to be looked at, which takes a microsecond for each few bytes."""
    try:
        return len(msgspec.json.encode(value)) > 2 * TOOLS_BYTES
    except (ValueError, OverflowError, RecursionError):
        return False  # which one it is is said below


def _function(name: str, value: Any) -> Function:
    known = {"type", "name", "description", "parameters"}
    if not isinstance(value, dict) or not {"name"} <= set(value) <= known:
        raise Wrong(name, "an object of name, description and parameters")
    if value.get("type", "function") != "function":
        raise Wrong(f"{name}.type", "function")
    called, description = value["name"], value.get("description", "")
    if not isinstance(called, str) or not _NAME.fullmatch(called):
        raise Wrong(f"{name}.name", "1 to 64 letters, digits, _ and -")
    if not _is_description(description):
        may_be = f"a text of at most {DESCRIPTION_CHARACTERS} characters"
        raise Wrong(f"{name}.description", may_be)
    parameters = value.get("parameters", _NO_PARAMETERS)
    try:
        check_schema(parameters)
        msgspec.json.encode(parameters)
    except BadSchema as bad:
        raise Wrong(f"{name}.parameters", str(bad)) from None
    except (ValueError, OverflowError, RecursionError):
        # Halves of surrogate pairs, numbers of more than 64 bits: nothing that could be sent on.
        raise Wrong(f"{name}.parameters", "a JSON Schema of texts and numbers") from None
    return Function(called, description, parameters)


def _is_description(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > DESCRIPTION_CHARACTERS:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)
