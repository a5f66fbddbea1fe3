"""What a client asks beside speech, as orders to the model, as far as it may."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import Any

import msgspec

from tornado_app.errors import Refused
from tornado_app.policy.api_events import check_event
from tornado_app.policy.api_items import check_item, check_known
from tornado_app.policy.api_session import narrow_response, of_conversation
from tornado_app.policy.transcribing import SENSELESS
from tornado_app.protocol.asked import ClientEvent
from tornado_app.protocol.realtime.api_errors import refusal
from tornado_app.protocol.realtime.given import given_in
from tornado_app.protocol.realtime.orders import AnyOrder, Clear, Commit, Relayed
from tornado_app.session.ledger.entries import ModelSaid
from tornado_app.session.parts import Parts
from tornado_app.session.pictures import Pictures
from tornado_app.session.rebuilding import ROOT
from tornado_app.session.relaying.breaking_off import CLIENT_CANCELLED
from tornado_app.session.relaying.brought_audio import is_written_as_is, letters_of
from tornado_app.session.relaying.client_events import (
    item_id_of,
    name_in,
    named_as,
    ref_of,
    size_bytes,
    with_fields,
)
from tornado_app.session.relaying.outstanding import OURS, UPDATE, Asked
from tornado_app.session.relaying.parts import RelayedParts
from tornado_app.session.relaying.shown_pictures import pictures_of, take

TRUNCATE = "conversation.item.truncate"
CLEAR = "input_audio_buffer.clear"
NO_ITEM = {
    "conversation.item.retrieve": "item_retrieve_invalid_item_id",
    "conversation.item.delete": "item_delete_invalid_item_id",
    "conversation.item.truncate": "item_truncate_invalid_item_id",
}
"""What the API says of an item that there is not."""


class Asking:
    """Thread: loop."""

    def __init__(self, parts: Parts, relayed: RelayedParts) -> None:
        self._model = parts.model
        self._names = parts.model.rebuilding.names
        self._actions = parts.actions
        self._speaking = relayed.speaking
        self._outstanding = relayed.outstanding
        self._client = relayed.client
        self._updating = relayed.updating
        self._pictures = Pictures(parts.config.pictures, parts.actions)
        self._answers = relayed.answers
        self._tools = relayed.tools
        self._items = relayed.items
        self._forgotten = relayed.forgotten
        self._way = relayed.way

    def ask(self, event: ClientEvent) -> None:
        """Have the model asked, behind all that the client has said before.

        Raises:
            Refused: If the client may not ask for it.
        """
        check_event(event.kind, event.fields)
        match event.kind:
            case "input_audio_buffer.append":
                self._append(event)
            case "input_audio_buffer.commit" | "input_audio_buffer.clear":
                self._speaking.end_stream(partial(self._mark, event), size_bytes(event))
            case "session.update":
                update = self._updating.ask(event)
                self._in_turn(event, partial(self._send_noted, update))
            case "response.create":
                self._ask_for_answer(event)
            case "conversation.item.create":
                self._create_item(event)
            case kind if kind in NO_ITEM:
                self._check_named(event)
                self._in_turn(event)
            case _:
                self._in_turn(event)

    def again(self, asked: Asked) -> None:
        """Ask the next model what the one before has not answered.

        What still waits for its turn is not among it.
        """
        self._outstanding.refused(asked.name)
        if asked.kind == UPDATE or not isinstance(asked.order, Relayed):
            self._send_noted(asked)
        else:
            text = asked.order.text.decode()
            self._order(ClientEvent(asked.kind, asked.fields, text, ref=asked.ref))

    def _in_turn(self, event: ClientEvent, do: Callable[[], None] | None = None) -> None:
        self._speaking.pending.in_turn(do or partial(self._order, event), size_bytes(event))

    def _order(self, event: ClientEvent) -> None:
        """It is its turn: names mean now what they mean to the model that is there now."""
        if self._names:
            event = named_as(event, self._names.meant_text(event.text))
        match event.kind:
            case "response.create":
                self._order_answer(event)
            case "conversation.item.create":
                self._order_item(event)
            case kind if kind in NO_ITEM:
                self._do_with_item(item_id_of(event), event)
            case "response.cancel":
                self._cancel(event)
            case _:
                self._pass(event)

    def _ask_for_answer(self, event: ClientEvent) -> None:
        if self._answers.closed_by is not None:
            raise self._answers.closed_by
        if self._client.standing().only_transcribes:
            sentence = f"response.create {SENSELESS}: there are no answers."
            raise refusal("invalid_value", sentence, "type")
        wanted = event.fields.get("response")
        body = narrow_response(wanted, self._client.standing())
        if self._tools.holds_conversation and of_conversation(body):
            sentence = "Conversation already has an active response in progress."
            raise refusal("conversation_already_has_active_response", sentence, None)
        letters = letters_of(body.get("input") or ())
        self._check_audio(letters, "response.input")
        shown = (
            pictures_of(f"response.input[{number}]", item)
            for number, item in enumerate(body.get("input") or ())
            if not self._forgotten.is_meant(item)
        )
        take(self._pictures, chain.from_iterable(shown))
        self._speaking.brought(letters)
        self._in_turn(event if body == (wanted or {}) else with_fields(event, response=body))

    def _order_answer(self, event: ClientEvent) -> None:
        body = event.fields.get("response") or {}
        told = self._forgotten.without(body.get("input") or ())
        if len(told) < len(body.get("input") or ()):
            event = with_fields(event, response={**body, "input": told})
        self._relay(event)

    def _cancel(self, event: ClientEvent) -> None:
        """The model may have another name for it, or none yet."""
        name = name_in(event)
        if self._tools.cancel(name, CLIENT_CANCELLED):
            return
        answer = self._answers.named(name)
        if answer is not None:
            self._answers.cancel(answer)
        if answer is None or answer.model_name == answer.name:
            self._pass(event)
        elif answer.model_name:
            self._pass(with_fields(event, response_id=answer.model_name))

    def _create_item(self, event: ClientEvent) -> None:
        standing, item = self._client.standing(), event.fields["item"]
        check_item("item", item, standing)
        check_known("previous_item_id", event.fields.get("previous_item_id"), standing)
        letters = letters_of((item,))
        self._check_audio(letters, "item")
        take(self._pictures, pictures_of("item", item))
        self._speaking.brought(letters)
        self._in_turn(event)

    def _order_item(self, event: ClientEvent) -> None:
        before = event.fields.get("previous_item_id")
        if isinstance(before, str) and before in self._forgotten:
            there = self._forgotten.before(before)
            event = with_fields(event, previous_item_id=ROOT if there is None else there)
        self._relay(event)

    def _check_audio(self, letters: int, path: str) -> None:
        """What is beside the stream is speech as well: it plays as long, and costs as much."""
        if letters and not self._speaking.may_bring():
            message = "Audio comes too fast; this was not taken. Send it again in a moment."
            raise refusal("rate_limit_exceeded", message, path)

    def _check_named(self, event: ClientEvent) -> None:
        name = item_id_of(event)
        if self._client.standing().is_hidden(name):
            message = f"The item with id '{name[:64]}' does not exist."
            raise refusal(NO_ITEM[event.kind], message, None)

    def _do_with_item(self, name: str, event: ClientEvent) -> None:
        if name in self._forgotten:
            answer = self._forgotten.answer(event.kind, name, event.fields)
            self._way.say(self._names.shown_text(answer))
            return
        heard_ms = event.fields.get("audio_end_ms")
        is_number = isinstance(heard_ms, int) and not isinstance(heard_ms, bool)
        if event.kind == TRUNCATE and is_number and self._is_told_answer(name):
            self._cut(name, heard_ms, event.fields)
        else:
            self._relay(event)

    def _is_told_answer(self, name: str) -> bool:
        rebuilding = self._model.rebuilding
        return rebuilding.is_told(name) and isinstance(rebuilding.ledger.find(name), ModelSaid)

    def _cut(self, name: str, heard_ms: Any, fields: Mapping[str, Any]) -> None:
        """Of an answer whose audio this model has never had: it is told of it anew, if any of it
        was heard.
        """
        rebuilding = self._model.rebuilding
        before = rebuilding.ledger.before(name)
        for order in self._model.truncate(name, heard_ms):
            self._items.retell(order)
        if rebuilding.ledger.find(name) is None:
            rebuilding.untold(name)
            self._forgotten.gone(name, before)
        cut = {each: fields.get(each) for each in ("item_id", "content_index", "audio_end_ms")}
        event = {"type": "conversation.item.truncated", "event_id": f"event_{name}_cut", **cut}
        self._way.say(msgspec.json.encode(event).decode())

    def _pass(self, event: ClientEvent) -> None:
        """As the client has written it, but for a name that would pass for one of ours."""
        ref = ref_of(event)
        if ref is None or not ref.startswith(OURS):
            self._send(Relayed(event.text.encode(), ref or ""), ref)
            return
        name = self._outstanding.name_for(ref)
        order = Relayed(msgspec.json.encode({**event.fields, "event_id": name}), name)
        self._send_noted(Asked(event.kind, name, ref, order, is_kept_elsewhere=True))

    def _relay(self, event: ClientEvent) -> None:
        """As the client has written it, if it has a name for it."""
        ref = ref_of(event)
        name = self._outstanding.name_for(ref)
        text = event.text.encode()
        if name != ref:
            text = msgspec.json.encode({**event.fields, "event_id": name})
        order = Relayed(text, name, given_in(event.fields))
        self._send_noted(Asked(event.kind, name, ref, order, item_id_of(event)))

    def _send_noted(self, asked: Asked) -> None:
        """Noted as it is sent: the next model is asked again what has left, and nothing else."""
        if self._send(asked.order, asked.ref):
            self._outstanding.note(replace(asked, since=self._actions.now))
        else:
            self.undo(asked)

    def _send(self, order: AnyOrder, ref: str | None) -> bool:
        """Let it through, or keep it; a client that is told that there is no room has lost it."""
        has_room = self._model.send(order)
        if not has_room:
            sentence = "Too much is waiting for the model. Send it again when it answers."
            self._actions.refuse(Refused("server_busy", sentence, retry_after_ms=1000), ref)
        return has_room

    def undo(self, asked: Asked) -> None:
        """The model was not asked, or has refused."""
        match asked.kind:
            case "session.update":
                self._updating.on_refused(asked.name)
            case "input_audio_buffer.commit":
                self._model.rebuilding.not_committed(asked.name)

    def _mark(self, event: ClientEvent) -> None:
        ref = ref_of(event)
        name = self._outstanding.name_for(ref)
        order: AnyOrder = Clear(name)
        if event.kind == CLEAR:
            self._speaking.clock.left_out(self._model.forget_speech())
        else:
            order = Commit(name)
            self._model.rebuilding.ledger.spoke(name, is_committed=False)
        self._send_noted(Asked(event.kind, name, ref, order, is_kept_elsewhere=True))

    def _append(self, event: ClientEvent) -> None:
        """One that is not written as most are."""
        audio = event.fields["audio"]
        if not is_written_as_is(audio, event.text):
            message = "Invalid value for 'audio': expected base64-encoded audio."
            raise refusal("invalid_value", message, "audio")
        self._actions.chunk += 1
        ref = ref_of(event) or ""
        self._speaking.audio(audio, "" if ref.startswith(OURS) else ref)
