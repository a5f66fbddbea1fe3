"""One response, from `response.created` to `response.done`, a piece at a time."""

import math
from collections import deque
from typing import Any, TypeAlias

from local_realtime.ids import new_id
from local_realtime.session.budget import Budget
from local_realtime.session.conversation import Conversation
from local_realtime.session.outbox import Outbox
from local_realtime.session.output_item import OutputCall, Stage
from local_realtime.session.output_message import OutputMessage
from local_realtime.session.responder import Answer, FunctionCall, Incomplete, Piece
from local_realtime.session.response_plan import Plan
from local_realtime.session.usage import Meter

NEVER = math.inf
Call: TypeAlias = tuple[FunctionCall, int]
"""A call, and how many letters of its arguments may be sent."""


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
        self._budget = Budget(plan.max_output_tokens, is_spoken=plan.is_spoken)
        self._outputs: list[OutputMessage | OutputCall] = []
        self._waiting: deque[Answer | Call] = deque()
        self._has_called = False
        self._is_answered = False
        self._cut_reason: str | None = None
        self._next_step = -NEVER
        outbox.emit("response.created", response=self._to_wire(None, None))

    def take(self, piece: Piece, now: float) -> None:
        """The answer goes on with *piece*; what came before is said before.

        Raises:
            TypeError: If that is no piece of an answer.
        """
        match piece:
            case Answer():
                self._take_sentence(piece, now)
            case FunctionCall():
                self._take_call(piece)
            case Incomplete():
                self._cut_reason = piece.reason
            case _:
                raise TypeError(piece)
        self._next_step = self.due = max(self._next_step, now)

    def answered(self, now: float) -> None:
        """The answer is whole."""
        self._is_answered = True
        self._next_step = self.due = max(self._next_step, now)

    def _take_sentence(self, sentence: Answer, now: float) -> None:
        if self._budget.is_exceeded:
            return
        cut = self._budget.cut(sentence)
        if self.plan.is_spoken:
            self.playback_ends = max(now, self.playback_ends) + cut.sound.seconds
        last = self._outputs[-1] if self._outputs else None
        if isinstance(last, OutputMessage) and not self._waiting:
            last.add(cut)
        else:
            self._waiting.append(cut)
            self._open_first()

    def _take_call(self, call: FunctionCall) -> None:
        if self._budget.is_exceeded or (self._has_called and not self.plan.parallel_tool_calls):
            return
        self._has_called = True
        self._waiting.append((call, self._budget.letters_of(call)))
        self._open_first()

    def _open_first(self) -> None:
        if not self._outputs:
            self._open_next()

    def _open_next(self) -> None:
        """Begin the item that waits; only then is the one before it done."""
        before = self._outputs[-1] if self._outputs else None
        piece, index = self._waiting.popleft(), len(self._outputs)
        if isinstance(piece, Answer):
            message = OutputMessage(self._stage, index, precedes_call=piece.is_commentary)
            message.add(piece)
            while self._waiting and isinstance(following := self._waiting[0], Answer):
                message.add(following)
                self._waiting.popleft()
            self._outputs.append(message)
        else:
            call = OutputCall(self._stage, index, *piece)
            self._outputs.append(call)
            if isinstance(before, OutputMessage):
                before.precedes_call = True
                if call.has_more:
                    # As recorded: the first of the arguments comes before the message's end.
                    self._send_piece(call)
        if before:
            before.close("completed")

    def step(self) -> bool:
        """Send the next piece; whether it was the last."""
        if not self._outputs:
            return self._is_answered
        current = self._outputs[-1]
        if current.has_more:
            self._send_piece(current)
        if current.has_more:
            self.due = self._next_step
        elif self._waiting:
            self._open_next()
            self.due = self._next_step
        else:
            # Until the answer goes on there is nothing to do.
            self.due = NEVER
            return self._is_answered
        return False

    def _send_piece(self, output: OutputMessage | OutputCall) -> None:
        duration_ms = output.step()
        if self._pace:
            self._next_step += duration_ms / 1000 / self._pace

    @property
    def said(self) -> str:
        return "".join(output.said for output in self._outputs)

    @property
    def spoken_ms(self) -> int:
        """How much sound was sent."""
        messages = (output for output in self._outputs if isinstance(output, OutputMessage))
        return sum(message.spoken.duration_ms for message in messages)

    def message(self, item_id: str) -> OutputMessage | None:
        """The message with this id, if it is being sent."""
        last = self._outputs[-1] if self._outputs else None
        return last if isinstance(last, OutputMessage) and last.id == item_id else None

    def complete(self, meter: Meter) -> None:
        if self._budget.is_exceeded or self._cut_reason:
            reason = self._cut_reason or "max_output_tokens"
            details = {"type": "incomplete", "reason": reason}
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
        reasons = self.plan.traits.reasons
        usage = meter.measure(self.plan.context, self.said, self.spoken_ms, reasons=reasons)
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
