"""One response, from `response.created` to `response.done`, a piece at a time."""

import math
from typing import Any

from local_realtime.audio import Sound, encode_base64
from local_realtime.conversation import Conversation, require_within
from local_realtime.errors import invalid
from local_realtime.ids import new_id
from local_realtime.items import Item, Part
from local_realtime.outbox import Outbox
from local_realtime.responder import Answer
from local_realtime.response_plan import Plan
from local_realtime.usage import (
    ASSISTANT_AUDIO_MS_PER_TOKEN,
    LETTERS_PER_TOKEN,
    Meter,
)

STEP_MS = 100
"""Audio in one delta; a multiple of 3 samples at every rate, as `encode_base64` wants."""

TEXT_STEP_LETTERS = 8
TEXT_STEP_MS = 50
"""A text answer comes at 160 letters a second, times the pace."""

NEVER = math.inf


class Response:
    """Says nothing until `begin` brings the answer; then `step` whenever `due` has come.

    An out-of-band response has no conversation: its item is shown in its own events only.
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
        self.item_id = new_id("item")
        self.plan = plan
        self.due = NEVER
        self.playback_ends = -NEVER
        self.status = "in_progress"
        self._conversation = conversation
        self._conversation_id = conversation_id
        self._outbox = outbox
        self._pace = pace
        self._answer: Answer | None = None
        self._was_cut = False
        self._letters_sent = 0
        self._samples_sent = 0
        self._steps = 0
        self._truncated_to_ms: int | None = None
        outbox.emit("response.created", response=self._to_wire(None, None))

    def begin(self, answer: Answer, now: float) -> None:
        """Open the item that will hold *answer*, cut to the tokens allowed."""
        self._answer = self._within_limit(answer)
        self._outbox.emit("response.output_item.added", **self._output_at(), item=self._item_wire())
        if self._conversation:
            previous_item_id = self._conversation.last_id
            self._conversation.add(self._item())
            self._outbox.emit(
                "conversation.item.added",
                previous_item_id=previous_item_id,
                item=self._item_wire(),
            )
        self._outbox.emit(
            "response.content_part.added", **self._content_at(), part=self._content_part("")
        )
        self.due = now
        self.playback_ends = now + self._sound.seconds

    def _within_limit(self, answer: Answer) -> Answer:
        limit = self.plan.max_output_tokens
        if limit is None:
            return answer
        if self.plan.is_spoken:
            sound = answer.sound.until_ms(limit * ASSISTANT_AUDIO_MS_PER_TOKEN)
            cut = Answer(answer.text, sound)
        else:
            cut = Answer(answer.text[: limit * LETTERS_PER_TOKEN], answer.sound)
        self._was_cut = cut != answer
        return cut

    @property
    def _sound(self) -> Sound:
        """What will be spoken."""
        if self._answer and self.plan.is_spoken:
            return self._answer.sound
        return Sound(b"", 24_000)

    @property
    def _text(self) -> str:
        return self._answer.text if self._answer else ""

    @property
    def said(self) -> str:
        return self._text[: self._letters_sent]

    @property
    def spoken(self) -> Sound:
        """The part of the sound that was sent."""
        return Sound(self._sound.pcm[: 2 * self._samples_sent], self._sound.rate_hz)

    def step(self) -> bool:
        """Send the next piece; whether it was the last."""
        self._steps += 1
        if self.plan.is_spoken:
            self._step_sound()
            self._pause(STEP_MS)
        else:
            self._send_text(self._steps * TEXT_STEP_LETTERS)
            self._pause(TEXT_STEP_MS)
        return self._letters_sent == len(self._text) and self._samples_sent == self._sound.samples

    def _pause(self, duration_ms: int) -> None:
        if self._pace:
            self.due += duration_ms / 1000 / self._pace

    def _step_sound(self) -> None:
        sound, start = self._sound, self._samples_sent
        stop = min(start + sound.rate_hz * STEP_MS // 1000, sound.samples)
        # The transcript runs ahead of the sound, at twice its speed.
        share = 1.0 if stop == sound.samples else min(1.0, 2 * stop / sound.samples)
        self._send_text(math.ceil(len(self._text) * share))
        if stop > start:
            delta = encode_base64(sound, self.plan.audio_format, start, stop)
            self._outbox.emit("response.output_audio.delta", **self._content_at(), delta=delta)
            self._samples_sent = stop

    def _send_text(self, until: int) -> None:
        delta = self._text[self._letters_sent : until]
        if delta:
            kind = "output_audio_transcript" if self.plan.is_spoken else "output_text"
            self._outbox.emit_text_delta(f"response.{kind}.delta", delta, **self._content_at())
            self._letters_sent += len(delta)

    def complete(self, meter: Meter) -> None:
        if self._was_cut:
            details = {"type": "incomplete", "reason": "max_output_tokens"}
            self.finish("incomplete", details, meter)
        else:
            self.finish("completed", None, meter)

    def cancel(self, reason: str, meter: Meter) -> None:
        self.finish("cancelled", {"type": "cancelled", "reason": reason}, meter)

    def finish(self, status: str, details: dict[str, Any] | None, meter: Meter) -> None:
        """Send the closing events, whatever has been said so far."""
        self.status = status
        if self._answer:
            self._close_content()
            self._close_item()
        usage = meter.measure(self.plan.instructions, self.plan.items, self.said, self.spoken)
        self._outbox.emit("response.done", response=self._to_wire(details, usage))

    def _close_content(self) -> None:
        where = self._content_at()
        if self.plan.is_spoken:
            self._outbox.emit("response.output_audio.done", **where)
            self._outbox.emit(
                "response.output_audio_transcript.done", **where, transcript=self.said
            )
        else:
            self._outbox.emit("response.output_text.done", **where, text=self.said)
        self._outbox.emit("response.content_part.done", **where, part=self._content_part(self.said))

    def _close_item(self) -> None:
        if self._conversation:
            self._conversation.replace(self._item())
            self._outbox.emit(
                "conversation.item.done",
                previous_item_id=self._conversation.predecessor(self.item_id),
                item=self._item_wire(),
            )
        self._outbox.emit("response.output_item.done", **self._output_at(), item=self._item_wire())

    def truncate(self, content_index: int, audio_end_ms: int) -> None:
        """The client heard only so much of what is still being sent.

        Raises:
            Refused: If not even that much was sent.
        """
        if content_index or not self.plan.is_spoken:
            raise invalid("content_index", "the item has no such audio")
        require_within(audio_end_ms, self.spoken.duration_ms)
        self._truncated_to_ms = audio_end_ms

    def _item(self) -> Item:
        wire = {"type": "message", "role": "assistant"}
        if self.status == "in_progress":
            return Item(self.item_id, wire, status="in_progress")
        status = "completed" if self.status == "completed" else "incomplete"
        if not self.plan.is_spoken:
            part = Part({"type": "output_text", "text": self.said})
        elif self._truncated_to_ms is None:
            part = Part({"type": "output_audio", "transcript": self.said}, self.spoken)
        else:
            heard = self.spoken.until_ms(self._truncated_to_ms)
            part = Part({"type": "output_audio", "transcript": ""}, heard)
        return Item(self.item_id, wire, status, (part,))

    def _item_wire(self) -> dict[str, Any]:
        return self._item().to_wire()

    def _content_part(self, said: str) -> dict[str, Any]:
        if self.plan.is_spoken:
            return {"type": "audio", "transcript": said}
        return {"type": "text", "text": said}

    def _output_at(self) -> dict[str, Any]:
        return {"response_id": self.id, "output_index": 0}

    def _content_at(self) -> dict[str, Any]:
        return {**self._output_at(), "item_id": self.item_id, "content_index": 0}

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
            "output": [self._item_wire()] if is_over and self._answer else [],
            "conversation_id": None if plan.is_out_of_band else self._conversation_id,
            "output_modalities": [plan.modality],
            "max_output_tokens": plan.max_output_tokens or "inf",
            "audio": {"output": {"format": plan.audio_format, "voice": plan.voice}},
            "usage": usage,
            "metadata": plan.metadata,
        }
