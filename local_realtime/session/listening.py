"""The user's side of a session: sound comes in, turns are found in it and become items."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local_realtime.ears.vad import Ears
from local_realtime.ids import new_id
from local_realtime.session.conversation import Conversation
from local_realtime.session.input_audio import (
    InputAudio,
    SpeechPaused,
    SpeechStarted,
    SpeechStopped,
)
from local_realtime.session.item_requests import add_item
from local_realtime.session.items import Item, spoken_by_user, system_note
from local_realtime.session.models import STREAMING_MODELS
from local_realtime.session.outbox import Judge, Outbox
from local_realtime.session.transcripts import Transcripts
from local_realtime.sound.audio import decode_base64, rate_of

SILENT_NOTE = (
    "The user has been silent for a while. If the audio holds speech, answer it; "
    "if not, ask whether they are still there."
)


@dataclass(frozen=True, slots=True)
class Turns:
    """Whom to tell."""

    begun: Callable[[float], None]
    ended: Callable[[], None]


class Listening:
    """Follows the session's `audio.input`, as `configure` last gave it."""

    def __init__(
        self,
        audio_input: dict[str, Any],
        *,
        conversation: Conversation,
        transcripts: Transcripts,
        outbox: Outbox,
        ears: Ears,
        turns: Turns,
    ) -> None:
        self._settings = audio_input
        self._conversation = conversation
        self._transcripts = transcripts
        self._outbox = outbox
        self._ears = ears
        self._turns = turns
        self._input = InputAudio(rate_of(audio_input["format"]), ears=ears)
        self._input.detect(audio_input["turn_detection"])
        # The item that what is being said will be; none before anything is.
        self._item_id: str | None = None
        self._silent_from_ms = 0

    def configure(self, audio_input: dict[str, Any]) -> None:
        if audio_input["format"] != self._settings["format"]:
            # Bytes of two formats cannot stand in one buffer: what was not committed is dropped.
            self._item_id = None
            rate_hz = rate_of(audio_input["format"])
            self._input = InputAudio(rate_hz, self._input.end_ms, self._ears)
        self._settings = audio_input
        self._input.detect(audio_input["turn_detection"])

    @property
    def speaking(self) -> bool:
        return self._input.speaking

    @property
    def has_unheard(self) -> bool:
        return self._input.has_unheard

    @property
    def detection(self) -> dict[str, Any]:
        """Empty if the client decides when a turn is over."""
        return self._settings["turn_detection"] or {}

    def append(self, audio: str, now: float, *, may_be_idle: bool) -> None:
        """Take in sound; what comes while nobody *may_be_idle* is no part of a silence."""
        self._input.append(decode_base64(audio, self._settings["format"], "audio"))
        if not may_be_idle:
            self._silent_from_ms = self._input.end_ms
        self.hear(now)

    def hear(self, now: float) -> None:
        """A little more of what has come in."""
        for mark in self._input.listen():
            match mark:
                case SpeechStarted():
                    self._begin(mark, now)
                case SpeechPaused():
                    self._outbox.command(Judge(mark.at_ms, mark.sound))
                case SpeechStopped():
                    self._end(mark)
        if self._is_followed():
            self._item_id = self._item_id or new_id("item")
            self._transcripts.follow(self._item_id, self._input)

    def judge(self, at_ms: int, probability: float | None) -> None:
        """How probably the speaker who paused then has finished."""
        stopped = self._input.judge(at_ms, probability)
        if stopped:
            self._end(stopped)

    def _is_followed(self) -> bool:
        """Whether there may be deltas of what is being said."""
        transcription = self._settings["transcription"]
        if transcription is None:
            return False
        is_manual = self._settings["turn_detection"] is None
        return self.speaking or (is_manual and transcription["model"] in STREAMING_MODELS)

    def _begin(self, mark: SpeechStarted, now: float) -> None:
        self._item_id = new_id("item")
        self._outbox.emit(
            "input_audio_buffer.speech_started",
            audio_start_ms=mark.audio_start_ms,
            item_id=self._item_id,
        )
        self._turns.begun(now)

    def _end(self, mark: SpeechStopped) -> None:
        item_id = self._take_id()
        self._outbox.emit(
            "input_audio_buffer.speech_stopped", audio_end_ms=mark.audio_end_ms, item_id=item_id
        )
        self._commit(spoken_by_user(item_id, mark.sound))
        self._turns.ended()

    def _take_id(self) -> str:
        item_id, self._item_id = self._item_id or new_id("item"), None
        return item_id

    def commit(self) -> None:
        """As the client asks; `Refused` if it is too short."""
        sound = self._input.commit()
        self._commit(spoken_by_user(self._take_id(), sound))

    def clear(self) -> None:
        self._item_id = None
        self._input.clear()
        self._outbox.emit("input_audio_buffer.cleared")

    def fill_silence(self) -> None:
        """Nobody has spoken for the idle timeout: what the buffer holds is the turn."""
        item_id = new_id("item")
        self._outbox.emit(
            "input_audio_buffer.timeout_triggered",
            audio_start_ms=max(self._silent_from_ms, self._input.start_ms),
            audio_end_ms=self._input.end_ms,
            item_id=item_id,
        )
        add_item(system_note(SILENT_NOTE), self._conversation, self._outbox)
        self._commit(spoken_by_user(item_id, self._input.take()))

    def _commit(self, item: Item) -> None:
        self._outbox.emit(
            "input_audio_buffer.committed",
            item_id=item.id,
            previous_item_id=self._conversation.last_id,
        )
        add_item(item, self._conversation, self._outbox)
        sound = item.parts[0].sound
        if sound is not None and self._settings["transcription"] is not None:
            self._transcripts.ask(item.id, sound)
