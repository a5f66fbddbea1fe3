"""What each event of the model means for the record of a call, and how its client is shown it."""

from tornado_app.admission.limits import Bucket
from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.overhearing import Overheard, Place, RelayedEvent
from tornado_app.session.log_lines import log_transcribed
from tornado_app.session.model_errors import refusal
from tornado_app.session.parts import Parts
from tornado_app.session.relaying.answer_events import AnswerEvents
from tornado_app.session.relaying.asking import Asking
from tornado_app.session.relaying.parts import RelayedParts
from tornado_app.session.relaying.refusals import Refusals
from workers.formats import base64_bytes

MALFORMED_PER_S = 1.0
MALFORMED_BURST = 100.0
OPENING = (
    realtime.SessionCreated,
    realtime.SessionUpdated,
    realtime.UpstreamError,
    realtime.Malformed,
)
ENDS = (realtime.OutputItemDone, realtime.ResponseFinished)
"""Behind these there is no more audio of what they name."""


class Hearing:
    """Thread: loop."""

    def __init__(self, parts: Parts, relayed: RelayedParts, asking: Asking) -> None:
        self._actions = parts.actions
        self._model = parts.model
        self._connecting = parts.connecting
        self._names = parts.model.rebuilding.names
        self._scribe = parts.scribe
        self._updating = relayed.updating
        self._refusals = Refusals(parts, relayed, asking)
        self._answers = AnswerEvents(parts, relayed)
        self._items = relayed.items
        self._outstanding = relayed.outstanding
        self._open_answers = relayed.answers
        self._owed = relayed.owed
        self._owed_words = relayed.owed_words
        self._way = relayed.way
        self.heard_until = parts.actions.now
        """Until when the client plays what it was told, if it plays as it is told."""
        self.speech_since: float | None = None
        self._malformed = Bucket(MALFORMED_PER_S, MALFORMED_BURST)

    def hear(self, overheard: Overheard) -> Ending | Failure | None:
        """Act on it.  An ending ends the session, a failure the link; mostly it is neither."""
        said, text = overheard.said, overheard.text
        if self._model.state != "connected" and not isinstance(said, OPENING):
            return None
        match said:
            case realtime.AudioDelta(response_id, item_id, delta):
                self._model.has_spoken = True
                sound_ms = base64_bytes(delta or "") / self._updating.answer_bytes_per_ms
                self._scribe.sound(item_id, response_id, sound_ms)
                begins_at = max(self.heard_until, self._actions.now)
                self.heard_until = begins_at + sound_ms / 1000
                shown = self._answers.show(said, text)
                if shown:
                    self._way.say_audio(shown, sound_ms)
            case realtime.SessionCreated(session):
                self._connecting.on_created(session)
            case realtime.SessionUpdated():
                if self._updating.on_updated(text):
                    self._open_answers.on_connected()
            case realtime.UpstreamError(error):
                return self._refusals.on_error(error)
            case realtime.Malformed(size_bytes):
                return self._hear_malformed(size_bytes)
            case _:
                self._note(said, text)
                is_of_answer = isinstance(said, Place) and said.type.startswith("response.")
                if is_of_answer or isinstance(said, AnswerEvents.KINDS):
                    shown = self._answers.show(said, text)
                    if isinstance(said, ENDS):
                        self._way.end_audio_of(shown)
                    self._show(shown)
                else:
                    self._show(self._items.show(said, text))
                if isinstance(said, realtime.ResponseFinished):
                    return refusal(said.response.error, self._model)
        return None

    def _note(self, said: RelayedEvent, written: str) -> None:
        """Write it down; *written*: as the model has."""
        scribe = self._scribe
        match said:
            case realtime.AudioDone(response_id):
                self._way.end_audio()
                self._open_answers.end_part(response_id, written)
            case Place(type="response.content_part.done", response_id=response_id):
                self._open_answers.end_part(response_id, written)
            case realtime.AnswerTranscriptDelta():
                scribe.words(said.item_id, said.response_id, said.delta, is_spoken=True)
            case realtime.AnswerTextDelta():
                scribe.words(said.item_id, said.response_id, said.delta, is_spoken=False)
            case realtime.AnswerTranscriptDone(response_id, item_id, text):
                scribe.words_end(item_id, response_id, text)
                self._open_answers.end_part(response_id, written)
            case realtime.AnswerTextDone(response_id, item_id, text):
                scribe.words_end(item_id, response_id, text)
                self._open_answers.end_part(response_id, written)
            case (
                realtime.UserTranscriptDelta()
                | realtime.UserTranscriptDone()
                | realtime.UserTranscriptFailed()
            ):
                self._note_words(said)
            case realtime.ResponseCreated():
                self._model.has_begun = True
            case realtime.OutputItemDone(response_id, item):
                scribe.item_done(response_id, item)
            case realtime.UserSpeechStarted():
                self._model.has_begun = True
                self._owed.forget()
                self.speech_since = self.heard_until = self._actions.now
            case realtime.UserSpeechStopped():
                self.speech_since = None
            case realtime.Cleared():
                self.speech_since = None
            case realtime.Committed() if self._model.once.is_news("turn", said.item_id):
                self._model.has_begun = True
                name = self._model.rebuilding.speech.oldest_commit
                if name:
                    self._outstanding.answered("input_audio_buffer.commit")
                else:
                    self._owed.turn()
                self.speech_since = None
                scribe.committed(said, name)
                self._owed_words.committed(said.item_id)
                self._actions.log("audio_committed")

    def _note_words(
        self,
        said: realtime.UserTranscriptDelta
        | realtime.UserTranscriptDone
        | realtime.UserTranscriptFailed,
    ) -> None:
        """Of the user."""
        match said:
            case realtime.UserTranscriptDelta(item_id):
                self._scribe.user_words(said)
                self._owed_words.heard(item_id)
            case realtime.UserTranscriptDone(item_id, text):
                asked_model = self._updating.transcription_model
                log_transcribed(self._actions, said, asked_model, self._model.once)
                self._scribe.user_words_end(item_id, text)
                self._owed_words.ended(item_id)
                if not (text or "").strip():
                    self._owed.forget()  # a noise need not be answered
            case realtime.UserTranscriptFailed(item_id):
                self._scribe.user_words_end(item_id, None)
                self._owed_words.ended(item_id)

    def _show(self, text: str) -> None:
        if text:
            self._way.say(self._names.shown_text(text) if self._names else text)

    def _hear_malformed(self, size_bytes: int) -> Failure | None:
        """One is an accident; a flood is no Realtime API, and costs the other sessions time."""
        self._actions.log("upstream_malformed", size_bytes=size_bytes)
        if not self._malformed.take(self._actions.now):
            return None
        return Failure("open", "protocol", detail="malformed")
