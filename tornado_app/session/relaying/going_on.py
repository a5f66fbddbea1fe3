"""The answers that the model is asked to go on with, until it begins."""

from collections import deque
from collections.abc import Mapping
from typing import Any

import msgspec

from tornado_app.protocol.realtime.given import given_in
from tornado_app.protocol.realtime.orders import Relayed
from tornado_app.session.actions import Actions
from tornado_app.session.model_side import ModelSide
from tornado_app.session.relaying.answer import Answer
from tornado_app.session.relaying.standing import Client
from tornado_app.session.timers import Timers

RESPONSE_ID = "parley_answer"
TIMER = "relayed_answer"
TAG = "parley_answer"
"""Which of the metadata of an answer tells it from those that begin unasked."""
METADATA_PAIRS = 16


class GoingOn:
    """Thread: loop."""

    def __init__(
        self,
        actions: Actions,
        model: ModelSide,
        timers: Timers,
        *,
        client: Client,
        timeout_s: float,
    ) -> None:
        self._actions = actions
        self._model = model
        self._timers = timers
        self._client = client
        self._timeout_s = timeout_s
        self._since = 0.0
        self._asked = 0
        self._waiting: deque[tuple[str, Answer]] = deque()
        """By the names of the orders."""

    @property
    def answers(self) -> list[Answer]:
        """Those that wait, in the order in which they were asked for."""
        return [answer for _, answer in self._waiting]

    def ask(self, answer: Answer, changes: Mapping[str, Any] | None) -> bool:
        """Ask the model for more of it, with *changes* of what was asked before; False: it cannot
        be asked.
        """
        self._asked += 1
        name = f"{RESPONSE_ID}_{self._asked}"
        response = answer.asked_on(self._client.tool_choice) | dict(changes or {})
        metadata = dict(list((response.get("metadata") or {}).items())[: METADATA_PAIRS - 1])
        wanted = {**response, "metadata": {**metadata, TAG: name}}
        event = {"type": "response.create", "event_id": name, "response": wanted}
        self._waiting.append((name, answer))
        self.on_connected()
        order = Relayed(msgspec.json.encode(event), name, given_in(response))
        if self._model.send(order):
            return True
        self._waiting.pop()
        return False

    def withdraw(self, answer: Answer) -> bool:
        """Ask for no more of it; False: it is not asked for, or the model knows of it already."""
        for entry in self._waiting:
            if entry[1] is answer and self._model.withdraw(entry[0]):
                self._waiting.remove(entry)
                return True
        return False

    def begun(self, response: Mapping[str, Any], *, is_sole: bool) -> Answer | None:
        """Which one goes on with this; a server that repeats no metadata says it by the order.

        *is_sole*: no other answer is asked for.
        """
        metadata = response.get("metadata")
        tag = metadata.get(TAG) if isinstance(metadata, dict) else None
        for entry in self._waiting:
            if entry[0] == tag or "metadata" not in response or (is_sole and not metadata):
                self._waiting.remove(entry)
                return entry[1]
        return None

    def refused(self, name: str) -> Answer | None:
        """The one that an error is about: the model does not go on with it."""
        for entry in self._waiting:
            if entry[0] == name:
                self._waiting.remove(entry)
                return entry[1]
        return None

    def on_connected(self) -> None:
        """What was asked is on its way from now on."""
        self._since = self._actions.now
        self._look_again()

    def late(self) -> list[Answer]:
        """Those for which the model has had its time."""
        due_at = self._due_at
        if due_at is None or self._actions.now < due_at:
            self._look_again()
            return []
        self._actions.log("upstream_late", waited_for="answer")
        return self.take_all()

    def take_all(self) -> list[Answer]:
        """None of them is asked for any more."""
        answers = self.answers
        self._waiting.clear()
        return answers

    @property
    def _due_at(self) -> float | None:
        return self._model.due(self._since, self._timeout_s) if self._waiting else None

    def _look_again(self) -> None:
        due_at = self._due_at
        if due_at is None:
            self._timers.clear(TIMER)
        else:
            self._timers.set(TIMER, due_at)
