"""What a client does to the items of the conversation."""

from typing import Any

from local_realtime.errors import Refused
from local_realtime.session.conversation import Conversation
from local_realtime.session.items import Item, parse_item
from local_realtime.session.outbox import Outbox
from local_realtime.session.responses import Responses


def add_item(
    item: Item,
    conversation: Conversation,
    outbox: Outbox,
    previous_item_id: str | None = None,
    *,
    takes_ids_again: bool = False,
) -> None:
    """Put a finished item into the conversation, and say so.

    Raises:
        Refused: If it cannot stand there; nothing is said then.
    """
    conversation.add(item, previous_item_id, takes_ids_again=takes_ids_again)
    shown = {"previous_item_id": conversation.predecessor(item.id), "item": item.to_wire()}
    outbox.emit("conversation.item.added", **shown)
    outbox.emit("conversation.item.done", **shown)


class ItemRequests:
    """Each takes a checked event; `Refused` changes nothing."""

    def __init__(
        self,
        conversation: Conversation,
        responses: Responses,
        outbox: Outbox,
        *,
        takes_ids_again: bool,
    ) -> None:
        self._takes_ids_again = takes_ids_again
        self._conversation = conversation
        self._responses = responses
        self._outbox = outbox

    def create(self, event: dict[str, Any], input_format: dict[str, Any]) -> None:
        item = parse_item(event["item"], "item", input_format)
        if item.wire["type"] == "function_call_output":
            self._require_call(item.wire["call_id"])
        add_item(
            item,
            self._conversation,
            self._outbox,
            # An empty one is as good as none.
            event["previous_item_id"] or None,
            takes_ids_again=self._takes_ids_again,
        )

    def _require_call(self, call_id: str) -> None:
        if not self._conversation.has_call(call_id):
            message = f"Tool call ID '{call_id[:64]}' not found in conversation."
            raise Refused("invalid_tool_call_id", message, "item.call_id")

    def retrieve(self, event: dict[str, Any], audio: dict[str, Any]) -> None:
        """Show an item with its sound, in the format of the side of *audio* it is from."""
        item = self._conversation.retrieve(event["item_id"])
        side = audio["input"] if item.wire.get("role") == "user" else audio.get("output", {})
        shown = item.to_wire(side.get("format"))
        self._outbox.emit("conversation.item.retrieved", item=shown)

    def truncate(self, event: dict[str, Any]) -> None:
        """Forget what of an answer the user has not heard, be it still in progress or over."""
        where = {key: event[key] for key in ("item_id", "content_index", "audio_end_ms")}
        main = self._responses.main
        message = main.message(where["item_id"]) if main else None
        if message:
            message.truncate(where["content_index"], where["audio_end_ms"])
        else:
            self._conversation.truncate(**where)
        self._outbox.emit("conversation.item.truncated", **where)

    def delete(self, event: dict[str, Any]) -> None:
        self._conversation.delete(event["item_id"])
        self._outbox.emit("conversation.item.deleted", item_id=event["item_id"])
