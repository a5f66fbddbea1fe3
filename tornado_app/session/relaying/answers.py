"""The answers of the model, as their client is shown them."""

from collections.abc import Mapping
from typing import Any

from tornado_app.errors import Refused
from tornado_app.protocol.realtime.orders import CancelResponse
from tornado_app.session.actions import Actions
from tornado_app.session.ledger.entries import ModelSaid
from tornado_app.session.model_side import ModelSide
from tornado_app.session.relaying.answer import Answer
from tornado_app.session.relaying.begun_items import BegunItems
from tornado_app.session.relaying.breaking_off import (
    CLIENT_CANCELLED,
    FAILED,
    TURN_DETECTED,
    broken_off,
)
from tornado_app.session.relaying.converting import Way
from tornado_app.session.relaying.going_on import RESPONSE_ID, GoingOn
from tornado_app.session.relaying.owed import Owed
from tornado_app.session.relaying.reading import object_of, text_of
from tornado_app.session.relaying.standing import Client
from tornado_app.session.relaying.veil import Veil
from tornado_app.session.timers import Timers

CANCEL_ID = "parley_closed"
ANSWERS_KEPT = 64
"""So many may be open: beside the conversation a client may ask for several at a time."""


class Answers:
    """Thread: loop."""

    def __init__(
        self,
        actions: Actions,
        model: ModelSide,
        timers: Timers,
        *,
        client: Client,
        veil: Veil,
        way: Way,
        owed: Owed,
        begun_items: BegunItems,
        timeout_s: float,
    ) -> None:
        self._way = way
        self._owed = owed
        self._begun_items = begun_items
        self._actions = actions
        self._model = model
        self._veil = veil
        self._by_model: dict[str, Answer] = {}
        self._going_on = GoingOn(actions, model, timers, client=client, timeout_s=timeout_s)
        self.closed_by: Refused | None = None
        """Why no answer begins any more."""

    @property
    def open(self) -> tuple[Answer, ...]:
        """In the order in which they began; those too that wait to go on."""
        return (*self._by_model.values(), *self._going_on.answers)

    @property
    def running(self) -> tuple[Answer, ...]:
        """Those that the model is saying."""
        return tuple(self._by_model.values())

    def close(self, refused: Refused) -> None:
        """Have none begin any more; those that run go on."""
        self.closed_by = refused
        self._owed.close()

    def begun(self, response_id: str) -> None:
        """The model begins one, be it unasked: it is stopped, if none may or nobody wants it."""
        self._owed.forget()
        answer = self.find(response_id)
        if self.closed_by is not None or (answer is not None and answer.is_cancelled):
            self._model.send(CancelResponse(response_id or None, CANCEL_ID))

    def named(self, name: str | None) -> Answer | None:
        """The one that the client calls so; None: the first of the conversation."""
        for answer in self.open:
            if answer.name == name or (name is None and not answer.is_beside):
                return answer
        return None

    def interrupt(self) -> None:
        """The user speaks: what the model says it stops by itself, and goes on with nothing."""
        for answer in self.open:
            if not answer.is_beside:
                self.cancel(answer, TURN_DETECTED)

    def cancel(self, answer: Answer, why: Mapping[str, Any] = CLIENT_CANCELLED) -> None:
        """Nobody wants more of it.

        One that the model was asked for, and has not begun, is cancelled by its name as it begins:
        a cancel without a name may hit another, and a client that was told the end before the
        model is free would ask for its next answer in vain.
        """
        answer.cancelled_by = answer.cancelled_by or why
        if self._going_on.withdraw(answer):
            self.fail(answer)

    def end_part(self, model_name: str, text: str) -> None:
        """As of `Answer.end_part`."""
        if answer := self.find(model_name):
            answer.end_part(object_of(text))

    def has_item(self, item_id: str) -> bool:
        """Whether an item is being said in one of them."""
        return any(item_id in answer.items for answer in self._by_model.values())

    def find(self, model_name: str) -> Answer | None:
        return self._by_model.get(model_name)

    def heard(self, model_name: str) -> Answer | None:
        """Something of it comes; without a name, of any that there is."""
        answer = self._by_model.get(model_name)
        if answer is not None:
            answer.heard_at = self._actions.now
        elif not model_name:
            for each in self._by_model.values():
                each.heard_at = self._actions.now
        return answer

    def ending(self, model_name: str) -> Answer | None:
        """The one that ends; without a name it is the one that there is."""
        if not model_name and len(self._by_model) == 1:
            return next(iter(self._by_model.values()))
        return self.find(model_name)

    def goes_on(self, response: Mapping[str, Any], *, is_sole: bool) -> bool:
        """Whether an answer that begins is one that the client knows already.

        *is_sole*: no other is asked for.
        """
        answer = self._going_on.begun(response, is_sole=is_sole and not self._owed)
        if answer is None:
            return False
        answer.model_name = str(response.get("id", ""))
        answer.rounds += 1
        answer.indexes.clear()
        answer.heard_at = self._actions.now
        self._by_model[answer.model_name] = answer
        return True

    def created(self, text: str, response: dict[str, Any], asked: Mapping[str, Any] | None) -> str:
        """``response.created`` of a new one; *asked*: what the client has asked for it."""
        name = str(response.get("id", ""))
        now = self._actions.now
        self._by_model[name] = Answer(name, response, asked, name, heard_at=now)
        if len(self._by_model) > ANSWERS_KEPT:
            del self._by_model[next(iter(self._by_model))]
        return self._veil.response(text, {})

    def shown(self, answer: Answer, text: str) -> str:
        """An event of an answer, with the client's name and index for it."""
        if answer.is_plain:
            return text
        event = object_of(text)
        event["response_id"] = answer.name
        index = event.get("output_index")
        if isinstance(index, int):
            event["output_index"] = answer.indexes.get(index, index)
        return text_of(event)

    def begun_item(self, answer: Answer, text: str) -> str:
        """``response.output_item.added``, of one that is shown."""
        event = object_of(text)
        index, item = event.get("output_index"), event.get("item")
        item = item if isinstance(item, dict) else {}
        answer.begin_item(index if isinstance(index, int) else 0, item)
        if item.get("type") == "function_call":
            answer.calls_client = True
        return self.shown(answer, text)

    def begun_part(self, answer: Answer, text: str) -> str:
        event = object_of(text)
        part, shown = event.get("part"), answer.items.get(str(event.get("item_id", "")))
        if shown is not None and isinstance(part, dict):
            index = event.get("content_index")
            shown.parts[index if isinstance(index, int) else 0] = str(part.get("type", ""))
        return self.shown(answer, text)

    def ended_item(self, answer: Answer, text: str) -> str:
        item = object_of(text).get("item")
        answer.end_item(item if isinstance(item, dict) else {})
        return self.shown(answer, text)

    def done(self, answer: Answer, text: str, status: str) -> str:
        """``response.done`` with *status*, of an answer that does not go on."""
        self._by_model.pop(answer.model_name, None)
        self._forget_if_beside(answer)
        response = response_in(text)
        if answer.is_plain and response.get("id") == answer.name:
            return self._veil.response(text, {})
        answer.add_usage(response.get("usage"))
        details = self._veil.failed(response.get("status_details"))
        return answer.done(status, details)

    def pause(self, answer: Answer, text: str) -> None:
        """``response.done`` of an answer that goes on."""
        self._by_model.pop(answer.model_name, None)
        answer.add_usage(response_in(text).get("usage"))
        answer.model_name = ""

    def go_on(self, answer: Answer, changes: Mapping[str, Any] | None = None) -> None:
        """Ask the model for another one, which the client is shown as this.

        *changes*: what holds for it instead of what was asked before.
        """
        if self.closed_by is not None:
            self.end(answer, "incomplete", None)
            return
        if not self._going_on.ask(answer, changes):
            self.fail(answer)

    def on_connected(self) -> None:
        """What was asked is on its way from now on."""
        self._going_on.on_connected()

    def on_timer(self) -> None:
        """A model may be late with what is to go on."""
        for answer in self._going_on.late():
            self.fail(answer)

    def refused(self, name: str) -> bool:
        """Whether an error is about an answer that was to go on; then it is over."""
        answer = self._going_on.refused(name)
        if answer is not None:
            self.fail(answer)
            return True
        return name.startswith(RESPONSE_ID)

    def fail(self, answer: Answer, details: Mapping[str, Any] = FAILED) -> None:
        """It cannot go on; which is as it should be, if it was cancelled."""
        if answer.cancelled_by is not None:
            self.end(answer, "cancelled", answer.cancelled_by)
        else:
            self.end(answer, "failed", details)

    def leave(self, answer: Answer, details: Mapping[str, Any] = FAILED) -> None:
        """The model says no more of it; whoever has a call of its own to make goes on by itself."""
        if answer.calls_client and answer.has_whole_call and not answer.is_cancelled:
            self.end(answer, "completed", None)
        else:
            self.fail(answer, details)

    def end(self, answer: Answer, status: str, details: Mapping[str, Any] | None) -> None:
        """Say that it is over, and of each of its items."""
        self._by_model.pop(answer.model_name, None)
        self.break_off(answer)
        self._way.say(answer.done(status, details))

    def break_off(self, answer: Answer) -> None:
        """There will be no more of what it was saying."""
        if answer.items:
            self._way.end_audio()
        for text in broken_off(answer, self._text_of, self._begun_items):
            self._way.say(text)
        self._forget_if_beside(answer)

    def take_all(self) -> list[Answer]:
        """The model is gone: none of them is said by it any more."""
        answers = list(self.open)
        self._by_model.clear()
        self._going_on.take_all()
        for answer in answers:
            answer.model_name = ""
        return answers

    def _forget_if_beside(self, answer: Answer) -> None:
        """A next model is told the conversation, of which such an answer is none."""
        if answer.is_beside:
            for name in answer.item_names:
                self._model.rebuilding.ledger.remove(name)

    def _text_of(self, item_id: str) -> str:
        entry = self._model.rebuilding.ledger.find(item_id)
        return entry.text if isinstance(entry, ModelSaid) else ""


def response_in(text: str) -> dict[str, Any]:
    response = object_of(text).get("response")
    return response if isinstance(response, dict) else {}
