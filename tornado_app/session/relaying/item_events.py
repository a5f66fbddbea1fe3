"""Events of the conversation and of what the user says, as the client is shown them."""

from typing import Any, Final

from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.protocol.realtime.items import Item
from tornado_app.protocol.realtime.orders import AnyOrder, DeleteItem
from tornado_app.protocol.realtime.overhearing import Place, RelayedEvent
from tornado_app.session.model_side import ModelSide
from tornado_app.session.rebuilding import ROOT
from tornado_app.session.relaying.answers import Answers
from tornado_app.session.relaying.begun_items import BegunItems
from tornado_app.session.relaying.breaking_off import TURN_DETECTED, cut_short
from tornado_app.session.relaying.clock import RelayedClock
from tornado_app.session.relaying.forgotten import Forgotten
from tornado_app.session.relaying.given_up import GivenUp
from tornado_app.session.relaying.outstanding import Outstanding
from tornado_app.session.relaying.reading import object_of, text_of, words_of
from tornado_app.session.relaying.tools import Tools
from tornado_app.session.relaying.veil import Veil
from tornado_app.session.scribe import Scribe

CALL: Final = ("call_id", "name", "arguments")


class ItemEvents:
    """Thread: loop."""

    def __init__(
        self,
        model: ModelSide,
        scribe: Scribe,
        *,
        answers: Answers,
        tools: Tools,
        outstanding: Outstanding,
        veil: Veil,
        clock: RelayedClock,
        forgotten: Forgotten,
        given_up: GivenUp,
        begun: BegunItems,
    ) -> None:
        self._given_up = given_up
        self._begun = begun
        self._model = model
        self._answers = answers
        self._ledger = model.rebuilding.ledger
        self._scribe = scribe
        self._tools = tools
        self._outstanding = outstanding
        self._veil = veil
        self._clock = clock
        self._forgotten = forgotten
        self._forgetting: dict[str, int] = {}
        """Items that the model was asked to forget, to be told of them anew."""
        self._promised = ""
        """The last turn, until the client is shown its item."""

    def retell(self, order: AnyOrder) -> None:
        """The model is told to forget an item, and of it again; the client need not know."""
        if isinstance(order, DeleteItem):
            self._forgetting[order.item_id] = self._forgetting.get(order.item_id, 0) + 1

    def lost(self) -> list[str]:
        """The model is gone: the ends of what the next one is not told, and says nothing of."""
        self._forgetting.clear()
        return [
            cut_short(item) for item in self._begun.take(lambda each: not self._is_retold(each))
        ]

    def show(self, said: RelayedEvent, text: str) -> str:
        """Empty: it is not shown."""
        match said:
            case realtime.ItemAdded(item, before):
                if self._is_retold(item.id):
                    return self._placed(text, before) if self._is_promised(item) else ""
                if self._veil.hides_item(item.type, item.name, item.id):
                    self._scribe.added(said)
                    return ""
                self._added(said, text)
                self._begin(item)
                return self._placed(text, before)
            case Place(type="conversation.item.done", item=item):
                return self._placed(text, None) if self._ends(item.id) else ""
            case realtime.Committed(item_id, before):
                self._promised = item_id
                return self._placed(text, before)
            case realtime.Cleared():
                self._scribe.cleared()
                self._outstanding.answered("input_audio_buffer.clear")
            case realtime.UserSpeechStarted():
                if self._model.in_force.interrupt_response:
                    self._tools.cancel(None, TURN_DETECTED)
                    self._answers.interrupt()
                return self._clock.shown(text) if self._scribe.speech_started(said) else ""
            case realtime.UserSpeechStopped():
                return self._clock.shown(text) if self._scribe.speech_stopped(said) else ""
            case realtime.UserTranscriptFailed():
                return self._veil.failure(text)
            case Place(type="input_audio_buffer.timeout_triggered"):
                return self._clock.shown(text)
            case Place():
                return self._show_other(said, text)
        return text

    def _is_promised(self, item: Item) -> bool:
        """Whether its model was lost between a turn and the item that it is."""
        is_promised = bool(item.id) and item.id == self._promised
        if is_promised:
            self._begin(item)
        return is_promised

    def _begin(self, item: Item) -> None:
        """It is shown."""
        self._promised = self._promised if self._promised != item.id else ""
        self._begun.begin(item)

    def _ends(self, item_id: str) -> bool:
        """Whether the client is to be told: also if the model that it began with is lost."""
        was_told = self._is_retold(item_id) or self._given_up.has_item(item_id)
        if not self._begun.end(item_id) and was_told:
            return False
        return not self._veil.hides(item_id)

    def _show_other(self, said: Place, text: str) -> str:
        match said.type:
            case "conversation.item.deleted":
                if self._has_forgotten(said.item_id):
                    return ""
                self._model.rebuilding.untold(said.item_id)
                self._outstanding.answered("conversation.item.delete", said.item_id)
                for answer in (*self._answers.open, *self._tools.waiting):
                    answer.deleted(said.item_id)
                self._forgotten.deleted(said.item_id, self._ledger.before(said.item_id))
                self._ledger.remove(said.item_id)
            case "conversation.item.truncated":
                self._outstanding.answered("conversation.item.truncate", said.item_id)
                self._ledger.cut(said.item_id, said.audio_end_ms)
            case "conversation.item.retrieved":
                self._outstanding.answered("conversation.item.retrieve", said.item.id)
            case kind if kind.startswith("mcp_"):
                return ""
        return "" if self._veil.hides(said.item_id) else text

    def _added(self, said: realtime.ItemAdded, text: str) -> None:
        item, after = said.item, said.previous_item_id
        is_models = self._ledger.find(item.id) is not None or self._answers.has_item(item.id)
        asked = None
        if not is_models:
            asked = self._outstanding.answered("conversation.item.create", item.id)
        if asked is None:
            self._scribe.added(said)
        else:
            self._brought(item, asked.fields.get("item") or {}, text)
            if asked.fields.get("previous_item_id") == ROOT:
                self._ledger.place_first(item.id)
            else:
                self._ledger.place(item.id, after)

    def _brought(self, item: Item, wanted: dict[str, Any], text: str) -> None:
        """The client has put it there; *text* is how the model says so."""
        ledger = self._ledger
        match item.type, item.role:
            case "message", "user" if item.text or item.shows:
                ledger.typed(item.id, item.text, has_picture=item.shows)
                if item.shows and ledger.is_kept:
                    picture = {name: wanted[name] for name in wanted if name != "id"}
                    self._model.rebuilding.pictures.keep(item.id, picture)
            case "message", "user":
                ledger.spoke(item.id, is_committed=True)
            case "message", "assistant":
                ledger.said(item.id, "", is_spoken=False)
                ledger.said_whole(item.id, item.text)
                ledger.completed(item.id)
            case "message", "system":
                ledger.noted(item.id, item.text)
            case "function_call", _:
                # A model names a call that has no name.
                words = words_of(wanted) | words_of(object_of(text).get("item"))
                called = {name: words[name] for name in CALL if name in words}
                ledger.called(OutputItem(type=item.type, **called), item.id)
            case "function_call_output", _:
                words = words_of(wanted)
                ledger.answered(item.id, words.get("call_id", ""), words.get("output", ""))

    def _placed(self, text: str, before: str | None) -> str:
        """Behind an item that the client knows of."""
        if before is None and "previous_item_id" not in text:
            return text
        event: dict[str, Any] | None = None
        if before is None:
            event = object_of(text)
            before = event.get("previous_item_id")
        if before is not None and not isinstance(before, str):
            return text
        shown: str | None = before
        while shown is not None and self._veil.hides(shown):
            shown = self._ledger.before(shown)
        shown = self._forgotten.behind(shown)
        if shown == before:
            return text
        event = event or object_of(text)
        event["previous_item_id"] = shown
        return text_of(event)

    def _is_retold(self, item_id: str) -> bool:
        """The client knows of it, and the model was told of it again."""
        return self._model.rebuilding.is_told(item_id)

    def _has_forgotten(self, item_id: str) -> bool:
        left = self._forgetting.pop(item_id, 0)
        if left > 1:
            self._forgetting[item_id] = left - 1
        return left > 0
