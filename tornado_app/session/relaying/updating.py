"""What is in force of a call that its client configures, beneath what operator and token say.

The model takes a ``session.update`` whole or refuses it whole, in the order in which it was asked.
What it has taken is what the next one is begun with.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import msgspec

from tornado_app.errors import Refused
from tornado_app.failover.upstreams import Upstream
from tornado_app.policy.api_session import narrow_session
from tornado_app.protocol import asked
from tornado_app.protocol.realtime.given import given_in
from tornado_app.protocol.realtime.model_session import ModelSession, TurnDetection
from tornado_app.protocol.realtime.orders import Relayed
from tornado_app.session.actions import Actions
from tornado_app.session.connecting import Connecting
from tornado_app.session.model_side import ModelSide
from tornado_app.session.record import SoundFormat, SoundFormats
from tornado_app.session.relaying.begun_with import begun_with
from tornado_app.session.relaying.converting import Way
from tornado_app.session.relaying.noted import BYTES_PER_MS
from tornado_app.session.relaying.outstanding import UPDATE, Asked, Outstanding
from tornado_app.session.relaying.reading import dict_of, object_of
from tornado_app.session.relaying.speaking import MODEL_BYTES_PER_MS, Speaking
from tornado_app.session.relaying.standing import Change, Client, asks_to_write_down
from tornado_app.session.relaying.veil import Veil

_FORMATS: Mapping[str, SoundFormat] = {"audio/pcmu": "pcmu", "audio/pcma": "pcma"}
# What a model says may have no hash.
DETECTIONS = ("server_vad", "semantic_vad", "none")


class Updating:
    """Thread: loop."""

    def __init__(
        self,
        model: ModelSide,
        actions: Actions,
        outstanding: Outstanding,
        *,
        connecting: Connecting,
        client: Client,
        veil: Veil,
        speaking: Speaking,
        way: Way,
    ) -> None:
        self._model = model
        self._connecting = connecting
        self._actions = actions
        self._outstanding = outstanding
        self._client = client
        self._veil = veil
        self._speaking = speaking
        self._way = way
        self._taken: dict[str, Any] = {}
        """What the model has taken of the client's."""
        self.transcription_model = model.in_force.transcription_model
        """Who was asked last to write down; turns that are under way outlive its being left out."""
        self._is_begun = False
        self.answer_bytes_per_ms = MODEL_BYTES_PER_MS
        self._format_taken: SoundFormat = "pcm16"
        """Of what the model hears, by its own word."""
        self.formats = SoundFormats()
        model.body = self._body

    def ask(self, event: asked.ClientEvent) -> Asked:
        """What to ask the model for it; whoever sends it notes it.

        Raises:
            ApiRefusal: If the client may not have it.
        """
        body = narrow_session(event.fields["session"], self._client.standing())
        wanted: dict[str, Any] = event.fields["session"]
        ref = event.ref if isinstance(event.ref, str) else None
        name = self._outstanding.name_for(ref)
        left_out = set(wanted) - set(body)
        if self._choose_model(wanted.get("model")):
            left_out.discard("model")
        if left_out:
            self._actions.log("update_narrowed", fields=sorted(left_out))
        there = called_at(self._model.upstream, body)
        text = msgspec.json.encode({**event.fields, "event_id": name, "session": there})
        order = Relayed(text, name, given_in(there))
        self._client.changes.append(Change(name, body, _own(body, wanted)))
        self._reckon()
        return Asked(UPDATE, name, ref, order)

    def on_updated(self, text: str) -> bool:
        """The model has taken an update: the client's, or what it was begun with.

        True: it is connected with this.
        """
        self._learn(text)
        if self._model.state != "connected":
            return self._on_begun(text)
        if self._client.changes and self._outstanding.answered(UPDATE):
            change = self._client.changes.popleft()
            self._reckon()
            self._taken = merged(self._taken, change.body)
            self._note_transcription(change.body)
            self._client.own = merged(self._client.own, change.own)
            self._actions.log("session_configured", fields=sorted(change.body))
        self._way.say(self._veil.session(text, "session.updated", self.own))
        return False

    def on_refused(self, name: str) -> None:
        """The model has refused an update; of several of this name the oldest."""
        changes = self._client.changes
        if refused := next((change for change in changes if change.name == name), None):
            changes.remove(refused)
            self._reckon()

    @property
    def own(self) -> Mapping[str, Any]:
        """What the client may see of what it has asked for."""
        return self._client.own

    def _on_begun(self, text: str) -> bool:
        if not self._connecting.on_updated():
            return False
        if not self._is_begun:
            self._is_begun = True
            self._way.say(self._veil.session(text, "session.created", self.own))
        return True

    def _choose_model(self, name: Any) -> bool:
        """Whether the call goes on with this model.

        An address names it mostly; where it does not, the first that a client says may.
        """
        config = self._client.config
        is_open = config.model_is_open and self._actions.received == 1
        if not is_open or config.model_session.only_transcribes:
            return False
        try:
            model = config.call_rules.check("query", "model", name)
        except Refused:
            return False
        if model != self._model.in_force.model:
            self._connecting.choose(model)
        return True

    def _body(self, upstream: Upstream) -> dict[str, Any]:
        config = self._client.config
        there = replace(config, model_session=upstream.asked(config.model_session))
        begun = begun_with(upstream.asked(self._model.in_force), there)
        return merged(begun, called_at(upstream, self._taken)) | {"type": begun["type"]}

    def _note_transcription(self, body: Mapping[str, Any]) -> None:
        client = self._client
        client.is_written_down = asks_to_write_down(body, is_asked=client.is_written_down)
        hearing = dict_of(dict_of(body.get("audio")).get("input"))
        model = dict_of(hearing.get("transcription")).get("model")
        if isinstance(model, str):
            self.transcription_model = model

    def _learn(self, text: str) -> None:
        """What the model says of itself, as far as others go by it."""
        audio = dict_of(dict_of(dict_of(object_of(text)).get("session")).get("audio"))
        hearing, speaking = dict_of(audio.get("input")), dict_of(audio.get("output"))
        self._format_taken = _format(hearing)
        self.formats = SoundFormats(self._format_taken, _format(speaking))
        self._reckon()
        self.answer_bytes_per_ms = BYTES_PER_MS[self.formats.model]
        if "turn_detection" in hearing:
            self._model.in_force = _with_turns(self._model.in_force, hearing["turn_detection"])

    def _reckon(self) -> None:
        """What the client says from now on is in the format that it has asked for last: the model
        takes events in order, and may have taken that one by then.
        """
        asked = (
            dict_of(dict_of(change.body.get("audio")).get("input"))
            for change in reversed(self._client.changes)
        )
        last = next((_format(each) for each in asked if "format" in each), self._format_taken)
        self.formats = self.formats._replace(user=last)
        self._speaking.takes(BYTES_PER_MS[last])


