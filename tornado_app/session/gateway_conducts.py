"""The gateway conducts: it asks for answers, cuts them, and tells the client what happens."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.figures import AudioFigures, CostFigures, LimitUse
from tornado_app.session import pending_queue
from tornado_app.session.deadlines import Deadlines
from tornado_app.session.events import Converted, ToolDone, Unusable
from tornado_app.session.gateway_parts import GatewayParts
from tornado_app.session.hearing import Hearing
from tornado_app.session.interrupting import Event
from tornado_app.session.listening import Listening
from tornado_app.session.memory import Memory
from tornado_app.session.model_buffer import NO_TURNS
from tornado_app.session.parts import Parts
from tornado_app.session.quiet import Quiet
from tornado_app.session.record import SoundFormats


class GatewayConducts:
    """A `Conductor`.  Thread: loop."""

    __slots__ = (
        "_actions",
        "_awaited",
        "_configuring",
        "_deadlines",
        "_formatting",
        "_model",
        "_quiet",
        "_reports",
        "answers",
        "audio",
        "downlink",
        "hear",
        "listening",
        "memory",
        "on_connected",
        "uplink",
    )

    def __init__(self, parts: Parts) -> None:
        own = GatewayParts(parts)
        self._actions, self._model = parts.actions, parts.model
        self._reports = parts.reports
        self._formatting, self._configuring = own.formatting, own.configuring
        self._awaited = own.awaited
        self.uplink, self.answers = own.uplink, own.answers
        self.downlink = own.downlink
        self.memory = Memory(parts.budget, own.downlink, parts.rebuilding, parts.summing_up)
        hearing = Hearing(parts, own)
        self._quiet = Quiet(parts, own)
        self.on_connected = hearing.on_connected
        # The hot path calls these as they are.
        self.audio = own.uplink.audio
        self.hear: Callable[[Any], Ending | Failure | None] = hearing.hear
        self.listening = Listening(parts, own)
        self._deadlines = Deadlines(parts, own)

    @property
    def is_busy(self) -> bool:
        return self.answers.is_busy

    @property
    def heard_until(self) -> float:
        return self.answers.playout.heard_until(self._actions.now)

    @property
    def speech_since(self) -> float | None:
        return self.answers.speech_since

    @property
    def sound_at(self) -> float:
        return self.uplink.sound_at

    @property
    def has_streamed(self) -> bool:
        return self.uplink.has_streamed

    def stop_answering(self, refused: Refused) -> None:  # noqa: ARG002  the client was told
        self.answers.asking.close()

    def say_alone(self, sentence: str) -> bool:
        if not self.answers.asking.is_free:
            return False
        self.answers.asking.fill(sentence, None)
        return True

    @property
    def sound_formats(self) -> SoundFormats:
        return SoundFormats()

    @property
    def is_quiet(self) -> bool:
        return self._quiet.is_now

    def file(self, message: asked.AudioFile) -> Refused | None:
        return self.uplink.files.take(message.text, message.container)

    def obey(self, message: asked.Command) -> Refused | None:
        return self.listening.obey(message)

    def tell_status(self, limits: dict[str, LimitUse], cost: CostFigures | None) -> None:
        self.in_turn(partial(self.listening.tell_status, limits, cost))

    def takes(self, too_fast: Refused) -> bool:  # noqa: ARG002  whatever it says of it
        return False

    def refuse(self, refused: Refused) -> None:
        self.uplink.refuse_in_turn(refused)

    def in_turn(self, say: Callable[[], None]) -> None:
        self.uplink.pending.in_turn(say)

    def forget_pending(self) -> None:
        self.uplink.pending.end()

    def ease(self) -> None:
        self.uplink.ease()

    def uplink_ready(self, result: Converted | Unusable) -> None:
        pending = self.uplink.pending
        if pending.is_due:
            pending.keep(result)
            return
        turns = self.uplink.ready(result)
        if turns is not NO_TURNS:
            self.listening.answer(turns)
        if pending.replies:
            pending.say_due()

    def tool_done(self, result: ToolDone) -> None:
        self.answers.tools.done(result)

    def settle(self) -> None:
        if self.answers.tools.is_waiting:
            self.answers.tools.settle()

    def on_timer(self, name: str) -> Ending | Failure | None:
        if name == pending_queue.TIMER:
            self.uplink.pending.go_on(self.uplink_ready)
            return None
        return self._deadlines.on_timer(name)

    def on_lost(self, unsent_ms: float, *, goes_on: bool) -> None:
        self.answers.cutting.happen(Event.LOST)
        carried = self.uplink.clock.carry_over(self._model) if goes_on else None
        self.uplink.on_lost(carried, unsent_ms)
        self.answers.on_lost(is_kept=carried is not None)
        self._configuring.on_lost()
        self._awaited.on_lost()

    def away(self) -> None:
        self.answers.playout.away(self._actions.now)

    def back(self, resume_token: str, *, was_away: bool) -> None:
        if was_away:
            self.answers.playout.back(self._actions.now)
        self._reports.first(self._formatting.formats, resume_token, is_back=True)

    def look(self, queued_bytes: int) -> None:
        if self.uplink.pending.is_due:
            self.uplink.pending.go_on(self.uplink_ready)
        self.memory.look(queued_bytes, finds_within_s=self._model.finds_within_s)

    def figures(self) -> AudioFigures:
        return self.uplink.figures()

    def shut(self, *, is_told: bool) -> None:
        self.answers.tools.shut(is_told=is_told)
        self._configuring.shut()

    def release(self) -> None:
        self.answers.cutting.forget()
        self.uplink.shut()
        self.memory.shut()
