"""Tools that the client performs: what it is told of a call, and what it says of it."""

import json
from typing import Any, Literal

import msgspec

from tornado_app.policy.schemas import fault_of
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.functions import Function, OutputItem, error_output
from tornado_app.protocol.told import ToolCall, ToolCallCancelled
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.model_side import ModelSide

NAME_IN_LOG = "of_client"
"""What such a tool is called may be sealed in the token."""

Reason = Literal["interrupted", "timeout", "ended"]


class ClientTools:
    """Tells the client; which calls are open is kept in `Tools`.  Thread: loop."""

    def __init__(self, config: SessionConfig, model: ModelSide, actions: Actions) -> None:
        self._config = config
        self._model = model
        self._actions = actions

    @property
    def functions(self) -> dict[str, Function]:
        return {function.name: function for function in self._model.client_functions}

    def fault(self, item: OutputItem) -> str | None:
        """Why the client cannot be asked for this, in a sentence for the model."""
        arguments = _decoded(item.arguments)
        if not isinstance(arguments, dict):
            return "The arguments must be a JSON object."
        return fault_of(self.functions[item.name].parameters, arguments)

    def call(self, response_id: str, item: OutputItem, due_at: float) -> None:
        """Tell the client of a call that has no `fault`."""
        arguments = _decoded(item.arguments) or {}
        deadline = self._config.unix_ms(due_at)
        self._actions.say(
            ToolCall(item.call_id, item.name, arguments, item.id, response_id, deadline)
        )

    def cancel(self, call_id: str, reason: Reason) -> None:
        self._actions.say(ToolCallCancelled(call_id, reason))


def output_of(result: asked.ToolResult) -> str:
    """What the model reads."""
    if not result.is_error:
        return result.output
    try:
        # Not the library's own reader, which takes NaN, and half of a character.
        why = msgspec.json.decode(result.output)
        return json.dumps({"error": why}, ensure_ascii=False)
    except (msgspec.DecodeError, RecursionError):
        return error_output(result.output)


def _decoded(text: str) -> Any:
    """*text* as JSON that can be said again, else None; nothing at all is an empty object, which
    models write for no arguments.
    """
    try:
        arguments = msgspec.json.decode(text or "{}")
        msgspec.json.encode(arguments)  # a number of more than 64 bits could not be
    except (msgspec.DecodeError, RecursionError, OverflowError, ValueError):
        return None
    return arguments
