"""Items that the client knows and the model that goes on with the call was never told of.

An answer whose model is lost before any of it was heard is nothing to the next one, and still an
item to the client: it may be cut, deleted, looked at, and others may stand behind it.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import msgspec

from tornado_app.protocol.realtime.items import assistant_text

FORGOTTEN_KEPT = 256


class Forgotten:
    """Thread: loop."""

    def __init__(self) -> None:
        self._before: dict[str, str | None] = {}
        """By their names, what stands before them that the model has; None: nothing."""

    def __contains__(self, name: str) -> bool:
        return name in self._before

    def without(self, items: Iterable[Any]) -> list[Any]:
        """Of an ``input``, what does not refer to one of them."""
        return [item for item in items if not self.is_meant(item)]

    def is_meant(self, item: Any) -> bool:
        """Whether an item of an ``input`` refers to one of them."""
        is_reference = isinstance(item, dict) and item.get("type") == "item_reference"
        name = item.get("id") if is_reference else None
        return isinstance(name, str) and name in self

    def note(self, known: Iterable[str], told: Collection[str]) -> None:
        """The client knows these, in order; the next model is *told* of some."""
        before: str | None = None
        for name in known:
            if name in told:
                before = name
            else:
                self.gone(name, before)

    def gone(self, name: str, before: str | None) -> None:
        """The client knows it, and the model has it no more; *before*: as of `deleted`."""
        self._move_behind(name, before)
        self._before[name] = before
        while len(self._before) > FORGOTTEN_KEPT:
            del self._before[next(iter(self._before))]

    def deleted(self, name: str, before: str | None) -> None:
        """There is no such item any more; *before*: what stood before it at the model."""
        self._move_behind(name, before)
        self._before.pop(name, None)

    def before(self, name: str) -> str | None:
        """Behind what the model has to put what the client wants behind this; None: in front."""
        return self._before[name]

    def behind(self, before: str | None) -> str | None:
        """Behind what the client sees what the model puts behind *before*."""
        stand = (name for name in reversed(self._before) if self._before[name] == before)
        return next(stand, before)

    def answer(self, kind: str, name: str, fields: Mapping[str, Any]) -> str:
        """What the client is told that asks for this to be done with one of them."""
        event: dict[str, Any] = {"event_id": f"event_{name}_known"}
        match kind:
            case "conversation.item.truncate":
                cut = {each: fields.get(each) for each in ("content_index", "audio_end_ms")}
                event |= {"type": f"{kind}d", "item_id": name, **cut}
            case "conversation.item.delete":
                self.deleted(name, self._before[name])
                event |= {"type": f"{kind}d", "item_id": name}
            case _:
                item = {"id": name, **assistant_text(""), "status": "incomplete"}
                event |= {"type": f"{kind}d", "item": item}
        return msgspec.json.encode(event).decode()

    def _move_behind(self, name: str, before: str | None) -> None:
        for each, stood in self._before.items():
            if stood == name:
                self._before[each] = before
