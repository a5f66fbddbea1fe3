"""The client conducts: what it asks is relayed as far as it may, what the model says is shown."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.opening import MODEL_FORMAT
from tornado_app.protocol.realtime.api_errors import ApiRefusal
from tornado_app.protocol.told import AudioFigures, CostFigures, LimitUse, RelayedError
from tornado_app.session import pending_queue
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.conversation_memory import ConversationMemory
from tornado_app.session.events import Converted, ToolDone, Unusable
from tornado_app.session.model_side import NOT_READY
from tornado_app.session.parts import Parts
from tornado_app.session.pictures import Pictures
from tornado_app.session.record import SoundFormats
from tornado_app.session.relaying import answers as answers_room
from tornado_app.session.relaying import tools as tools_room
from tornado_app.session.relaying.answer_events import AnswerEvents
from tornado_app.session.relaying.answers import Answers
from tornado_app.session.relaying.asking import Asking
from tornado_app.session.relaying.converting import Converting
from tornado_app.session.relaying.forgotten import Forgotten
from tornado_app.session.relaying.hearing import Hearing
from tornado_app.session.relaying.item_events import ItemEvents
from tornado_app.session.relaying.losing import Losing
from tornado_app.session.relaying.outstanding import Outstanding
from tornado_app.session.relaying.refusals import Refusals
from tornado_app.session.relaying.speaking import Speaking
from tornado_app.session.relaying.standing import Client
from tornado_app.session.relaying.straight import Straight
from tornado_app.session.relaying.tools import Tools
from tornado_app.session.relaying.updating import Updating
from tornado_app.session.relaying.veil import Veil
from tornado_app.session.sent import Sent


class ClientConducts:
    """A `Conductor`.  Thread: loop."""

    def __init__(self, parts: Parts) -> None:
        config, model, actions = parts.config, parts.model, parts.actions
        self._actions = actions
        self._model = model
        self._lifetime = parts.lifetime
        self._backlog = parts.backlog
        self._memory = ConversationMemory(parts.budget, parts.rebuilding, parts.summing_up)
        self.downlink = way = _way(config, actions)
        self.speaking = Speaking(
            config, model, actions, parts.timers, budget=parts.budget, backlog=parts.backlog
        )
        veil, self._outstanding = Veil(config), Outstanding(parts.budget)
        client = Client(config, model, veil)
        updating = Updating(
            model,
            actions,
            self._outstanding,
            client=client,
            veil=veil,
            speaking=self.speaking,
            way=way,
        )
        timeout_s = config.response_timeout_s
        self._answers = Answers(
            actions, model, parts.timers, veil=veil, way=way, timeout_s=timeout_s
        )
        self._tools = Tools(config, model, actions, parts.timers, answers=self._answers)
        known: dict[str, Any] = {"outstanding": self._outstanding, "veil": veil}
        known |= {"tools": self._tools, "answers": self._answers}
        clock = self.speaking.clock
        forgotten = Forgotten()
        items = ItemEvents(model, parts.scribe, **known, clock=clock, forgotten=forgotten)
        self._asking = Asking(
            model,
            actions,
            speaking=self.speaking,
            outstanding=self._outstanding,
            client=client,
            updating=updating,
            pictures=Pictures(config.pictures, actions),
            answers=self._answers,
            tools=self._tools,
            items=items,
            forgotten=forgotten,
            way=way,
        )
        hearing = Hearing(
            actions,
            model,
            parts.scribe,
            updating=updating,
            refusals=Refusals(
                actions,
                model,
                self._outstanding,
                asking=self._asking,
                veil=veil,
                answers=self._answers,
            ),
            answers=AnswerEvents(actions, model, **known),
            items=items,
            outstanding=self._outstanding,
            open_answers=self._answers,
            way=way,
        )
        self._losing = Losing(
            config,
            model,
            actions,
            answers=self._answers,
            tools=self._tools,
            items=items,
            outstanding=self._outstanding,
            client=client,
            clock=clock,
            asking=self._asking,
            forgotten=forgotten,
            veil=veil,
        )
        # The hot path calls these as they are.
        self.audio = self.speaking.audio
        self.hear: Callable[[Any], Ending | Failure | None] = hearing.hear
        self._hearing = hearing
        self._updating = updating
        # The sound itself is not looked at.
        self.sound_at = config.opened_at
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
        return self._model.gate.is_free and not (is_spoken or len(self._outstanding))

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
                self._model.redial()
            case "release":
                self._model.gate.release()
            case "audio_rate":
                pass  # `ease` follows every event
            case pending_queue.TIMER:
                self.speaking.pending.go_on(self.speaking.ready)
            case answers_room.TIMER:
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


def _way(config: SessionConfig, actions: Actions) -> Straight | Converting:
    sent = Sent(config, actions)
    return Straight(actions, sent) if config.target == MODEL_FORMAT else Converting(actions, sent)


def _no_event() -> Refused:
    return Refused("unknown_type", "The API has no such event.", "type")
