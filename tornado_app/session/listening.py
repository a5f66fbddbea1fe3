"""What each message of the client means to the parts of a session."""

from collections.abc import Mapping
from functools import partial
from typing import Any, assert_never

from tornado_app.admission.budget import ENTRY_BYTES, text_bytes
from tornado_app.errors import Refused
from tornado_app.policy.formats import FORMAT_FIELDS, INPUT_FIELDS
from tornado_app.protocol import asked
from tornado_app.protocol.figures import CostFigures, LimitUse
from tornado_app.protocol.realtime.items import user_image, user_text
from tornado_app.protocol.told import PongReply, Status, UpstreamFigures
from tornado_app.session import transcribing
from tornado_app.session.changes import changes_bytes
from tornado_app.session.formatting import stays
from tornado_app.session.gateway_parts import GatewayParts
from tornado_app.session.model_buffer import Turns
from tornado_app.session.parts import Parts
from tornado_app.session.pictures import Pictures


class Listening:
    """Tells uplink and answers what the client wants; audio goes to the uplink by itself.

    Thread: loop.
    """

    def __init__(self, parts: Parts, own: GatewayParts) -> None:
        self._lifetime = parts.lifetime
        self._formatting = own.formatting
        self._config = parts.config
        self._actions = parts.actions
        self._model = parts.model
        self._connecting = parts.connecting
        self._uplink = own.uplink
        self._answers = own.answers
        self._rates = parts.rates
        self._configuring = own.configuring
        self._pictures = Pictures(parts.config.pictures, parts.actions)

    def obey(self, message: asked.Command) -> Refused | None:
        """Act on *message*, or say why not."""
        if self._model.in_force.only_transcribes and (refused := transcribing.refusal(message)):
            return refused
        match message:
            case asked.CommitAudio():
                self._uplink.commit()
            case asked.ClearAudio():
                self._uplink.clear()
            case asked.Ping():
                # An integer is an id of pings alone, and no client waits for it as ref.
                ref = message.ref if isinstance(message.ref, str) else None
                pong = PongReply(message.ref, ref=ref)
                self._uplink.pending.in_turn(partial(self._actions.say, pong))
            case asked.Text(text):
                self._type(user_text(text))
            case asked.Image():
                if refused := self._pictures.refusal(message):
                    return refused
                self._type(user_image(message.image, message.format, message.text))
            case asked.Interrupt(item_id, heard_ms):
                self._uplink.withdraw()
                self._answers.interrupt(item_id, heard_ms)
            case asked.Playback(item_id, played_ms):
                self._answers.on_playback(item_id, played_ms)
            case asked.Configure(changes):
                if refused := self._configuring.refusal(changes):
                    return refused
                self._configure(changes)
            case asked.ToolResult():
                self._take_result(message)
            case asked.RefreshToken(token):
                return self._lifetime.refresh(token, message.ref)
            case asked.Pong():
                pass  # a sign of life, which is noted of each message
            case asked.ClientEvent():
                return Refused("unknown_type", "There is no such message.", "type")
            case _:
                assert_never(message)
        return None

    def _take_result(self, result: asked.ToolResult) -> None:
        """Behind what the client has asked to be in force: an answer may follow."""
        pending = self._uplink.pending
        if pending.holds_change:
            size_bytes = ENTRY_BYTES + text_bytes(result.output)
            pending.in_turn(partial(self._result, result), size_bytes)
        else:
            self._result(result)

    def _result(self, result: asked.ToolResult) -> None:
        refused = self._answers.tools.result(result)
        if refused is not None:  # it may have crossed with the cancellation
            self._uplink.refuse_in_turn(refused)

    def _type(self, item: Mapping[str, Any]) -> None:
        """A turn behind all that the client has committed, and has asked to be in force."""
        if not self._uplink.typed(item, self._answers.typed):
            self._answers.typed(item, self._actions.now)

    def answer(self, turns: Turns) -> None:
        """What the client has committed is on its way to the model."""
        if turns.since is not None:
            self._answers.waits.turn_ended(turns.since)
        if turns.spoken is not None:
            self._answers.want(turns.spoken)

    def _configure(self, changes: Mapping[str, Any]) -> None:
        """In its turn; what follows a change of the input waits for what becomes of it."""
        if FORMAT_FIELDS & changes.keys() and (
            refused := self._rates.format_change(self._actions.now)
        ):
            self._uplink.refuse_in_turn(stays(refused, changes, self._actions.chunk))
            return
        ask = partial(self._configuring.ask, changes, self._actions.chunk)
        if INPUT_FIELDS & changes.keys():
            self._formatting.hold(ask, changes)
        else:
            self._uplink.pending.in_turn(ask, changes_bytes(changes), is_change=True)

    def tell_status(self, limits: dict[str, LimitUse], cost: CostFigures | None) -> None:
        """Answer ``get_status``; *limits* are those that only the server can count, and so is what
        it has cost.
        """
        config, model = self._config, self._model
        connected_at = self._connecting.connected_at
        reconnects = self._connecting.reconnects
        used = round(self._rates.used(self._actions.now), 1)
        latency_ms = model.heard.latency_ms
        if latency_ms is not None:
            latency_ms = round(latency_ms, 1)
        self._actions.say(
            Status(
                status=model.state,
                session_id=config.session_id,
                user_id=config.user_id,
                model=model.name,
                connected_at=None if connected_at is None else config.unix_ms(connected_at),
                upstream=UpstreamFigures(model.state, reconnects, latency_ms),
                audio=self._uplink.figures(),
                limits=limits | {"message_burst": LimitUse(used, config.rates.message_burst)},
                token_expires_at=self._lifetime.token_expires_at,
                tools=self._answers.tools.figures,
                cost=cost,
                ref=self._actions.ref,
            )
        )
