"""What a client asks beside speech, as orders to the model."""

from functools import partial
from typing import Any

import msgspec

from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.orders import AnyOrder, Clear, Commit, Relayed
from tornado_app.session.actions import Actions
from tornado_app.session.model_side import ModelSide
from tornado_app.session.relaying.outstanding import Asked, Outstanding
from tornado_app.session.relaying.speaking import Speaking

APPEND = "input_audio_buffer.append"
COMMIT = "input_audio_buffer.commit"
CLEAR = "input_audio_buffer.clear"
ANSWERED = frozenset(
    {
        "conversation.item.create",
        "conversation.item.delete",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "response.create",
    }
)
"""What the model answers with an event that can be told from others."""


class Asking:
    """Thread: loop."""

    def __init__(
        self, model: ModelSide, actions: Actions, speaking: Speaking, outstanding: Outstanding
    ) -> None:
        self._model = model
        self._actions = actions
        self._speaking = speaking
        self._outstanding = outstanding

    def ask(self, event: asked.ClientEvent) -> None:
        """Have the model asked, behind all that the client has said before."""
        match event.kind:
            case "input_audio_buffer.append":
                self._append(event)
            case "input_audio_buffer.commit" | "input_audio_buffer.clear":
                self._speaking.end_stream(partial(self._mark, event))
            case _:
                self._speaking.pending.in_turn(partial(self.relay, event), len(event.text))

    def relay(self, event: asked.ClientEvent, fields: dict[str, Any] | None = None) -> None:
        """As the client has written it, or with *fields* in its place."""
        ref = event.ref if isinstance(event.ref, str) else None
        name = self._outstanding.name_for(ref) if event.kind in ANSWERED else ref or ""
        if fields is not None or name != (ref or ""):
            fields = {**(event.fields if fields is None else fields), "event_id": name}
        text = event.text.encode() if fields is None else msgspec.json.encode(fields)
        order = Relayed(event.kind, text, name)
        if self.send(order) and event.kind in ANSWERED:
            item_id = item_id_of(event.fields)
            self._outstanding.note(Asked(event.kind, name, ref, order, item_id))

    def send(self, order: AnyOrder) -> bool:
        """Let it through, or keep it; a client that is told that there is no room has lost it."""
        if self._model.send(order):
            return True
        sentence = "Too much is waiting for the model. Send it again when it answers."
        self._actions.refuse(Refused("server_busy", sentence, retry_after_ms=1000))
        return False

    def _mark(self, event: asked.ClientEvent) -> None:
        ref = event.ref if isinstance(event.ref, str) else None
        name = self._outstanding.name_for(ref)
        self.send(Commit(name) if event.kind == COMMIT else Clear(name))

    def _append(self, event: asked.ClientEvent) -> None:
        """One that is not written as most are."""
        audio = event.fields.get("audio")
        if isinstance(audio, str) and not event.fields.keys() - {"type", "audio", "event_id"}:
            self._speaking.audio(audio)
        else:
            self.relay(event)


def item_id_of(fields: dict[str, Any]) -> str:
    """Which item an event of the client is about; empty, if it has named none."""
    item = fields.get("item")
    name = item.get("id") if isinstance(item, dict) else fields.get("item_id")
    return name if isinstance(name, str) else ""
