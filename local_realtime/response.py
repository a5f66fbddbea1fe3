"""One response, from `response.created` to `response.done`, a piece at a time."""

import math
from collections import deque
from typing import Any

from local_realtime.audio import Sound
from local_realtime.conversation import Conversation
from local_realtime.ids import new_id
from local_realtime.outbox import Outbox
from local_realtime.output_item import OutputCall, Stage
from local_realtime.output_message import OutputMessage
from local_realtime.responder import Answer, FunctionCall, Incomplete, Piece
from local_realtime.response_plan import Plan
from local_realtime.usage import ASSISTANT_AUDIO_MS_PER_TOKEN, LETTERS_PER_TOKEN, Meter

NEVER = math.inf


class Response:
    """Says nothing until `take` brings the answer; then `step` whenever `due` has come.

    An out-of-band response has no conversation: its items are shown in its own events only.
    """

    def __init__(
        self,
        plan: Plan,
        conversation: Conversation | None,
        conversation_id: str,
        outbox: Outbox,
        pace: float,
    ) -> None:
        self.id = new_id("resp")
        self.plan = plan
        self.due = NEVER
        self.playback_ends = -NEVER
        self.status = "in_progress"
        self._stage = Stage(self.id, plan, conversation, outbox)
        self._conversation_id = conversation_id
        self._outbox = outbox
        self._pace = pace
        self._outputs: list[OutputMessage | OutputCall] = []
        self._calls: deque[FunctionCall] = deque()
        self._is_answered = False
        self._was_cut = False
        self._cut_reason = "max_output_tokens"
        self._next_step = -NEVER
        self._room = self._whole_room()
        outbox.emit("response.created", response=self._to_wire(None, None))

    def take(self, piece: Piece, now: float) -> None:
        """The answer goes on with *piece*; what is said before a function is called is said first.

        Raises:
            TypeError: If that is no piece of an answer.
        """
        match piece:
            case Answer():
                self._take_sentence(piece, now)
            case FunctionCall():
                self._calls.append(piece)
                if not self._outputs:
                    self._open_call()
            case Incomplete():
                self._was_cut, self._cut_reason = True, piece.reason
            case _:
                raise TypeError(piece)
        self._next_step = self.due = max(self._next_step, now)

    def answered(self, now: float) -> None:
        """The answer is whole."""
        self._is_answered = True
        self._next_step = self.due = max(self._next_step, now)

    def _take_sentence(self, sentence: Answer, now: float) -> None:
        if self._was_cut:
            return
        if not self._outputs:
            self._outputs.append(OutputMessage(self._stage, 0))
        message = self._outputs[-1]
        if isinstance(message, OutputMessage):
            cut = self._within_limit(sentence)
            message.add(cut)
            if self.plan.is_spoken:
                self.playback_ends = max(now, self.playback_ends) + cut.sound.seconds

    def _whole_room(self) -> int | None:
        """How many milliseconds, or letters, the answer may have."""
        limit = self.plan.max_output_tokens
        each = ASSISTANT_AUDIO_MS_PER_TOKEN if self.plan.is_spoken else LETTERS_PER_TOKEN
        return None if limit is None else limit * each

    def _within_limit(self, answer: Answer) -> Answer:
        if self._room is None:
            return answer
        if self.plan.is_spoken:
            cut = Answer(answer.text, answer.sound.until_ms(self._room))
            self._room -= cut.sound.duration_ms
        else:
            cut = Answer(answer.text[: self._room], answer.sound)
            self._room -= len(cut.text)
        self._was_cut = cut != answer
        return cut

    def _open_call(self) -> None:
        self._outputs.append(OutputCall(self._stage, len(self._outputs), self._calls.popleft()))

    def step(self) -> bool:
        """Send the next piece; whether it was the last."""
        if not self._outputs:
            return self._is_answered
        if self._outputs[-1].has_more:
            duration_ms = self._outputs[-1].step()
            if self._pace:
                self._next_step += duration_ms / 1000 / self._pace
        if self._outputs[-1].has_more:
            self.due = self._next_step
        elif self._calls:
            self._outputs[-1].close("completed")
            self._open_call()
            self.due = self._next_step
        else:
            # Until the answer goes on there is nothing to do.
            self.due = NEVER
            return self._is_answered
        return False

    @property
    def said(self) -> str:
        return "".join(output.said for output in self._outputs)

    @property
    def spoken(self) -> Sound:
        """The part of the sound that was sent."""
        if self._outputs and isinstance(self._outputs[0], OutputMessage):
            return self._outputs[0].spoken
        return Sound(b"", 24_000)

    def message(self, item_id: str) -> OutputMessage | None:
        """The message with this id, if it is being sent."""
        for output in self._outputs:
            if output.id == item_id and isinstance(output, OutputMessage):
                return output
        return None

    def complete(self, meter: Meter) -> None:
        if self._was_cut:
            details = {"type": "incomplete", "reason": self._cut_reason}
            self.finish("incomplete", details, meter)
        else:
            self.finish("completed", None, meter)

    def cancel(self, reason: str, meter: Meter) -> None:
        self.finish("cancelled", {"type": "cancelled", "reason": reason}, meter)

    def finish(self, status: str, details: dict[str, Any] | None, meter: Meter) -> None:
        """Send the closing events, whatever has been said so far."""
        self.status = status
        if self._outputs:
            self._outputs[-1].close("completed" if status == "completed" else "incomplete")
        usage = meter.measure(self.plan.instructions, self.plan.items, self.said, self.spoken)
        self._outbox.emit("response.done", response=self._to_wire(details, usage))

    def _to_wire(
        self, details: dict[str, Any] | None, usage: dict[str, Any] | None
    ) -> dict[str, Any]:
        is_over = self.status != "in_progress"
        plan = self.plan
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": details,
            "output": [output.item().to_wire() for output in self._outputs] if is_over else [],
            "conversation_id": None if plan.is_out_of_band else self._conversation_id,
            "output_modalities": [plan.modality],
            "max_output_tokens": plan.max_output_tokens or "inf",
            "audio": {"output": {"format": plan.audio_format, "voice": plan.voice}},
            "usage": usage,
            "metadata": plan.metadata,
        }
