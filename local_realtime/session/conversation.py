"""The items of a session, in order."""

from dataclasses import replace

from local_realtime.errors import Refused, invalid
from local_realtime.session.items import Item, Part

MAX_BYTES = 96 * 1024 * 1024
"""Two buffers of the greatest length; beyond it the oldest items are forgotten."""

MAX_ITEMS = 2000
ROOT = "root"


class Conversation:
    def __init__(self) -> None:
        self._items: list[Item] = []
        self._bytes = 0

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(self._items)

    @property
    def last_id(self) -> str | None:
        return self._items[-1].id if self._items else None

    def find(self, item_id: str) -> Item | None:
        return next((item for item in reversed(self._items) if item.id == item_id), None)

    def get(self, item_id: str, path: str) -> Item:
        """The item, or `Refused` naming *path*."""
        item = self.find(item_id)
        if item is None:
            raise invalid(path, f"item with id '{item_id[:64]}' not found")
        return item

    def retrieve(self, item_id: str) -> Item:
        """The item, or `Refused`."""
        item = self.find(item_id)
        if item is None:
            message = f"Error retrieving item: {_no_item(item_id)}"
            raise Refused("item_retrieve_invalid_item_id", message)
        return item

    def has_call(self, call_id: str) -> bool:
        """Whether a function was called by this id."""
        return any(
            item.wire["type"] == "function_call" and item.wire["call_id"] == call_id
            for item in self._items
        )

    def predecessor(self, item_id: str) -> str | None:
        index = next((i for i, item in enumerate(self._items) if item.id == item_id), 0)
        return self._items[index - 1].id if index else None

    def add(
        self, item: Item, previous_item_id: str | None = None, *, takes_ids_again: bool = False
    ) -> None:
        """Append *item*, or put it after the given one; ``root`` is the front.

        With *takes_ids_again* an item that has its id gives way, unless that is still being said.

        Raises:
            Refused: If the id is taken, or the predecessor unknown; nothing is added then.
        """
        same = self.find(item.id)
        if same and (not takes_ids_again or same.status == "in_progress"):
            message = f"Error creating item: an item with id '{item.id}' already exists."
            raise Refused("item_create_duplicate_item_id", message)
        index = self._index_after(previous_item_id)
        if same:
            index -= self._items.index(same) < index
            self.delete(same.id)
        self._items.insert(index, item)
        self._bytes += item.size_bytes
        self._forget_oldest(item)

    def _index_after(self, previous_item_id: str | None) -> int:
        if previous_item_id is None:
            return len(self._items)
        if previous_item_id == ROOT:
            return 0
        return self._items.index(self.get(previous_item_id, "previous_item_id")) + 1

    def _forget_oldest(self, newest: Item) -> None:
        while (self._bytes > MAX_BYTES or len(self._items) > MAX_ITEMS) and len(self._items) > 1:
            oldest = self._items[0] if self._items[0] is not newest else self._items[1]
            self.delete(oldest.id)

    def replace(self, item: Item) -> None:
        """Put *item* where the one of its id stands; if that was deleted meanwhile, nowhere."""
        old = self.find(item.id)
        if old:
            self._items[self._items.index(old)] = item
            self._bytes += item.size_bytes - old.size_bytes
            self._forget_oldest(item)

    def delete(self, item_id: str) -> None:
        item = self.find(item_id)
        if item is None:
            message = f"Error deleting item: {_no_item(item_id)}"
            raise Refused("item_delete_invalid_item_id", message)
        self._items.remove(item)
        self._bytes -= item.size_bytes

    def note_transcript(self, item_id: str, transcript: str) -> None:
        """Keep with a user's speech what was read from it, for those who retrieve the item."""
        item = self.find(item_id)
        if item:
            part = item.parts[0]
            noted = replace(part, wire={**part.wire, "transcript": transcript})
            self.replace(item.with_part(0, noted))

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Drop the audio of an answer after a position, and its whole transcript.

        Raises:
            Refused: If there is no such audio, or it is shorter than that.
        """
        item = self.find(item_id)
        if item is None:
            message = f"Item with item_id not found: {item_id[:64]}"
            raise Refused("item_truncate_invalid_item_id", message, "item_id")
        if content_index >= len(item.parts):
            raise invalid("content_index", "the item has no such content")
        sound = item.parts[content_index].sound
        if sound is None or item.wire["role"] != "assistant":
            raise invalid("item_id", "only the audio of an assistant message can be truncated")
        require_within(audio_end_ms, sound.duration_ms)
        wire = {**item.parts[content_index].wire, "transcript": ""}
        self.replace(item.with_part(content_index, Part(wire, sound.until_ms(audio_end_ms))))


def _no_item(item_id: str) -> str:
    return f"the item with id '{item_id[:64]}' does not exist."


def require_within(audio_end_ms: int, duration_ms: int) -> None:
    if audio_end_ms > duration_ms:
        message = f"Audio content of {duration_ms}ms is already shorter than {audio_end_ms}ms"
        raise Refused("invalid_value", message, "audio_end_ms")
