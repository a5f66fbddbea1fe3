"""What each event of the model means to the parts of a session."""

from typing import assert_never

from tornado_app.admission.limits import Bucket
from tornado_app.protocol.endings import (
    Ending,
    Failure,
    safe_word,
    unfulfilled,
)
from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.answer_audio import AnswerAudio, BrokenAudio
from tornado_app.protocol.told import SpeechStarted, SpeechStopped
from tornado_app.session.gateway_parts import GatewayParts
from tornado_app.session.log_lines import log_transcribed
from tornado_app.session.model_errors import refusal
from tornado_app.session.parts import Parts
from tornado_app.session.pieces import MODEL_BYTES_PER_MS
from tornado_app.session.upstream_errors import Refusals

MALFORMED_PER_S = 1.0
MALFORMED_BURST = 100.0
OPENING = (
    realtime.SessionCreated,
    realtime.SessionUpdated,
    realtime.UpstreamError,
    realtime.Malformed,
)
"""What concerns us before a model is ready: of turns it has been told nothing, and an answer that
began there would have nobody who waits for its end."""


class Hearing:
    """Tells model side, uplink and answers what the model has said.  Thread: loop."""

    __slots__ = (
        "_actions",
        "_answers",
        "_awaited",
        "_configuring",
        "_connecting",
        "_malformed",
        "_model",
        "_refusals",
        "_scribe",
        "_uplink",
    )

    def __init__(self, parts: Parts, own: GatewayParts) -> None:
        self._actions = parts.actions
        self._model = parts.model
        self._uplink = own.uplink
        self._answers = own.answers
        self._refusals = Refusals(
            parts.actions, parts.model, own.uplink, own.answers, own.configuring
        )
        self._configuring = own.configuring
        self._connecting = parts.connecting
        self._scribe = parts.scribe
        self._awaited = own.awaited
        self._malformed = Bucket(MALFORMED_PER_S, MALFORMED_BURST)

    def hear(self, said: realtime.UpstreamEvent) -> Ending | Failure | None:
        """Act on *said*.  An ending ends the session, a failure the link; mostly it is neither."""
        if self._model.state != "connected" and not isinstance(said, OPENING):
            return None
        answers, scribe = self._answers, self._scribe
        match said:
            case AnswerAudio():
                self._model.has_spoken = True
                scribe.sound(said.item_id, said.response_id, len(said.pcm) / MODEL_BYTES_PER_MS)
                answers.on_audio(said)
            case BrokenAudio():
                answers.on_broken_audio(said)
            case realtime.AnswerTranscriptDelta():
                scribe.words(said.item_id, said.response_id, said.delta, is_spoken=True)
                answers.on_transcript_delta(said.item_id, said.response_id, said.delta)
            case realtime.AnswerTextDelta():
                scribe.words(said.item_id, said.response_id, said.delta, is_spoken=False)
                answers.on_text(said.item_id, said.response_id)
                answers.on_transcript_delta(said.item_id, said.response_id, said.delta)
            case realtime.AnswerTranscriptDone(response_id, item_id, text):
                scribe.words_end(item_id, response_id, text)
                answers.on_transcript_done(item_id, response_id, text)
            case realtime.AnswerTextDone(response_id, item_id, text):
                scribe.words_end(item_id, response_id, text)
                answers.on_text(item_id, response_id)
                answers.on_transcript_done(item_id, response_id, text)
            case realtime.UserTranscriptDelta(item_id, delta):
                scribe.user_words(said)
                self._awaited.heard(item_id)
                answers.on_user_transcript_delta(item_id, delta)
            case realtime.UserTranscriptDone():
                self._hear_words(said)
            case realtime.UserTranscriptFailed(item_id, error):
                scribe.user_words_end(item_id, None)
                self._awaited.ended(item_id)
                self._hear_no_words(item_id, error or realtime.ErrorFacts())
            case realtime.AudioDone(response_id, item_id):
                answers.on_audio_done(item_id, response_id)
            case realtime.ResponseCreated(response):
                answers.tools.on_answer()
                self._model.has_begun = True
                answers.answering.begin(response.id)
            case realtime.ResponseFinished(response):
                if (failure := refusal(response.error, self._model)) is not None:
                    answers.answering.refuse(response)
                    return failure  # the next is asked
                answers.finish(response)
                self._model.on_usage(response.usage)
            case realtime.OutputItemDone(response_id, item):
                scribe.item_done(response_id, item)
                answers.tools.hear(response_id, item)
            case _:
                return self._hear_state(said)
        return None

    def _hear_state(
        self,
        said: realtime.SessionCreated
        | realtime.SessionUpdated
        | realtime.UpstreamError
        | realtime.UserSpeechStarted
        | realtime.UserSpeechStopped
        | realtime.Committed
        | realtime.Cleared
        | realtime.ItemAdded
        | realtime.Unknown
        | realtime.Malformed,
    ) -> Ending | Failure | None:
        match said:
            case realtime.SessionCreated(session):
                self._on_connected_if(self._connecting.on_created(session))
            case realtime.SessionUpdated():
                if self._model.state == "connected":
                    self._configuring.on_updated()
                    self._answers.on_configured()
                else:
                    self._on_connected_if(self._connecting.on_updated())
            case realtime.UpstreamError(error):
                return self._refusals.on_error(error)
            case realtime.ItemAdded():
                self._scribe.added(said)
            case realtime.UserSpeechStarted():
                self._hear_speech_started(said)
            case realtime.UserSpeechStopped():
                self._hear_speech_stopped(said)
            case realtime.Committed():
                self._hear_committed(said)
            case realtime.Cleared():
                self._scribe.cleared()
                self._answers.on_speech_taken()
                self._uplink.confirmations.on_cleared()
            case realtime.Malformed(size_bytes):
                return self._hear_malformed(size_bytes)
            case realtime.Unknown(kind):
                if kind.startswith("response."):
                    self._answers.answering.heard()
            case _:
                assert_never(said)
        return None

    def _hear_speech_started(self, said: realtime.UserSpeechStarted) -> None:
        self._model.has_begun = True
        if self._scribe.speech_started(said):
            begins_ms = self._uplink.clock.clients_ms(said.audio_start_ms)
            self._actions.say(SpeechStarted(said.item_id, begins_ms))
        self._answers.on_speech_started(said.item_id)

    def _hear_speech_stopped(self, said: realtime.UserSpeechStopped) -> None:
        is_news = self._scribe.speech_stopped(said)
        if is_news:
            name = self._model.rebuilding.names.shown(said.item_id)
            ends_ms = self._uplink.clock.clients_ms(said.audio_end_ms)
            self._actions.say(SpeechStopped(name, ends_ms))
        self._answers.on_speech_stopped(is_news=is_news)

    def _hear_committed(self, said: realtime.Committed) -> None:
        self._model.has_begun = True
        committed = self._uplink.on_committed(said.item_id)
        if committed.how == "twice":
            return
        self._scribe.committed(said, committed.name)
        self._answers.on_speech_taken()
        self._answers.cutting.committed(said.item_id)
        self._awaited.committed(said.item_id)
        if committed.how == "answer":
            self._answers.want(None)
        elif committed.how == "unasked" and self._model.answers_unasked:
            self._answers.asking.expect(is_expected=True)

    def on_connected(self) -> None:
        """What was kept is on its way only now, and what answers it is awaited."""
        self._answers.asking.on_connected()
        self._uplink.confirmations.on_connected()
        self._configuring.on_connected()

    def _on_connected_if(self, has_connected: bool) -> None:
        if has_connected:
            self.on_connected()

    def _hear_words(self, said: realtime.UserTranscriptDone) -> None:
        asked_model = self._model.in_force.transcription_model
        log_transcribed(self._actions, said, asked_model, self._model.once)
        self._scribe.user_words_end(said.item_id, said.transcript)
        self._awaited.ended(said.item_id)
        self._answers.on_user_transcript_done(said.item_id, said.transcript)

    def _hear_no_words(self, item_id: str, error: realtime.ErrorFacts) -> None:
        """Beside an answer words may be missing; where there is nothing else, they are missed."""
        code = safe_word(error.code or "")
        self._answers.on_user_transcript_failed(item_id, code)
        if self._model.in_force.only_transcribes:
            why = code or "no reason given"
            sentence = f"The model could not write down what was said ({why}). Say it again."
            self._actions.refuse(unfulfilled(error, sentence))

    def _hear_malformed(self, size_bytes: int) -> Failure | None:
        """One is an accident; a flood is no Realtime API, and costs the other sessions time."""
        self._actions.log("upstream_malformed", size_bytes=size_bytes)
        if not self._malformed.take(self._actions.now):
            return None
        return Failure("open", "protocol", detail="malformed")