def merged(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """As the API lays an update over what is there: objects field by field, all else as it is.

    An object of another ``type`` has other fields: what was there is nothing to it.
    """
    both = dict(before)
    for name, value in change.items():
        was = both.get(name)
        both[name] = value
        if isinstance(was, dict) and isinstance(value, dict) and name != "tool_choice":
            is_of_its_type = value.get("type", was.get("type")) == was.get("type")
            both[name] = merged(was, value) if is_of_its_type else value
    return both


def called_at(upstream: Upstream, body: Mapping[str, Any]) -> dict[str, Any]:
    """What a client has asked for, in the words of this upstream."""
    audio = dict_of(body.get("audio"))
    hearing, speaking = dict_of(audio.get("input")), dict_of(audio.get("output"))
    renamed: dict[str, Any] = {}
    voice = speaking.get("voice")
    if isinstance(voice, str) and voice in upstream.voices:
        renamed["output"] = {"voice": upstream.voices[voice]}
    if upstream.transcription_model and dict_of(hearing.get("transcription")).get("model"):
        renamed["input"] = {"transcription": {"model": upstream.transcription_model}}
    return merged(body, {"audio": renamed}) if renamed else dict(body)


def _own(body: Mapping[str, Any], wanted: Any) -> dict[str, Any]:
    """What of *body* is the client's, as it has written it."""
    own: dict[str, Any] = {}
    if "instructions" in body:
        own["instructions"] = wanted.get("instructions") or ""
    if "tools" in body:
        own["tools"] = wanted.get("tools") or []
    if "tool_choice" in body:
        own["tool_choice"] = body["tool_choice"]
    return own


def _with_turns(in_force: ModelSession, detection: Any) -> ModelSession:
    kind = dict_of(detection).get("type", "none")
    if kind not in DETECTIONS:
        return in_force
    return replace(
        in_force,
        turn_detection=cast(TurnDetection, kind),
        create_response=dict_of(detection).get("create_response") is not False,
        interrupt_response=dict_of(detection).get("interrupt_response") is not False,
    )


def _format(way: Mapping[str, Any]) -> SoundFormat:
    kind = dict_of(way.get("format")).get("type")
    return _FORMATS.get(kind, "pcm16") if isinstance(kind, str) else "pcm16"
