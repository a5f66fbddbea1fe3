"""The client conducts: what it asks is relayed as far as it may, what the model says is shown."""

from collections.abc import Callable

from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.realtime.events import UpstreamEvent
from tornado_app.protocol.realtime.overhearing import Overheard
from tornado_app.protocol.told import AudioFigures, LimitUse
from tornado_app.session.conversation_memory import ConversationMemory
from tornado_app.session.events import Converted, ToolDone, Unusable
from tornado_app.session.parts import Parts
from tornado_app.session.relaying.asking import Asking
from tornado_app.session.relaying.hearing import Hearing
from tornado_app.session.relaying.outstanding import Outstanding
from tornado_app.session.relaying.speaking import Speaking
from tornado_app.session.relaying.straight import Straight
from tornado_app.session.relaying.updating import Updating
from tornado_app.session.sent import Sent


class ClientConducts:
    """A `Conductor`.  Thread: loop."""

    def __init__(self, parts: Parts) -> None:
        config, model, actions = parts.config, parts.model, parts.actions
        self._actions = actions
        self._model = model
        self._lifetime = parts.lifetime
        self._memory = ConversationMemory(parts.budget, parts.rebuilding)
        self._outstanding = Outstanding()
        self.downlink = Straight(Sent(config, actions))
        self.speaking = Speaking(config, model, actions, budget=parts.budget, backlog=parts.backlog)
        self._updating = Updating(config, model, actions)
        self._asking = Asking(model, actions, self.speaking, self._outstanding)
        self._hearing = Hearing(
            actions,
            model,
            parts.scribe,
            self._outstanding,
            updating=self._updating,
            sent=self.downlink.sent,
        )
        self.audio = self.speaking.audio
        # What answers run and what is heard of them, its client knows.
        self.is_busy = False
        self.speech_since: float | None = None
        self.heard_until = self.sound_at = config.opened_at
        self.has_streamed = False

    def say_alone(self, sentence: str) -> bool:  # noqa: ARG002
        """Nothing is said in the name of its client."""
        return True

    @property
    def is_quiet(self) -> bool:
        is_spoken = self._model.rebuilding.speech.is_heard or self._hearing.is_answering
        return self._model.is_free and not (is_spoken or self._outstanding.all)

    def file(self, message: asked.AudioFile) -> Refused | None:  # noqa: ARG002
        return _no_event()

    def obey(self, message: asked.Command) -> Refused | None:
        if not isinstance(message, asked.ClientEvent):
            return _no_event()
        self._asking.ask(message)
        return None

    def tell_status(self, limits: dict[str, LimitUse]) -> None:
        """The API has no such question."""

    def takes(self, too_fast: Refused) -> bool:  # noqa: ARG002
        return True

    def refuse(self, refused: Refused) -> None:
        self.in_turn(lambda: self._actions.refuse(refused))

    def in_turn(self, say: Callable[[], None]) -> None:
        self.speaking.pending.in_turn(say)

    def forget_pending(self) -> None:
        self.speaking.pending.forget()

    def ease(self) -> None:
        self.speaking.ease()

    def uplink_ready(self, result: Converted | Unusable) -> None:
        self.speaking.ready(result)

    def tool_done(self, result: ToolDone) -> None:
        """Nothing is called yet."""

    def hear(self, said: UpstreamEvent | Overheard) -> Ending | Failure | None:
        assert isinstance(said, Overheard)  # noqa: S101  its dialect reads no other
        return self._hearing.hear(said)

    def settle(self) -> None:
        """Nothing is awaited."""

    def on_timer(self, name: str) -> Ending | Failure | None:
        match name:
            case "ready":
                return self._model.on_not_ready()
            case "redial":
                self._model.redial()
            case "release":
                self._model.release()
            case "audio_rate":
                pass  # `ease` follows every event
            case _:
                return self._lifetime.on_timer(name)
        return None

    def on_lost(self, unsent_ms: float, *, goes_on: bool) -> None:  # noqa: ARG002
        self._hearing.is_answering = False
        if not goes_on:
            return
        self._model.carry_over()
        for each in self._outstanding.all:
            self._model.send(each.order)

    def on_connected(self) -> None:
        """What it was asked for is on its way."""

    def away(self) -> None:
        """It cannot come back."""

    def back(self, resume_token: str, *, was_away: bool) -> None:
        """It cannot come back."""

    def look(self, queued_bytes: int) -> None:  # noqa: ARG002
        self._memory.look(finds_speech=self._model.finds_speech)

    def figures(self) -> AudioFigures:
        return self.speaking.figures()

    def shut(self, *, is_told: bool) -> None:
        """Nothing runs."""

    def release(self) -> None:
        self._outstanding.forget()
        self.speaking.pending.forget()
        self._memory.shut()


def _no_event() -> Refused:
    return Refused("unknown_type", "The API has no such event.", "type")
