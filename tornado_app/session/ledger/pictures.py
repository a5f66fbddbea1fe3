"""The pictures of a conversation, beside the ledger, which only says that there was one."""

from collections.abc import Mapping
from typing import Any

from tornado_app.admission.budget import ENTRY_BYTES


class PicturesKept:
    """The items that they came in, by name; the oldest are the first to go.  Thread: loop."""

    def __init__(self) -> None:
        self._items: dict[str, Mapping[str, Any]] = {}
        self.kept_bytes = 0

    def keep(self, name: str, item: Mapping[str, Any]) -> None:
        self._items[name] = item
        self.kept_bytes += _size_bytes(item)

    def find(self, name: str) -> Mapping[str, Any] | None:
        return self._items.get(name)

    def trim(self, most_bytes: int) -> None:
        """Keep no more than so much."""
        while self._items and self.kept_bytes > most_bytes:
            self.kept_bytes -= _size_bytes(self._items.pop(next(iter(self._items))))


def _size_bytes(item: Mapping[str, Any]) -> int:
    return ENTRY_BYTES + sum(len(part.get("image_url", "")) for part in item["content"])
