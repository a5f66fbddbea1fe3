"""Items that the client was told of, and not yet that the conversation has all of them."""

from collections.abc import Callable

from msgspec.structs import replace

from tornado_app.protocol.realtime.items import Item

BEGUN_KEPT = 256
"""A model ends each as soon as it has begun it, but for those that it is saying."""


class BegunItems:
    """Whoever tells the end of one takes it from here, so that it is told once.  Thread: loop."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    def begin(self, item: Item) -> None:
        if item.id:
            self._items[item.id] = replace(item, content=())
            if len(self._items) > BEGUN_KEPT:
                del self._items[next(iter(self._items))]

    def end(self, name: str) -> bool:
        """Whether the client is still to be told."""
        return self._items.pop(name, None) is not None

    def take(self, is_lost: Callable[[str], bool]) -> list[Item]:
        """Those of which nobody else will tell the end."""
        return [self._items.pop(name) for name in tuple(self._items) if is_lost(name)]
