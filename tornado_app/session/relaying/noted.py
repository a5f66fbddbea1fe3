"""What is written down of a call that its client conducts, if it is recorded.

Of both sides it is what was sent: what the client has played of an answer only its own
`conversation.item.truncate` says.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pybase64

from tornado_app.protocol import asked
from tornado_app.protocol.opening import MODEL_FORMAT
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.answer_audio import AnswerAudio, hear_audio
from tornado_app.protocol.realtime.overhearing import Overheard, RelayedEvent
from tornado_app.session import events
from tornado_app.session.config import SessionConfig
from tornado_app.session.notes import Notes
from tornado_app.session.record import (
    AnswerSound,
    Cut,
    RecordedParts,
    Sent,
    SoundFormat,
    SoundFormats,
    Spoken,
    UserSound,
    Words,
)

BYTES_PER_MS: Mapping[SoundFormat, float] = {"pcm16": 48.0, "pcmu": 8.0, "pcma": 8.0}


class RelayedNotes(Notes):
    """As of the base."""

    def __init__(
        self,
        config: SessionConfig,
        parts: RecordedParts,
        formats: Callable[[], SoundFormats] = SoundFormats,
    ) -> None:
        """*formats* are those of now."""
        super().__init__(config, parts)
        self._formats = formats
        self._takes_as_it_is = config.source == MODEL_FORMAT
        self._item = ""
        """The item whose sound was sent last, and how much of it."""
        self._sent_ms = 0.0

    def note_event(self, event: events.Event, now: float) -> None:
        match event:
            case asked.Audio(payload=str() as payload):
                self._note_payload(payload, now)
            case events.UplinkReady(result):
                self._note_speech(result, now)
            case events.UpstreamSaid(Overheard(said=said)):
                self._note_relayed(said, now)
            case events.ClientSaid(asked.ClientEvent(kind=kind, fields=fields)):
                self._note_asked(kind, fields, now)

    def _note_payload(self, payload: str, now: float) -> None:
        encoding = self._formats().user
        if self._takes_as_it_is and self._has_audio and _is_base64(payload, encoding):
            self._entries.append(UserSound(self._ms(now), payload.encode(), encoding))

    def _note_relayed(self, said: RelayedEvent, now: float) -> None:
        at_ms = self._ms(now)
        match said:
            case realtime.AudioDelta(response_id, item_id, delta):
                heard = hear_audio(response_id, item_id, delta)
                if isinstance(heard, AnswerAudio):
                    self._note_sound(item_id, heard.pcm, at_ms)
            case realtime.UserSpeechStarted(item_id):
                self._entries.append(Spoken(at_ms, item_id, "begun"))
                self._entries.append(Cut(at_ms, self._item or None, None))
            case realtime.UserSpeechStopped(item_id):
                self._entries.append(Spoken(at_ms, item_id, "ended"))
            case realtime.Committed(item_id):
                self._entries.append(Spoken(at_ms, item_id, "committed"))
            case realtime.UserTranscriptDone(item_id, text):
                self._note_words("user", item_id, text, at_ms)
            case realtime.AnswerTranscriptDone(_, item_id, text):
                self._note_words("assistant", item_id, text, at_ms)
            case realtime.AnswerTextDone(_, item_id, text):
                self._note_words("assistant", item_id, text, at_ms)

    def _note_sound(self, item_id: str, pcm: bytes, at_ms: float) -> None:
        if item_id != self._item:
            self._item, self._sent_ms = item_id, 0.0
        encoding = self._formats().model
        duration_ms = len(pcm) / BYTES_PER_MS[encoding]
        if self._has_audio:
            self._entries.append(AnswerSound(item_id, pcm, encoding))
        self._entries.append(Sent(at_ms, item_id, self._sent_ms, duration_ms))
        self._sent_ms += duration_ms

    def _note_words(self, role: Any, item_id: str, text: str | None, at_ms: float) -> None:
        if self._has_words and text:
            self._entries.append(Words(at_ms, role, item_id, text))

    def _note_asked(self, kind: str, fields: dict[str, Any], now: float) -> None:
        match kind, fields:
            case "input_audio_buffer.append", {"audio": str() as audio}:
                self._note_payload(audio, now)
            case "conversation.item.truncate", {"item_id": str() as name, "audio_end_ms": int(ms)}:
                self._entries.append(Cut(self._ms(now), name, float(ms)))
            case "conversation.item.create", {"item": {"role": "user", "content": [*parts]}}:
                texts = [part.get("text") for part in parts if isinstance(part, dict)]
                text = " ".join(text for text in texts if isinstance(text, str))
                self._note_words("user", "", text, self._ms(now))


def _is_base64(text: str, encoding: SoundFormat) -> bool:
    """Of whole samples."""
    try:
        size_bytes = len(pybase64.b64decode(text, validate=True))
        return encoding != "pcm16" or size_bytes % 2 == 0
    except ValueError:
        return False
