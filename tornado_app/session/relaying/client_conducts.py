"""The client conducts: what it asks is relayed as far as it may, what the model says is shown."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.figures import AudioFigures, CostFigures, LimitUse
from tornado_app.protocol.realtime.api_errors import ApiRefusal
from tornado_app.protocol.told import RelayedError
from tornado_app.session import pending_queue
from tornado_app.session.connecting import NOT_READY
from tornado_app.session.conversation_memory import ConversationMemory
from tornado_app.session.events import Converted, ToolDone, Unusable
from tornado_app.session.parts import Parts
from tornado_app.session.record import SoundFormats
from tornado_app.session.relaying import going_on
from tornado_app.session.relaying import tools as tools_room
from tornado_app.session.relaying.asking import Asking
from tornado_app.session.relaying.hearing import Hearing
from tornado_app.session.relaying.lateness import Lateness
from tornado_app.session.relaying.losing import Losing
from tornado_app.session.relaying.parts import RelayedParts


class ClientConducts:
    """A `Conductor`.  Thread: loop."""

    def __init__(self, parts: Parts) -> None:
        relayed = RelayedParts(parts)
        self._actions = parts.actions
        self._model = parts.model
        self._connecting = parts.connecting
        self._lifetime = parts.lifetime
        self._backlog = parts.backlog
        self._memory = ConversationMemory(parts.budget, parts.rebuilding, parts.summing_up)
        self.downlink = relayed.way
        self.speaking = relayed.speaking
        self._outstanding = relayed.outstanding
        self._owed = relayed.owed
        self._owed_words = relayed.owed_words
        self._updating = relayed.updating
        self._answers = relayed.answers
        self._tools = relayed.tools
        self._asking = Asking(parts, relayed)
        self._hearing = Hearing(parts, relayed, self._asking)
        self._losing = Losing(parts, relayed, self._asking)
        self._lateness = Lateness(parts, relayed, self._asking)
        # The hot path calls these as they are.
        self.audio = self.speaking.audio
        self.hear: Callable[[Any], Ending | Failure | None] = self._hearing.hear
        # The sound itself is not looked at.
        self.sound_at = parts.config.opened_at
        self.has_streamed = False

    @property
    def is_busy(self) -> bool:
        return bool(self._answers.open) or self._tools.holds_conversation

    @property
    def sound_formats(self) -> SoundFormats:
        return self._updating.formats

    @property
    def heard_until(self) -> float:
        return self._hearing.heard_until

    @property
    def speech_since(self) -> float | None:
        return self._hearing.speech_since

    @property
    def is_quiet(self) -> bool:
        is_spoken = self._model.rebuilding.speech.is_heard or self.is_busy
        is_awaited = self._owed or self._owed_words or self._outstanding
        return self._model.gate.is_free and not (is_spoken or is_awaited)

    def stop_answering(self, refused: Refused) -> None:
        self._answers.close(refused)

    def say_alone(self, sentence: str) -> bool:  # noqa: ARG002
        """Nothing is said in the name of its client."""
        return True

    def on_connected(self) -> None:
        self._answers.on_connected()

    def file(self, message: asked.AudioFile) -> Refused | None:  # noqa: ARG002
        return _no_event()

    def obey(self, message: asked.Command) -> Refused | None:
        if not isinstance(message, asked.ClientEvent):
            return _no_event()
        try:
            self._asking.ask(message)
        except Refused as refused:
            return refused
        return None

    def tell_status(self, limits: dict[str, LimitUse], cost: CostFigures | None) -> None:
        """The API has no such question."""

    def takes(self, too_fast: Refused) -> bool:
        """A client of the API knows of no such limit, and does nothing wrong: it is read later."""
        self._backlog.rest((too_fast.retry_after_ms or 0) / 1000)
        return True

    def refuse(self, refused: Refused) -> None:
        self.in_turn(partial(self._refuse, refused))

    def in_turn(self, say: Callable[[], None]) -> None:
        self.speaking.pending.in_turn(say)

    def forget_pending(self) -> None:
        self.speaking.pending.end()

    def ease(self) -> None:
        self.speaking.ease()

    def uplink_ready(self, result: Converted | Unusable) -> None:
        self.speaking.ready(result)

    def tool_done(self, result: ToolDone) -> None:
        self._tools.done(result)

    def settle(self) -> None:
        """All is settled by whatever causes it."""

    def on_timer(self, name: str) -> Ending | Failure | None:
        match name:
            case "ready":
                return NOT_READY
            case "redial":
                self._connecting.dial()
            case "release":
                self._model.gate.release()
            case "audio_rate":
                pass  # `ease` follows every event
            case pending_queue.TIMER:
                self.speaking.pending.go_on(self.speaking.ready)
            case going_on.TIMER:
                self._answers.on_timer()
            case tools_room.TIMER:
                self._tools.on_timer()
            case _:
                return self._lifetime.on_timer(name)
        return None

    def on_lost(self, unsent_ms: float, *, goes_on: bool) -> None:  # noqa: ARG002
        if goes_on:
            self._losing.on_lost()

    def away(self) -> None:
        """It cannot come back."""

    def back(self, resume_token: str, *, was_away: bool) -> None:
        """It cannot come back."""

    def look(self, queued_bytes: int) -> None:  # noqa: ARG002
        if self.speaking.pending.is_due:
            self.speaking.pending.go_on(self.speaking.ready)
        self._lateness.look()
        self._memory.look(finds_within_s=self._model.finds_within_s)

    def figures(self) -> AudioFigures:
        return self.speaking.figures()

    def shut(self, *, is_told: bool) -> None:  # noqa: ARG002
        self._tools.shut()

    def release(self) -> None:
        self._outstanding.forget()
        self.speaking.pending.end()
        self._memory.shut()

    def _refuse(self, refused: Refused) -> None:
        if not isinstance(refused, ApiRefusal):
            self._actions.refuse(refused)
            return
        ref = self._actions.ref
        event_id = ref if isinstance(ref, str) else None
        self._actions.say(
            RelayedError(
                "invalid_request_error", refused.word, refused.sentence, refused.field, event_id
            )
        )


def _no_event() -> Refused:
    return Refused("unknown_type", "The API has no such event.", "type")
