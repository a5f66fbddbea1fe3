"""One answer as its client knows it, which may be several of the model's.

Behind tools of the server, or a model that was lost, another answer of the model goes on where the
one before ended: the client is shown one, with one name and the items of all.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from tornado_app.policy.api_session import of_conversation
from tornado_app.protocol.realtime.items import item_reference
from tornado_app.session.relaying.forgotten import Forgotten


@dataclass(slots=True, eq=False)
class ShownItem:
    """An item of the answer that has begun and not ended."""

    index: int
    item: dict[str, Any]
    parts: dict[int, str] = field(default_factory=dict)
    """Its parts: "audio" or "text", by their index."""
    ended: set[tuple[str, int]] = field(default_factory=set)
    """What of them the client was told the end of: the kind of event, and the part."""


@dataclass(slots=True, eq=False)
class Answer:
    name: str
    """What the client calls it."""
    created: dict[str, Any]
    """The answer as its ``response.created`` had it."""
    asked: Mapping[str, Any] | None = None
    """What was asked for it alone; None: nobody has asked, or nothing was said."""
    model_name: str = ""
    """What the model calls the one that goes on; empty: none does."""
    items: dict[str, ShownItem] = field(default_factory=dict)
    """Those that are open."""
    indexes: dict[int, int] = field(default_factory=dict)
    """Where the client sees what the model says at this index."""
    ended_items: list[dict[str, Any]] = field(default_factory=list)
    heard_at: float = 0.0
    """When something last came of it."""
    usage: dict[str, Any] | None = None
    count: int = 0
    """How many items the client was shown."""
    rounds: int = 0
    """How many answers of the model went before."""
    has_hidden: bool = False
    """The model says more than the client is shown."""
    calls_client: bool = False
    """The client has a tool to call for it, and goes on by itself."""
    cancelled_by: Mapping[str, Any] | None = None
    """Why nobody wants more of it, as the API says it."""
    own_items: dict[str, None] = field(default_factory=dict)
    """Items that it brought into the conversation, by the names that the model knows, in order."""
    has_results: bool = False
    """A tool that the model called for it has answered."""

    @property
    def is_cancelled(self) -> bool:
        return self.cancelled_by is not None

    @property
    def is_plain(self) -> bool:
        """The client is shown what the model says, as it says it."""
        return not self.has_hidden and not self.rounds

    @property
    def is_beside(self) -> bool:
        """It is none of the conversation."""
        return self.created.get("conversation_id") is None and bool(
            not of_conversation(self.asked or {})
        )

    @property
    def item_names(self) -> tuple[str, ...]:
        """Of all that was said in it; what has no name has that of the answer."""
        ended = (str(item.get("id", "")) for item in self.ended_items)
        return (*self.items, *ended, self.name)

    @property
    def has_whole_call(self) -> bool:
        """A tool of the client has all that it needs."""
        return any(
            item.get("type") == "function_call" and item.get("status") == "completed"
            for item in self.ended_items
        )

    def asked_on(self, choice: Any) -> dict[str, Any]:
        """What holds for it when it goes on; *choice* is the session's ``tool_choice``.

        All that was asked holds on, but behind results no tool has to be called again.
        """
        asked = dict(self.asked or {})
        in_force = asked.get("tool_choice", choice)
        if self.has_results and (in_force == "required" or isinstance(in_force, dict)):
            asked["tool_choice"] = "auto"
        if isinstance(given := asked.get("input"), list):
            # It stands in the conversation's place, where all that came since went.
            asked["input"] = [*given, *map(item_reference, self.own_items)]
        return asked

    def begin_item(self, index: int, item: dict[str, Any]) -> None:
        """An item is shown; one that is told again is the same."""
        name = str(item.get("id", ""))
        if name and (name in self.items or self.has_ended(name)):
            return
        self.indexes[index] = self.count
        self.items[name] = ShownItem(self.count, item)
        self.count += 1
        self.brought(item.get("id"))

    def has_ended(self, name: str) -> bool:
        """An item of this name is over."""
        return any(item.get("id") == name for item in self.ended_items)

    def end_part(self, event: Mapping[str, Any]) -> None:
        """The sound or the words of a part are over, or all of it."""
        shown, index = self.items.get(str(event.get("item_id", ""))), event.get("content_index")
        if shown is not None:
            ended = str(event.get("type", "")), index if isinstance(index, int) else 0
            shown.ended.add(ended)

    def end_item(self, item: dict[str, Any]) -> None:
        name = str(item.get("id", ""))
        self.items.pop(name, None)
        if name and self.has_ended(name):
            return
        self.ended_items.append(item)
        self.brought(item.get("id"))

    def brought(self, name: Any) -> None:
        """An item is in the conversation; one without a name cannot be referred to."""
        if isinstance(name, str) and name:
            self.own_items[name] = None

    def lost(self, names: Iterable[str], forgotten: Forgotten) -> None:
        """Its model is; of what it brought the next is told these."""
        self.own_items = dict.fromkeys(names)
        self._give(forgotten.without)

    def deleted(self, name: str) -> None:
        """There is no such item in the conversation any more: nothing may refer to it."""
        self.own_items.pop(name, None)
        gone = item_reference(name)
        self._give(lambda given: [item for item in given if item != gone])

    def add_usage(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self.usage = usage if self.usage is None else summed(self.usage, usage)

    def _give(self, narrow: Callable[[list[Any]], list[Any]]) -> None:
        """Of the ``input`` that the client gave for it, this."""
        given = (self.asked or {}).get("input")
        if isinstance(given, list):
            self.asked = {**(self.asked or {}), "input": narrow(given)}

    def done(self, status: str, details: Mapping[str, Any] | None) -> str:
        """``response.done``, as the gateway says it."""
        response = self.created | {
            "status": status,
            "status_details": details,
            "output": self.ended_items,
            "usage": self.usage,
        }
        event = {"type": "response.done", "event_id": f"event_{self.name}", "response": response}
        return msgspec.json.encode(event).decode()


def unheard(known: Mapping[str, Any]) -> dict[str, Any]:
    """An answer as it began, where nobody heard that; *known*: what else is said of it."""
    response = {"object": "realtime.response", "metadata": None, **known}
    return response | {
        "status": "in_progress",
        "status_details": None,
        "output": [],
        "usage": None,
    }


def created_text(response: Mapping[str, Any]) -> str:
    """``response.created``, as the gateway says it."""
    event_id = f"event_{response['id']}_begun"
    event = {"type": "response.created", "event_id": event_id, "response": response}
    return msgspec.json.encode(event).decode()


def summed(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Counts of two answers as those of one."""
    both = dict(one)
    for name, value in other.items():
        was = both.get(name)
        if isinstance(was, dict) and isinstance(value, dict):
            both[name] = summed(was, value)
        elif isinstance(was, int | float) and isinstance(value, int | float):
            both[name] = was + value
        else:
            both[name] = value
    return both
