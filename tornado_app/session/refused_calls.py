"""Which calls of the model's are not performed, and what it reads instead of a result."""

from collections.abc import Collection

from tornado_app.admission.budget import ENTRY_BYTES, Budget, text_bytes
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.session.client_tools import ClientTools
from tornado_app.session.config import ToolRules
from tornado_app.session.events import ToolOutcome


class RefusedCalls:
    """Thread: loop."""

    def __init__(self, rules: ToolRules, client: ClientTools, budget: Budget) -> None:
        self._rules = rules
        self._client = client
        self._budget = budget

    def why(
        self,
        item: OutputItem,
        functions: Collection[str],
        *,
        running: int,
        is_heard: bool,
        has_enough: bool,
    ) -> tuple[ToolOutcome, str] | None:
        """A word for the log and a sentence for the model; None: it is performed.

        *functions* are what the server's are called; so many calls are *running*.  *is_heard*: the
        answer was not interrupted; *has_enough*: the model has called too often in a row.
        """
        if not is_heard:
            return "interrupted", "The user interrupted before the tool was called."
        is_clients = item.name not in functions and item.name in self._client.functions
        if item.name not in functions and not is_clients:
            names = ", ".join((*functions, *self._client.functions)) or "none"
            return "unknown", f"There is no tool of this name. There are: {names}."
        if has_enough:
            return "too_many", "Too many calls in a row. Answer with what is known."
        if text_bytes(item.arguments) > self._rules.arguments_bytes:
            most = self._rules.arguments_bytes
            return "too_large", f"The arguments are too large; {most} bytes are allowed."
        if running >= self._rules.at_once:
            most = self._rules.at_once
            return "too_many", f"Too many calls at once; {most} are allowed. Call it again later."
        if not self._budget.has_room(call_bytes(item)):
            return "busy", "There is no room for this call now. Call it again later."
        fault = self._client.fault(item) if is_clients else None
        return None if fault is None else ("invalid_arguments", fault)


def call_bytes(item: OutputItem) -> int:
    """What a call takes while it is open."""
    return ENTRY_BYTES + text_bytes(item.arguments)
