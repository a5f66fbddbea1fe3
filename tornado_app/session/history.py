"""What was said before the call, to a model that is there already."""

from tornado_app.errors import Refused
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.protocol.realtime.orders import CreateItem, DeleteItem
from tornado_app.session.changes import item_id
from tornado_app.session.ledger.ledger import Ledger
from tornado_app.session.ledger.telling import item_of
from tornado_app.session.model_side import ModelSide


class History:
    """Items in front of an order that says nothing, under the name of a change.  Thread: loop."""

    def __init__(self, model: ModelSide) -> None:
        self._model = model

    def refusal(self, before: ModelSession) -> Refused | None:
        """Why there may be none now, or none any more."""
        if self._model.has_begun or before.history:
            sentence = "history can be set once, and before the first turn."
            return Refused("invalid_message", sentence, "history")
        # All of it or nothing: a part might find no room.
        is_free = self._model.gate.is_free or self._model.state != "connected"
        return None if is_free else too_much()

    def send(self, name: str, wanted: ModelSession) -> int:
        """How many items of it were sent: none, if it is what the model will begin with."""
        if self._model.state != "connected":
            return 0
        names = _item_ids(name, len(wanted.history))
        for number, entry in enumerate(Ledger.of(wanted.history, names)):
            self._model.send(CreateItem(item_of(entry), event_id=f"{name}_{number}"))
        return len(wanted.history)

    def taken(self, name: str, in_force: ModelSession) -> None:
        """The model has all of it."""
        names = _item_ids(name, len(in_force.history))
        self._model.rebuilding.begun_with(in_force.history, names)

    def withdraw(self, name: str, items: int) -> None:
        """The model has refused one of them."""
        for number, item in enumerate(_item_ids(name, items)):
            self._model.send(DeleteItem(item, event_id=f"{name}_{number}"))


def _item_ids(name: str, count: int) -> list[str]:
    return [item_id(name, number) for number in range(count)]


def too_much() -> Refused:
    sentence = "Too much is waiting for the model. Send it again when it is connected."
    return Refused("server_busy", sentence, retry_after_ms=1000)
