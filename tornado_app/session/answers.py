"""The model's answers: what of each is passed on, and how one is interrupted."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tornado_app.admission.budget import Budget, text_bytes
from tornado_app.errors import Ref, Refused
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.answer_audio import AnswerAudio, BrokenAudio
from tornado_app.protocol.realtime.events import ResponseFacts
from tornado_app.protocol.realtime.items import shows
from tornado_app.protocol.realtime.orders import CreateItem
from tornado_app.session.actions import Actions
from tornado_app.session.answer_waits import AnswerWaits
from tornado_app.session.asking import Asking
from tornado_app.session.config import SessionConfig
from tornado_app.session.cutting import Cutting
from tornado_app.session.downlink import Downlink
from tornado_app.session.interrupting import Event
from tornado_app.session.model_side import ModelSide
from tornado_app.session.pieces import MODEL_BYTES_PER_MS
from tornado_app.session.playout import Playout
from tornado_app.session.rounds import Rounds
from tornado_app.session.timers import Timers
from tornado_app.session.tools import Tools
from tornado_app.session.transcripts import Transcripts

TEXT_ID = "parley_text"
IMAGE_ID = "parley_image"
REFS_KEPT = 64
"""Of the last typed turns: a model refuses one at once or not at all."""


class Answers:
    """At most one answer runs at a time; a new turn ends the one before it.  Thread: loop."""

    __slots__ = (
        "_actions",
        "_model",
        "_names",
        "_playout",
        "_refs",
        "_transcripts",
        "_typed",
        "answering",
        "asking",
        "cutting",
        "downlink",
        "playout",
        "speech_since",
        "tools",
        "waits",
    )

    def __init__(
        self,
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
        budget: Budget,
    ) -> None:
        self._model = model
        self._names = model.rebuilding.names
        self._actions = actions
        self.playout = self._playout = Playout()
        self._typed = 0
        self.speech_since: float | None = None
        """When the user began to say what they are saying."""
        self._refs: dict[str, Ref] = {}
        self.waits = AnswerWaits(actions)
        self._transcripts = Transcripts(actions, timers, self.waits)
        self.downlink = Downlink(
            config, actions, self._playout, self._transcripts, waits=self.waits
        )
        rounds = Rounds()
        self.asking = Asking(
            config, model, actions, timers, self.downlink, rounds=rounds, waits=self.waits
        )
        self.answering = self.asking.answering
        self.tools = Tools(
            config,
            model,
            actions,
            timers,
            budget,
            asking=self.asking,
            rounds=rounds,
            playout=self._playout,
            waits=self.waits,
        )
        self.cutting = Cutting(
            config,
            model,
            actions,
            timers,
            playout=self._playout,
            downlink=self.downlink,
            asking=self.asking,
            tools=self.tools,
            rounds=rounds,
        )

    def typed(self, item: Mapping[str, Any], since: float, *, is_answered: bool = True) -> None:
        """A typed turn, or one with a picture, which came at *since*."""
        turn = self._typed_id(IMAGE_ID if shows(item) else TEXT_ID)
        if self._model.send(CreateItem({"id": turn, **item}, event_id=turn)):
            self._model.has_begun = True
            self._model.rebuilding.typed(turn, item)
            if is_answered:
                self.waits.turn_ended(since)
                self.want(turn)
        else:
            sentence = "Too much is waiting for the model. Send it again when it is connected."
            self._actions.refuse(Refused("server_busy", sentence, retry_after_ms=1000))

    def ref_of(self, event_id: str) -> Ref | None:
        """What the client calls the typed turn that was sent under this name."""
        return self._refs.get(event_id)

    def want(self, turn: str | None) -> None:
        """Ask for an answer; one that runs or plays is ended first, as by an interruption.

        *turn*: as of `Asking.want`.
        """
        self.tools.on_turn()
        self.cutting.happen(Event.TURN)
        self.asking.want(turn)

    def on_playback(self, item_id: str, played_ms: int) -> None:
        self.cutting.told(item_id, played_ms)

    def interrupt(self, item_id: str | None, heard_ms: int | None) -> None:
        """The client stops the answer; the conversation keeps only what was heard."""
        if heard_ms is not None:
            # Which by the client's word may have been heard to its end.
            item_id = item_id or self._playout.playing(self._actions.now)
            self.cutting.told(item_id, heard_ms)
        self.cutting.happen(Event.INTERRUPT, item_id)

    def on_speech_started(self, item_id: str) -> None:
        """Barge-in.  The model cancels by itself (``interrupt_response``); a cancel of ours could
        hit the next answer, so only the truncation is sent.  Without it the answer goes on.
        """
        self.speech_since = self._actions.now
        self.tools.on_speech_started()
        self.asking.expect(is_expected=False)
        if self._model.in_force.interrupt_response:
            self.cutting.speech(item_id)

    def on_speech_stopped(self, *, is_news: bool) -> None:
        """The user has said it; the model answers by itself, mostly.

        *is_news*: not also to the model before, from which on the user waits.
        """
        self.cutting.speech_over()
        self.speech_since = None
        if is_news:
            self.waits.turn_ended(self._actions.now)
        self.tools.on_speech_stopped()

    def on_configured(self) -> None:
        """A model that does not look for speech any more says of none that it is over."""
        if not self._model.finds_speech:
            self.on_speech_taken()

    def on_speech_taken(self) -> None:
        """Nor does one whose buffer was cleared, or made a turn of."""
        if self.speech_since is not None:
            self.speech_since = None
            self.tools.on_speech_stopped()

    def on_audio(self, heard: AnswerAudio) -> None:
        response_id = heard.response_id
        if self.cutting.doubt is not None:
            act = partial(self.on_audio, heard)
            if self.cutting.put_off(response_id, act, len(heard.pcm)):
                return
        if self.answering.hears(response_id):
            self.downlink.audio(heard)
        elif self.cutting.keeps(response_id):
            self.cutting.came(heard.item_id)
            self.downlink.keep(heard)
        else:
            self._cut_unheard(heard)

    def on_broken_audio(self, heard: BrokenAudio) -> None:
        # What is no audio is no proof either that an answer has begun.
        if not self.answering.known.has_muted(heard.response_id):
            self.downlink.broken(heard.size_bytes)

    def on_audio_done(self, item_id: str, response_id: str) -> None:
        if self._puts_off(response_id, partial(self.on_audio_done, item_id, response_id)):
            return
        if self.answering.hears(response_id):
            self.downlink.end_item(item_id or None)

    def on_transcript_delta(self, item_id: str, response_id: str, delta: str) -> None:
        act = partial(self.on_transcript_delta, item_id, response_id, delta)
        if self._puts_off(response_id, act, text_bytes(delta)):
            return
        if self._hears_words(response_id):
            self.downlink.words(("assistant", item_id), delta)

    def on_text(self, item_id: str, response_id: str) -> None:
        """Of what is written the words are the first that comes."""
        if self._hears_words(response_id) and self.waits.open:
            self.waits.written(response_id, item_id)

    def on_transcript_done(self, item_id: str, response_id: str, text: str | None) -> None:
        act = partial(self.on_transcript_done, item_id, response_id, text)
        if self._puts_off(response_id, act, text_bytes(text or "")):
            return
        if self._hears_words(response_id):
            self.downlink.words_end(("assistant", item_id), text)

    def on_user_transcript_delta(self, item_id: str, delta: str) -> None:
        self.downlink.words(("user", self._names.shown(item_id)), delta)
        self.cutting.words(item_id, delta, is_whole=False)

    def on_user_transcript_done(self, item_id: str, text: str | None) -> None:
        self.downlink.words_end(("user", self._names.shown(item_id)), text)
        self.cutting.words(item_id, text, is_whole=True)
        if self.answering.known.is_expected and not (text or "").strip():
            self.asking.expect(is_expected=False)  # a noise need not be answered

    def on_user_transcript_failed(self, item_id: str, code: str) -> None:
        """There will be no more of it than there is."""
        self._actions.log("transcription_failed", code=code)
        self.downlink.words_end(("user", self._names.shown(item_id)), None)

    def finish(self, response: ResponseFacts) -> None:
        """``response.done``."""
        self.cutting.finished(response)
        self.tools.hear_end(response)
        self.asking.finish(response)

    def on_timer(self) -> Failure | None:
        """What is waited for may be late.  A failure: the link is of no use any more."""
        return self.asking.on_timer()

    def on_lost(self, *, is_kept: bool) -> None:
        """The model is gone; nothing it was saying has an end of its own.

        *is_kept*: the next one is told of the conversation.
        """
        self.speech_since = None
        self.downlink.words_over("user")
        self.asking.on_lost(is_kept=is_kept)
        if not is_kept:
            self.tools.on_lost()

    def _typed_id(self, of: str) -> str:
        """A name for the typed turn that is acted upon; if it has one itself, that is kept."""
        self._typed += 1
        name = f"{of}_{self._typed}"
        if self._actions.ref is not None:
            self._refs[name] = self._actions.ref
            if len(self._refs) > REFS_KEPT:
                del self._refs[next(iter(self._refs))]
        return name

    def _hears_words(self, response_id: str) -> bool:
        """All texts of an answer are final when the client is told that it is over."""
        is_heard = self.answering.hears(response_id) or self.cutting.keeps(response_id)
        return is_heard and not self.answering.known.has_ended(response_id)

    def _puts_off(self, response_id: str, act: Callable[[], None], size_bytes: int = 0) -> bool:
        """Whether it waits until it is known what has interrupted."""
        return self.cutting.doubt is not None and self.cutting.put_off(response_id, act, size_bytes)

    @property
    def is_busy(self) -> bool:
        """An answer runs, is asked for or to come, or waits for tools or for the client."""
        return not self.asking.is_idle or self.tools.is_waiting or self.downlink.has_audio

    def _cut_unheard(self, unheard: AnswerAudio) -> None:
        """What came after the interruption is for nobody: an item that was heard to its end by
        then, or begins only now, is not known to `_cut`.
        """
        name = unheard.item_id or unheard.response_id
        duration_ms = len(unheard.pcm) / MODEL_BYTES_PER_MS
        heard_ms = self._model.rebuilding.ledger.heard_before(name, duration_ms)
        if heard_ms is not None:
            self._model.truncate(name, heard_ms)
