"""The message of a response: sentences that are sent piece by piece."""

import math
from typing import Any

from local_realtime.errors import invalid
from local_realtime.session.conversation import require_within
from local_realtime.session.items import Item, Part
from local_realtime.session.output_item import TEXT_STEP_LETTERS, TEXT_STEP_MS, OutputItem, Stage
from local_realtime.session.responder import Answer
from local_realtime.sound.audio import PCM_HZ, Sound, encode_base64

STEP_MS = 100
"""Audio in one delta; a multiple of 3 samples at every rate, as `encode_base64` wants."""


class OutputMessage(OutputItem):
    """Written or spoken; more sentences may be added until it is closed."""

    def __init__(self, stage: Stage, index: int, *, precedes_call: bool = False) -> None:
        super().__init__(stage, index)
        self.precedes_call = precedes_call
        self._is_spoken = stage.plan.is_spoken
        self._sentences: list[Answer] = []
        self._whole_sent = 0
        self._letters_sent = 0
        self._samples_sent = 0
        self._truncated_to_ms: int | None = None
        self._enter()
        self.emit("response.content_part.added", **self._content_at, part=self._content_part(""))

    def add(self, sentence: Answer) -> None:
        sound = sentence.sound if self._is_spoken else Sound(b"", PCM_HZ)
        self._sentences.append(Answer(sentence.text, sound))

    @property
    def has_more(self) -> bool:
        return self._whole_sent < len(self._sentences)

    @property
    def said(self) -> str:
        """What was sent of the text."""
        whole = "".join(sentence.text for sentence in self._sentences[: self._whole_sent])
        if not self.has_more:
            return whole
        return whole + self._sentences[self._whole_sent].text[: self._letters_sent]

    @property
    def spoken(self) -> Sound:
        """What was sent of the sound."""
        pcm = b"".join(sentence.sound.pcm for sentence in self._sentences[: self._whole_sent])
        if self.has_more:
            pcm += self._sentences[self._whole_sent].sound.pcm[: 2 * self._samples_sent]
        rate_hz = self._sentences[0].sound.rate_hz if self._sentences else PCM_HZ
        return Sound(pcm, rate_hz)

    def step(self) -> int:
        """Send the next piece; how many milliseconds it takes."""
        sentence = self._sentences[self._whole_sent]
        if self._is_spoken:
            duration_ms = self._step_sound(sentence)
        else:
            duration_ms = TEXT_STEP_MS
            self._send_text(sentence.text, self._letters_sent + TEXT_STEP_LETTERS)
        is_whole = (
            self._letters_sent == len(sentence.text)
            and self._samples_sent == sentence.sound.samples
        )
        if is_whole:
            self._whole_sent += 1
            self._letters_sent = self._samples_sent = 0
        return duration_ms

    def _step_sound(self, sentence: Answer) -> int:
        sound, start = sentence.sound, self._samples_sent
        stop = min(start + sound.rate_hz * STEP_MS // 1000, sound.samples)
        # The transcript runs ahead of the sound, at twice its speed.
        share = 1.0 if stop == sound.samples else min(1.0, 2 * stop / sound.samples)
        self._send_text(sentence.text, math.ceil(len(sentence.text) * share))
        if stop > start:
            delta = encode_base64(sound, self._stage.plan.audio_format, start, stop)
            self.emit("response.output_audio.delta", **self._content_at, delta=delta)
            self._samples_sent = stop
        return (stop - start) * 1000 // sound.rate_hz

    def _send_text(self, text: str, until: int) -> None:
        delta = text[self._letters_sent : until]
        if delta:
            name = "output_audio_transcript" if self._is_spoken else "output_text"
            kind = f"response.{name}.delta"
            self._stage.outbox.emit_text_delta(kind, delta, **self._content_at)
            self._letters_sent += len(delta)

    def close(self, status: str) -> None:
        """Send the closing events, whatever has been said so far."""
        self.status = status
        where, said = self._content_at, self.said
        if self._is_spoken:
            self.emit("response.output_audio.done", **where)
            self.emit("response.output_audio_transcript.done", **where, transcript=said)
        else:
            self.emit("response.output_text.done", **where, text=said)
        self.emit("response.content_part.done", **where, part=self._content_part(said))
        self._leave()

    def truncate(self, content_index: int, audio_end_ms: int) -> None:
        """The client heard only so much of what is still being sent.

        Raises:
            Refused: If not even that much was sent.
        """
        if content_index or not self._is_spoken:
            raise invalid("content_index", "the item has no such audio")
        require_within(audio_end_ms, self.spoken.duration_ms)
        self._truncated_to_ms = audio_end_ms

    def item(self) -> Item:
        wire = {"type": "message", "role": "assistant"}
        if self._stage.plan.traits.reasons:
            wire["phase"] = "commentary" if self.precedes_call else "final_answer"
        if self.status == "in_progress":
            return Item(self.id, wire, self.status)
        if not self._is_spoken:
            part = Part({"type": "output_text", "text": self.said})
        elif self._truncated_to_ms is None:
            part = Part({"type": "output_audio", "transcript": self.said}, self.spoken)
        else:
            heard = self.spoken.until_ms(self._truncated_to_ms)
            part = Part({"type": "output_audio", "transcript": ""}, heard)
        return Item(self.id, wire, self.status, (part,))

    def _content_part(self, said: str) -> dict[str, Any]:
        if self._is_spoken:
            return {"type": "audio", "transcript": said}
        return {"type": "text", "text": said}

    @property
    def _content_at(self) -> dict[str, Any]:
        return {**self._output_at, "item_id": self.id, "content_index": 0}
