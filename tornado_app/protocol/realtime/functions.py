"""Functions that the model may call: how they are told of, what it calls, what it is answered.

https://platform.openai.com/docs/guides/realtime-conversations#function-calling
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Manners:
    """What the caller notices of a tool of the server while it runs."""

    filler: str | None = None
    """What the model is to say when it takes long.  Empty: nothing; None: as of all tools."""
    filler_after_ms: float | None = None
    """None: as of all tools."""
    shown: bool | frozenset[str] = False
    """Whether the client is told that it runs; or only one whose token has one of these scopes."""

    def is_shown_to(self, scopes: frozenset[str]) -> bool:
        if isinstance(self.shown, bool):
            return self.shown
        return not self.shown.isdisjoint(scopes)


NO_MANNERS = Manners()


@dataclass(frozen=True, slots=True)
class Function:
    """What the model is told of one; who performs it is nothing of its business."""

    name: str
    description: str = field(repr=False)
    parameters: Mapping[str, Any] = field(repr=False)
    """A JSON Schema of an object."""
    timeout_s: float = 0.0
    """How long it may take; the model is not told.  0: as the settings say for clients."""
    manners: Manners = field(default=NO_MANNERS, repr=False)
    """The model is not told of these either."""


@dataclass(frozen=True, slots=True)
class HandedServer:
    """A server of tools (MCP) that the model itself asks and calls; nobody here sees what it does.

    https://platform.openai.com/docs/guides/realtime-mcp
    """

    label: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    allowed: tuple[str, ...]
    """Its tools that may be called."""
    scopes: frozenset[str] = frozenset()
    """Which calls have it; the model is not told."""


class OutputItem(Struct, frozen=True):
    """An item of an answer that is complete, as far as it is a call of a function."""

    AS_TEXT: ClassVar = ("arguments",)
    """There are servers that give the object itself: to take it for none would have a tool do
    something else than what it was called for.
    """

    type: str = ""
    status: str | None = None
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    id: str = ""

    @property
    def is_call(self) -> bool:
        """Whether all of a call is there, and can be answered."""
        is_whole = self.status in {None, "completed"}
        return self.type == "function_call" and is_whole and bool(self.call_id)

    @property
    def is_models_own(self) -> bool:
        """Whether the model has called a tool of a `HandedServer`, and knows its result."""
        return self.type == "mcp_call"


def tool_entry(tool: Function | HandedServer) -> dict[str, Any]:
    """An entry of ``tools`` in a ``session.update``."""
    return _function(tool) if isinstance(tool, Function) else _server(tool)


def _server(server: HandedServer) -> dict[str, Any]:
    entry = {
        "type": "mcp",
        "server_label": server.label,
        "server_url": server.url,
        "allowed_tools": list(server.allowed),
        # The operator has approved of them in writing, and a caller is not to be asked.
        "require_approval": "never",
    }
    return entry | ({"headers": dict(server.headers)} if server.headers else {})


def _function(function: Function) -> dict[str, Any]:
    return {
        "type": "function",
        "name": function.name,
        "description": function.description,
        "parameters": dict(function.parameters),
    }


def function_call(call_id: str, name: str, arguments: str) -> dict[str, Any]:
    """The item of a call, for a model that has not made it itself."""
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def function_output(call_id: str, output: str) -> dict[str, Any]:
    """The item that answers a call."""
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def spoken_while_waiting(sentence: str) -> dict[str, Any]:
    """What holds for an answer that is *sentence* and nothing else.

    It is one of the conversation, so that it can be cut when the user interrupts.
    """
    words = f"Say exactly this: {sentence}\nSay nothing else."
    return {"instructions": words, "tool_choice": "none"}


def gone_on_with(instructions: str) -> dict[str, Any]:
    """What holds for the rest of an answer whose beginning stands in the conversation.

    *instructions* are those of the session, which it would replace.
    """
    words = (
        "Your last answer broke off because of a technical fault. The user has heard it as far as "
        "it stands in the conversation. Go on from its last word, and say nothing of it again."
    )
    return {"instructions": f"{instructions}\n{words}".strip()}


def error_output(sentence: str) -> str:
    """An output that says why there is none."""
    return json.dumps({"error": sentence}, ensure_ascii=False)
