"""What a response puts into the conversation: an item that opens, grows and closes."""

from dataclasses import dataclass
from typing import Any

from local_realtime.ids import new_call_id, new_id
from local_realtime.session.conversation import Conversation
from local_realtime.session.items import Item
from local_realtime.session.outbox import Outbox
from local_realtime.session.responder import FunctionCall
from local_realtime.session.response_plan import Plan

TEXT_STEP_LETTERS = 8
TEXT_STEP_MS = 50
"""Text comes at 160 letters a second, times the pace."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where a response appears; out of band it has no conversation."""

    response_id: str
    plan: Plan
    conversation: Conversation | None
    outbox: Outbox


class OutputItem:
    """One of a response's items.  The order of events is that of the API."""

    def __init__(self, stage: Stage, index: int) -> None:
        self.id = new_id("item")
        self.status = "in_progress"
        self._stage = stage
        self._index = index

    @property
    def _output_at(self) -> dict[str, Any]:
        return {"response_id": self._stage.response_id, "output_index": self._index}

    def item(self) -> Item:
        """The item as it is now."""
        raise NotImplementedError

    def emit(self, kind: str, **fields: Any) -> None:
        self._stage.outbox.emit(kind, **fields)

    def _enter(self) -> None:
        conversation, item = self._stage.conversation, self.item()
        self.emit("response.output_item.added", **self._output_at, item=item.to_wire())
        if conversation:
            previous_item_id = conversation.last_id
            conversation.add(item)
            self.emit(
                "conversation.item.added",
                previous_item_id=previous_item_id,
                item=item.to_wire(),
            )

    def _leave(self) -> None:
        conversation, item = self._stage.conversation, self.item()
        if conversation:
            conversation.replace(item)
            self.emit(
                "conversation.item.done",
                previous_item_id=conversation.predecessor(self.id),
                item=item.to_wire(),
            )
        self.emit("response.output_item.done", **self._output_at, item=item.to_wire())


class OutputCall(OutputItem):
    """A call of one of the client's functions; of its arguments no more is sent than may be."""

    def __init__(self, stage: Stage, index: int, call: FunctionCall, max_letters: int) -> None:
        super().__init__(stage, index)
        self._call = call
        self._call_id = new_call_id()
        self._sendable = call.arguments[:max_letters]
        self._letters_sent = 0
        self._enter()

    @property
    def said(self) -> str:
        return self._sendable[: self._letters_sent]

    @property
    def has_more(self) -> bool:
        return self._letters_sent < len(self._sendable)

    @property
    def _call_at(self) -> dict[str, Any]:
        return {**self._output_at, "item_id": self.id, "call_id": self._call_id}

    def step(self) -> int:
        """Send the next piece; how many milliseconds it takes."""
        stop = self._letters_sent + TEXT_STEP_LETTERS
        delta = self._sendable[self._letters_sent : stop]
        kind = "response.function_call_arguments.delta"
        self._stage.outbox.emit_text_delta(kind, delta, **self._call_at)
        self._letters_sent += len(delta)
        return TEXT_STEP_MS

    def close(self, status: str) -> None:
        self.status = status
        # Whoever acts on `arguments.done` must not act on half of them.
        if self.said == self._call.arguments:
            self.emit(
                "response.function_call_arguments.done",
                **self._call_at,
                name=self._call.name,
                arguments=self.said,
            )
        self._leave()

    def item(self) -> Item:
        wire = {
            "type": "function_call",
            "name": self._call.name,
            "call_id": self._call_id,
            "arguments": self.said,
        }
        return Item(self.id, wire, self.status)
