"""What the client has asked of the model, and the model has not answered.

A model that is lost takes these along: the next one is asked again, and the client notices nothing.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from tornado_app.admission.budget import Budget
from tornado_app.policy.api_session import of_conversation
from tornado_app.protocol.realtime.orders import AnyOrder, Relayed
from tornado_app.session.kept import order_bytes

OURS = "parley_"
"""Names of orders begin so that the client has given none, or one of ours."""
UPDATE = "session.update"
KEPT = 256
"""A model answers each of these at once; one that answers none of so many is not asked again."""


@dataclass(frozen=True, slots=True)
class Asked:
    kind: str
    name: str
    """What the model calls it in an error."""
    ref: str | None
    """What the client calls it."""
    order: AnyOrder
    item_id: str = ""
    """The item that it is about, if the client has named one."""
    is_kept_elsewhere: bool = False
    """It goes to the next model by another way."""
    since: float = 0.0
    """When it was sent, or kept to be."""

    @property
    def fields(self) -> dict[str, Any]:
        """As it was sent."""
        text = self.order.text if isinstance(self.order, Relayed) else b"{}"
        fields: dict[str, Any] = msgspec.json.decode(text)
        return fields

    @property
    def wanted(self) -> dict[str, Any]:
        """What was said of the answer that is asked for."""
        return self.fields.get("response") or {}

    @property
    def metadata(self) -> Any:
        return self.wanted.get("metadata")

    def may_be(self, response: Mapping[str, Any]) -> bool:
        """Whether an answer may be what is asked for: one beside the conversation is in none."""
        return response.get("conversation_id") is None or of_conversation(self.wanted)


class Outstanding:
    """In the order in which it was asked.  Thread: loop."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._asked: deque[Asked] = deque()
        self._named = 0

    def __len__(self) -> int:
        return len(self._asked)

    def has(self, kind: str) -> bool:
        return any(asked.kind == kind for asked in self._asked)

    def name_for(self, ref: str | None) -> str:
        """What to call an order that the client calls *ref*, as it may call several."""
        if ref and not ref.startswith(OURS) and all(asked.name != ref for asked in self._asked):
            return ref
        self._named += 1
        return f"{OURS}relayed_{self._named}"

    def note(self, asked: Asked) -> None:
        """Keep it; of what is too much the oldest is not asked again, of updates last: what is in
        force goes by the model's word on them.
        """
        while self._asked and (len(self._asked) >= KEPT or not self._has_room(asked)):
            others = (each for each in self._asked if each.kind != UPDATE)
            self._remove(next(others, self._asked[0]))
        if self._has_room(asked):
            self._asked.append(asked)
            self._budget.take(order_bytes(asked.order))

    def answered(self, kind: str, item_id: str = "") -> Asked | None:
        """The model has done the oldest of this *kind*; of several items, that of this one."""
        for asked in self._asked:
            if asked.kind == kind and asked.item_id in {"", item_id}:
                return self._remove(asked)
        return None

    def answer_to(self, response: Mapping[str, Any], *, is_owed: bool) -> Mapping[str, Any] | None:
        """What was asked for an answer that begins; None: nobody has asked, or nothing was said.

        With *is_owed* the model is to answer a turn unasked, and this may be that answer.
        """
        said = response.get("metadata")
        likely = [a for a in self._asked if a.kind == "response.create" and a.may_be(response)]
        for asked in likely:
            if said and said == asked.metadata:
                return self._remove(asked).wanted
        for asked in likely:
            if said or not (is_owed and asked.metadata):
                return self._remove(asked).wanted
        return None

    def refused(self, name: str) -> Asked | None:
        """An error names an order."""
        for asked in self._asked:
            if asked.name == name:
                return self._remove(asked)
        return None

    @property
    def all(self) -> tuple[Asked, ...]:
        return tuple(self._asked)

    @property
    def again(self) -> tuple[Asked, ...]:
        """What the next model is asked."""
        return tuple(asked for asked in self._asked if not asked.is_kept_elsewhere)

    def forget(self) -> None:
        while self._asked:
            self._remove(self._asked[0])

    def _has_room(self, asked: Asked) -> bool:
        return self._budget.has_room(order_bytes(asked.order))

    def _remove(self, asked: Asked) -> Asked:
        self._asked.remove(asked)
        self._budget.give(order_bytes(asked.order))
        return asked
