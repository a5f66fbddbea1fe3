"""What each event of the model means for the record of a call, and whether it is shown."""

from tornado_app.admission.limits import Bucket
from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.overhearing import Overheard, Place
from tornado_app.protocol.told import RelayedEvent
from tornado_app.session.actions import Actions
from tornado_app.session.answer_reports import status_of
from tornado_app.session.log_lines import log_answered
from tornado_app.session.model_side import ModelSide
from tornado_app.session.relaying.outstanding import Outstanding
from tornado_app.session.relaying.refusals import Refusals
from tornado_app.session.relaying.updating import Updating
from tornado_app.session.scribe import Scribe
from tornado_app.session.sent import Sent

MALFORMED_PER_S = 1.0
MALFORMED_BURST = 100.0
OPENING = (
    realtime.SessionCreated,
    realtime.SessionUpdated,
    realtime.UpstreamError,
    realtime.Malformed,
)
MODEL_BYTES_PER_MS = 48.0


class Hearing:
    """Thread: loop."""

    def __init__(
        self,
        actions: Actions,
        model: ModelSide,
        scribe: Scribe,
        outstanding: Outstanding,
        *,
        updating: Updating,
        sent: Sent,
    ) -> None:
        self._actions = actions
        self._model = model
        self._scribe = scribe
        self._outstanding = outstanding
        self._updating = updating
        self._sent = sent
        self._refusals = Refusals(actions, model, outstanding, updating)
        self.is_answering = False
        """An answer has begun and not ended."""
        self._malformed = Bucket(MALFORMED_PER_S, MALFORMED_BURST)

    def hear(self, overheard: Overheard) -> Ending | Failure | None:
        """Act on it.  An ending ends the session, a failure the link; mostly it is neither."""
        said, scribe = overheard.said, self._scribe
        if self._model.state != "connected" and not isinstance(said, OPENING):
            return None
        match said:
            case realtime.AudioDelta(response_id, item_id, delta):
                self._model.has_spoken = True
                sound_ms = len(delta or "") * 3 / 4 / MODEL_BYTES_PER_MS
                scribe.sound(item_id, response_id, sound_ms)
                if self._actions.now >= self._sent.probe.due_at:
                    self._sent.begin()
                self._sent.note(sound_ms)
            case realtime.AnswerTranscriptDelta():
                scribe.words(said.item_id, said.response_id, said.delta, is_spoken=True)
            case realtime.AnswerTextDelta():
                scribe.words(said.item_id, said.response_id, said.delta, is_spoken=False)
            case realtime.AnswerTranscriptDone(response_id, item_id, text):
                scribe.words_end(item_id, response_id, text)
            case realtime.AnswerTextDone(response_id, item_id, text):
                scribe.words_end(item_id, response_id, text)
            case realtime.UserTranscriptDelta():
                scribe.user_words(said)
            case realtime.UserTranscriptDone(item_id, text):
                scribe.user_words_end(item_id, text)
            case realtime.UserTranscriptFailed(item_id):
                scribe.user_words_end(item_id, None)
            case Place() | realtime.AudioDone():
                pass
            case _:
                return self._hear_state(said, overheard.text)
        self._show(overheard.text)
        return None

    def _hear_state(
        self,
        said: realtime.PlainEvent | realtime.Malformed,
        text: str,
    ) -> Ending | Failure | None:
        match said:
            case realtime.SessionCreated(session):
                self._model.on_created(session)
                return None
            case realtime.SessionUpdated():
                self._updating.on_updated(text)
                return None
            case realtime.UpstreamError(error):
                return self._refusals.on_error(error)
            case realtime.Malformed(size_bytes):
                return self._hear_malformed(size_bytes)
            case realtime.ItemAdded():
                self._outstanding.answered("conversation.item.create", said.item.id)
                self._scribe.added(said)
            case realtime.UserSpeechStarted():
                self._model.has_begun = True
                self._scribe.speech_started(said)
            case realtime.UserSpeechStopped():
                self._scribe.speech_stopped(said)
            case realtime.Committed():
                self._model.has_begun = True
                self._scribe.committed(said, "")
                self._actions.log("audio_committed")
            case realtime.ResponseCreated():
                self._model.has_begun = True
                self._outstanding.answered("response.create")
                self.is_answering = True
            case realtime.ResponseFinished(response):
                self.is_answering = False
                self._model.on_usage(response.usage)
                log_answered(self._actions, status_of(response), response)
            case realtime.OutputItemDone(response_id, item):
                self._scribe.item_done(response_id, item)
        self._show(text)
        return None

    def _show(self, text: str) -> None:
        self._actions.say(RelayedEvent(text))

    def _hear_malformed(self, size_bytes: int) -> Failure | None:
        """One is an accident; a flood is no Realtime API, and costs the other sessions time."""
        self._actions.log("upstream_malformed", size_bytes=size_bytes)
        if not self._malformed.take(self._actions.now):
            return None
        return Failure("open", "protocol", detail="malformed")
