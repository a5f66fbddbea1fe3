"""What is to be written down of events and commands of a session that is recorded."""

from tornado_app.protocol import asked, told
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.answer_audio import AnswerAudio
from tornado_app.protocol.realtime.overhearing import Overheard
from tornado_app.session import events
from tornado_app.session.commands import Command, ResetUplink, SendClient
from tornado_app.session.config import SessionConfig
from tornado_app.session.record import (
    AnswerSound,
    Away,
    Back,
    Begun,
    Cut,
    Ended,
    Entry,
    RecordedParts,
    Sent,
    Spoken,
    Told,
    UserSound,
    Words,
)


class Notes:
    """What is to be written down of events and commands."""

    def __init__(self, config: SessionConfig, parts: RecordedParts) -> None:
        self._opened_at = config.opened_at
        self._has_audio = parts != "words"
        self._has_words = parts != "audio"
        self._held_ms = 0.0
        """What the resampler has taken and not given."""
        self._is_told = False
        """The client has said in this event how much it has played."""
        session = config.model_session
        self._entries: list[Entry] = [
            Begun(
                config.session_id,
                config.user_id,
                config.opened_at_unix_ms,
                session.asked_model,
                "" if session.only_transcribes else session.voice,
                parts,
            )
        ]

    def note_event(self, event: events.Event, now: float) -> None:
        self._is_told = False
        match event:
            case events.UplinkReady(result):
                self._note_speech(result, now)
            case events.UpstreamSaid(said) if not isinstance(said, Overheard):
                self._note_said(said, now)
            case events.ClientSaid(asked.Playback(item_id=item_id, played_ms=played_ms)):
                self._entries.append(Told(self._ms(now), item_id, played_ms))
            case events.ClientSaid(asked.Interrupt(heard_ms=int())):
                self._is_told = True
            case events.ClientGone(is_lost=True) | events.ClientSlow():
                self._entries.append(Away(self._ms(now)))
            case events.ClientBack(last_seq=last_seq):
                self._entries.append(Back(self._ms(now), last_seq))
            case events.ClientSaid(asked.Text(text=text)) if self._has_words:
                self._entries.append(Words(self._ms(now), "user", "", text))
            case _:
                pass

    def note_commands(self, commands: list[Command], now: float) -> None:
        for command in commands:
            if isinstance(command, SendClient):
                self._note_told(command.message, self._ms(now), command.seq)
            elif isinstance(command, ResetUplink):  # what it held is cleared
                self._held_ms = 0.0

    def take(self, ended_at: float | None) -> list[Entry]:
        """What has been noted since the last time; *ended_at*: there will be no more."""
        if ended_at is not None:
            self._entries.append(Ended(self._ms(ended_at)))
        entries, self._entries = self._entries, []
        return entries

    def _ms(self, now: float) -> float:
        return round((now - self._opened_at) * 1000, 3)

    def _note_speech(self, result: events.Converted | events.Unusable, now: float) -> None:
        if isinstance(result, events.Unusable):
            return
        self._held_ms += result.duration_ms - result.converted_ms
        if self._has_audio and result.audio:
            self._entries.append(UserSound(self._ms(now) - self._held_ms, result.audio))

    def _note_said(self, said: realtime.UpstreamEvent, now: float) -> None:
        match said:
            case AnswerAudio(_, item_id, pcm) if self._has_audio:
                self._entries.append(AnswerSound(item_id, pcm))
            case realtime.Committed(item_id):
                self._entries.append(Spoken(self._ms(now), item_id, "committed"))
            case _:
                pass

    def _note_told(self, message: told.ServerMessage, at_ms: float, seq: int) -> None:
        match message:
            case told.Audio():
                self._entries.append(
                    Sent(at_ms, message.item_id, message.offset_ms, message.duration_ms, seq)
                )
            case told.Interrupted(item_id=item_id, heard_ms=heard_ms):
                self._entries.append(Cut(at_ms, item_id, heard_ms if self._is_told else None, seq))
            case told.SpeechStarted(item_id=item_id):
                self._entries.append(Spoken(at_ms, item_id, "begun"))
            case told.SpeechStopped(item_id=item_id):
                self._entries.append(Spoken(at_ms, item_id, "ended"))
            case told.Transcript(final=True) if self._has_words:
                self._entries.append(Words(at_ms, message.role, message.item_id, message.text))
            case _:
                pass
