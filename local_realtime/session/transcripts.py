"""What users are told of their own words: partial transcripts while they speak, then the whole."""

from typing import Any

from local_realtime.errors import server_error
from local_realtime.ids import new_id
from local_realtime.session.audio_config import LOGPROBS
from local_realtime.session.input_audio import InputAudio
from local_realtime.session.outbox import Outbox, Overhear, Transcribe
from local_realtime.session.usage import transcription_usage
from local_realtime.sound.audio import Sound

KIND = "conversation.item.input_audio_transcription"
FOLLOW_EVERY_MS = 700
DIARIZE = "gpt-4o-transcribe-diarize"
NAMES_LANGUAGES = "gpt-transcribe"
ONLY_SPEAKER = "A"
"""Whoever speaks: voices are not told apart here."""

PAUSE_MS = 350
"""Speech that pauses for so long is read in case it is over: then it is known when it ends."""

FOLLOW_UNTIL_MS = 12_000
"""Every partial transcript reads all from the start; beyond this it costs more than it tells."""


class Transcripts:
    """Deltas are never taken back: of a partial transcript only that is told which two agree on."""

    def __init__(self, session_id: str, outbox: Outbox) -> None:
        self._session_id = session_id
        self._outbox = outbox
        self._item_id = ""
        self._is_waiting = False
        self._next_ms = 0
        self._paused_at_ms = 0
        self._last = ""
        self._told = ""
        # Of items that have been committed and are still being read, what was told before.
        self._told_of: dict[str, str] = {}
        self._settings: dict[str, Any] = {}
        # There are no probabilities here, and who has asked for them is told so.
        self._extra: dict[str, Any] = {}

    def configure(self, settings: dict[str, Any] | None, include: list[str] | None) -> None:
        """Transcribe as the session says; what was asked before it said no is still told."""
        self._settings = settings or self._settings
        self._extra = {"logprobs": None} if LOGPROBS in (include or []) else {}

    def follow(self, item_id: str, speech: InputAudio) -> None:
        """Ask for a partial transcript of speech in progress, if it is time for one."""
        spoken_ms = speech.end_ms - speech.start_ms
        if item_id != self._item_id:
            self._item_id, self._last, self._told = item_id, "", ""
            self._next_ms = FOLLOW_EVERY_MS
        if self._is_waiting or spoken_ms > FOLLOW_UNTIL_MS:
            return
        if speech.quiet_ms:
            is_time, paused_at_ms = speech.quiet_ms >= PAUSE_MS, speech.end_ms - speech.quiet_ms
            if not is_time or paused_at_ms == self._paused_at_ms:
                return
            self._paused_at_ms = paused_at_ms
        elif spoken_ms < self._next_ms:
            return
        self._is_waiting = True
        self._next_ms = spoken_ms + FOLLOW_EVERY_MS
        self._outbox.command(Overhear(item_id, speech.so_far()))

    def overheard(self, item_id: str, text: str | None) -> None:
        """A partial transcript; too late once the item's own has been told."""
        self._is_waiting = False
        if text is None or item_id != self._item_id:
            return
        agreed = _agreed(self._last, text)
        if agreed.startswith(self._told):
            self._tell(item_id, agreed.removeprefix(self._told))
            self._told = agreed
        self._last = text

    def ask(self, item_id: str, sound: Sound) -> None:
        """Ask for the transcript of a committed item; of no sound at all there is one already."""
        if item_id == self._item_id:
            self._told_of[item_id], self._item_id = self._told, ""
        if sound.pcm:
            self._outbox.command(Transcribe(item_id, sound))
        else:
            self.finish(item_id, 0.0, "")

    def finish(self, item_id: str, seconds: float, text: str | None) -> None:
        """Tell the whole transcript, or that there is none if *text* is None."""
        told = self._told_of.pop(item_id, "")
        where = {"item_id": item_id, "content_index": 0}
        if text is None:
            error = server_error(self._session_id)
            inner = {"type": error.kind, "code": error.code, "message": error.message, "param": ""}
            self._outbox.emit(f"{KIND}.failed", **where, error=inner)
            return
        if text.startswith(told):
            self._tell(item_id, text.removeprefix(told))
        self._complete(where, text, seconds)

    def _complete(self, where: dict[str, Any], text: str, seconds: float) -> None:
        model = self._settings.get("model")
        extra = dict(self._extra)
        if model == DIARIZE and text:
            segment = {"start": 0.0, "end": seconds, "text": text, "speaker": ONLY_SPEAKER}
            self._outbox.emit(f"{KIND}.segment", **where, id=new_id("seg"), **segment)
        if model == NAMES_LANGUAGES:
            # Empty: nothing here can tell one from another.
            extra["languages"] = []
        usage = transcription_usage(model, self._settings.get("prompt"), seconds, text)
        self._outbox.emit(f"{KIND}.completed", **where, transcript=text, usage=usage, **extra)

    def _tell(self, item_id: str, delta: str) -> None:
        if delta:
            where = {"item_id": item_id, "content_index": 0}
            self._outbox.emit_text_delta(f"{KIND}.delta", delta, **where, **self._extra)


def _agreed(one: str, other: str) -> str:
    """The whole words with which both begin; the last word of either may still change."""
    agreed = []
    for left, right in zip(one.split()[:-1], other.split()[:-1], strict=False):
        if left != right:
            break
        agreed.append(left)
    return " ".join(agreed)
