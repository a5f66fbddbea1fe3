"""What is carried over to the next model when one is lost: the conversation, and speech that the
lost one had made no turn of.

In this order: its configuration, the ledger item by item, speech that nobody committed, what was
asked meanwhile.  A turn whose commit was not confirmed is spoken again, in its place between the
items.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tornado_app.protocol.realtime.items import ID_LETTERS, shows, text_of
from tornado_app.protocol.realtime.model_session import Turn
from tornado_app.protocol.realtime.orders import (
    AnyOrder,
    Append,
    Commit,
    CreateItem,
    DeleteItem,
)
from tornado_app.session.ledger.entries import AnyEntry, ModelSaid
from tornado_app.session.ledger.ledger import Ledger
from tornado_app.session.ledger.pictures import PicturesKept
from tornado_app.session.ledger.speech import Sent, SpeechKept
from tornado_app.session.ledger.telling import item_of
from tornado_app.session.turn_names import TurnNames

LEDGER_ID = "parley_ledger"
HISTORY_ID = "parley_history"
ROOT = "root"
"""Behind this stands the first item of all."""


@dataclass(frozen=True, slots=True)
class CarriedOver:
    """What goes on to the next model."""

    orders: list[AnyOrder]
    lost_ms: float
    """Audio that was too much to keep, or taken for silence by a model that did not answer, and
    that nobody had committed.
    """
    uncommitted_ms: float
    """Audio that no commit follows."""

    @property
    def said_again_ms(self) -> float:
        """Audio that the next model hears before any that is new."""
        return sum(order.duration_ms for order in self.orders if isinstance(order, Append))


class Rebuilding:
    """Keeps ledger and speech, and makes orders of them.  Thread: loop."""

    __slots__ = (
        "_renamed",
        "_shortened",
        "_told",
        "is_begun",
        "ledger",
        "names",
        "pictures",
        "speech",
    )

    def __init__(self, ledger: Ledger, speech: SpeechKept) -> None:
        self.ledger = ledger
        self.speech = speech
        self.pictures = PicturesKept()
        self.names = TurnNames()
        self._told: set[str] = set()
        """Items that this model was told of: it has their text, and no audio to be cut."""
        self._renamed = 0
        self._shortened: dict[str, str] = {}
        """Names that were too long for an item, and what stands in their place."""
        self.is_begun = False
        """The model, or the one before, was told of its past."""

    def history(self, turns: tuple[Turn, ...]) -> list[AnyOrder]:
        """What a model is told that is the first, or is told of nothing else."""
        names = [f"{HISTORY_ID}_{number}" for number in range(len(turns))]
        entries = Ledger.of(turns, names)
        self.begun_with(turns, names)
        return [CreateItem(item_of(entry), HISTORY_ID) for entry in entries]

    def begun_with(self, turns: tuple[Turn, ...], names: list[str]) -> None:
        """The model has been given these items for a past."""
        self.is_begun = self.is_begun or bool(turns)
        self.ledger.begin(turns, names)
        self._told.update(names)

    def typed(self, name: str, item: Mapping[str, Any]) -> None:
        """The user has typed a turn, or shown something."""
        has_picture = shows(item)
        self.ledger.typed(name, text_of(item), has_picture=has_picture)
        if has_picture and self.ledger.is_kept:
            self.pictures.keep(name, item)

    def ahead(self) -> list[CreateItem]:
        """The conversation for a next model, while this one is still there and nothing in it is
        under way.
        """
        self.ledger.break_off()
        self._shorten_names()
        return [self._telling(entry) for entry in self.ledger.entries]

    def stands(self, told: Sequence[CreateItem]) -> bool:
        """Whether the conversation still begins with what a next model was told ahead."""
        entries = self.ledger.entries[: len(told)]
        return [self._telling(entry) for entry in entries] == list(told)

    def carry_over(
        self, unsent: Iterable[AnyOrder], *, is_told: bool, ahead: Sequence[CreateItem] = ()
    ) -> CarriedOver:
        """The model is gone.  *unsent*: orders for its audio buffer that had not left.

        *is_told*: the next one takes items; one that only transcribes has no conversation.
        *ahead*: what the next one was told already, and which still `stands`.
        """
        known = {order.item["id"] for order in ahead}
        lost_ms = self.speech.unheard_ms
        sent = deque(self.speech.take(unsent))
        commits = {each.event_id or "" for each in sent if isinstance(each, Commit)}
        self.ledger.break_off(commits)
        self._shorten_names()
        orders: list[AnyOrder] = []
        self._told.clear()
        for entry in self.ledger.entries:
            if entry.id in commits:
                orders += _until_commit(sent, entry.id)
            elif is_told:
                self._told.add(entry.id)
                if entry.id not in known:
                    orders.append(self._telling(entry))
        uncommitted = [each for each in sent if isinstance(each, Append)]
        uncommitted_ms = sum(order.duration_ms for order in uncommitted)
        carried = CarriedOver([*orders, *sent], lost_ms, uncommitted_ms)
        self.names.lost(carried.said_again_ms)
        return carried

    def forget(self) -> None:
        """The model is gone, and nothing is carried over."""
        self.speech.forget()
        self.pictures.trim(0)
        self.names.lost(0.0)
        self.is_begun = False

    def cut(self, item_id: str, heard_ms: float) -> bool:
        """Of an answer only so much was heard.  True: the model was told of it in words, and is to
        be told again (`again`).
        """
        self.ledger.cut(item_id, heard_ms)
        return item_id in self._told

    def is_told(self, item_id: str) -> bool:
        """The model knows of this item by its words alone."""
        return item_id in self._told

    def name_now(self, name: str) -> str:
        """What the next model knows an item by that the one before called *name*."""
        return self._shortened.get(name, name)

    def untold(self, item_id: str) -> None:
        """There is no such item any more; another may be called so."""
        self._told.discard(item_id)

    def retold(self, order: AnyOrder) -> AnyOrder | None:
        """An order that has not left, as the ledger is now."""
        if not isinstance(order, CreateItem) or not (order.event_id or "").startswith(LEDGER_ID):
            return order
        entry = self._something(order.item["id"])
        return None if entry is None else self._telling(entry)

    def again(self, item_id: str) -> list[AnyOrder]:
        """Tell the model anew of an item that it was told of."""
        before = self.ledger.before(item_id)
        entry = self._something(item_id)
        orders: list[AnyOrder] = [DeleteItem(item_id, f"{LEDGER_ID}_{item_id}")]
        if entry is not None:
            orders.append(self._telling(entry, before or ROOT))
        return orders

    def not_committed(self, name: str) -> None:
        """A commit of this name made no turn."""
        self.ledger.remove(name)
        self.speech.refused(name)

    def refused(self, event_id: str) -> bool:
        """Whether an error was about something the model was told of; it is not there then."""
        if not event_id.startswith(f"{LEDGER_ID}_"):
            return False
        self.ledger.remove(event_id.removeprefix(f"{LEDGER_ID}_"))
        return True

    def _something(self, item_id: str) -> AnyEntry | None:
        """The entry as it is now; if nothing of it was heard, there is none any more."""
        entry = self.ledger.find(item_id)
        if isinstance(entry, ModelSaid) and not entry.text:
            self.ledger.remove(item_id)
            return None
        return entry

    def _telling(self, entry: AnyEntry, after: str | None = None) -> CreateItem:
        item = item_of(entry, self.speech.speech_of(entry.id))
        if picture := self.pictures.find(entry.id):
            item = {"id": entry.id, **picture}
        return CreateItem(item, f"{LEDGER_ID}_{entry.id}", after)

    def _shorten_names(self) -> None:
        self._shortened.clear()
        for entry in self.ledger.entries:
            if not entry.id or len(entry.id) > ID_LETTERS:
                self._renamed += 1
                new = f"{LEDGER_ID}_{self._renamed}"
                self._shortened[entry.id] = new
                self.ledger.rename(entry.id, new)
                self.speech.rename(entry.id, new)


def _until_commit(sent: deque[Sent], name: str) -> list[AnyOrder]:
    orders: list[AnyOrder] = []
    while sent:
        orders.append(first := sent.popleft())
        if isinstance(first, Commit) and first.event_id == name:
            break
    return orders
