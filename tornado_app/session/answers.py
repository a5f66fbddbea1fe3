"""The model's answers: when one is asked for, what of it is passed on, and how it is stopped."""

from typing import Literal, cast

from tornado_app.errors import Refused
from tornado_app.protocol.endings import needs_a_person, safe_word, unfulfilled
from tornado_app.protocol.realtime.answer_audio import AnswerAudio, BrokenAudio
from tornado_app.protocol.realtime.events import (
    CancelResponse,
    CreateItem,
    CreateResponse,
    ResponseFacts,
    Truncate,
    user_text,
)
from tornado_app.protocol.told import (
    ErrorReport,
    Interrupted,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
)
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.downlink import Downlink
from tornado_app.session.model_side import ModelSide
from tornado_app.session.playout import Playout, Unheard
from tornado_app.session.timers import Timers
from tornado_app.session.transcripts import Transcripts

RESPONSE_ID = "parley_response"
CANCEL_ID = "parley_cancel"
TRUNCATE_ID = "parley_truncate"
TEXT_ID = "parley_text"

Request = Literal["none", "asked", "stopped"]
"""Not sent, or settled; sent, and ``response.created`` not yet seen; not wanted any more."""

_STATUSES = ("completed", "cancelled", "failed", "incomplete")


class Answers:
    """At most one answer runs at a time; a new turn ends the one before it.  Thread: loop."""

    def __init__(
        self,
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
    ) -> None:
        self._config = config
        self._model = model
        self._actions = actions
        self._timers = timers
        self._playout = Playout()
        self._transcripts = Transcripts(actions, timers)
        self.downlink = Downlink(config, actions, self._playout, self._transcripts)
        self._active: str | None = None
        self._request: Request = "none"
        """What has become of the ``response.create`` that was sent last."""
        self._requests = 0
        self._withdrawn = 0
        """Requests up to this number are not made again."""
        self._wanted = False
        """An answer is to be asked for as soon as the running one has ended."""
        self._muted: str | None = None
        """The answer that was interrupted: what still comes of it is not for the client."""

    def text(self, text: str, *, is_answered: bool = True) -> None:
        """A typed turn."""
        if not self._model.send(CreateItem(item=user_text(text), event_id=TEXT_ID)):
            self._refuse_full()
        elif is_answered:
            self.want()

    def want(self) -> None:
        """Ask for an answer; one that runs or plays is ended first, as by an interruption."""
        if self._is_heard:
            self.interrupt(None, None)
        if self._active is not None or self._request != "none":
            self._wanted = True
            return
        self._ask()

    def on_playback(self, item_id: str, played_ms: int) -> None:
        self._playout.told(item_id, played_ms, self._actions.now)

    def interrupt(self, item_id: str | None, heard_ms: int | None) -> None:
        """The client stops the answer; the conversation keeps only what was heard."""
        if heard_ms is not None:
            self._playout.told(item_id, heard_ms, self._actions.now)
        self.withdraw()
        if self._active is not None and self._active != self._muted:
            self._model.send(CancelResponse(response_id=self._active, event_id=CANCEL_ID))
        self._cut(item_id)

    def withdraw(self) -> None:
        """No answer that was asked for, or was to be, is wanted any more."""
        self._wanted = False
        self._withdrawn = self._requests
        if self._request == "asked":
            self._request = "stopped"

    def on_speech_started(self) -> None:
        """Barge-in.  The model cancels by itself (``interrupt_response``); a cancel of ours could
        hit the next answer, so only the truncation is sent.
        """
        if self._is_heard:
            self._cut(None)

    def on_created(self, response: ResponseFacts) -> None:
        is_stopped = self._request == "stopped"
        self._settle()
        self._active = response.id
        self.downlink.say(ResponseStarted(response.id))
        if is_stopped:
            self._muted = response.id
            self._model.send(CancelResponse(response_id=response.id, event_id=CANCEL_ID))

    def on_audio(self, heard: AnswerAudio) -> None:
        if heard.response_id != self._muted:
            self.downlink.audio(heard)

    def on_broken_audio(self, heard: BrokenAudio) -> None:
        if heard.response_id != self._muted:
            self.downlink.broken(heard.size_bytes)

    def on_audio_done(self, item_id: str, response_id: str) -> None:
        if response_id != self._muted:
            self.downlink.end_item(item_id or None)

    def on_transcript_delta(self, item_id: str, response_id: str, delta: str) -> None:
        if response_id != self._muted:
            self.downlink.words(("assistant", item_id), delta)

    def on_transcript_done(self, item_id: str, response_id: str, text: str | None) -> None:
        if response_id != self._muted:
            self.downlink.words_end(("assistant", item_id), text)

    def on_user_transcript_delta(self, item_id: str, delta: str) -> None:
        self.downlink.words(("user", item_id), delta)

    def on_user_transcript_done(self, item_id: str, text: str | None) -> None:
        self.downlink.words_end(("user", item_id), text)

    def on_user_transcript_failed(self, item_id: str, code: str) -> None:
        """There will be no more of it than there is."""
        self._actions.log("transcription_failed", code=code)
        self.downlink.words_end(("user", item_id), None)

    def on_finished(self, response: ResponseFacts) -> None:
        status = response.status if response.status in _STATUSES else "failed"
        self._end_response(response.id, cast(ResponseStatus, status), response)
        if status == "failed":
            self._refuse_failed(response)
        self._ask_if_wanted()

    def on_already_active(self, event_id: str | None) -> None:
        """A ``response.create`` of ours came while the model had begun one by itself."""
        self._settle()
        if _number(event_id, self._requests) > self._withdrawn:
            self._wanted = True

    def on_refused(self, kind: str, code: str) -> None:
        """Our ``response.create`` was refused for another reason."""
        self._settle()
        sentence = f"The model refused to answer ({code or 'no reason given'})."
        self._actions.refuse(Refused(unfulfilled(kind, code), sentence))
        self._ask_if_wanted()

    def on_response_timeout(self) -> None:
        self._settle()
        self._wanted = False
        sentence = "The model did not begin to answer in time. Ask again."
        self._actions.refuse(Refused("upstream_timeout", sentence))

    def on_lost(self) -> None:
        """The model is gone; what it was saying has no end."""
        is_owed = self._wanted or self._request == "asked"
        self._settle()
        self._wanted = False
        if self._active is not None:
            self._end_response(self._active, "failed", None)
        self.downlink.words_lost()
        if is_owed:
            sentence = "The model was lost before it answered. Say it again."
            self._actions.refuse(Refused("upstream_unavailable", sentence))

    def await_response(self) -> None:
        """Begin to count the time in which the answer must begin, if the model can hear us."""
        if self._request != "none" and self._model.state == "connected":
            self._timers.set("response", self._actions.now + self._config.response_timeout_s)

    @property
    def _is_heard(self) -> bool:
        """An answer runs, or plays, or waits for the client to take it."""
        return (
            self._active is not None
            or bool(self._playout.unheard(self._actions.now))
            or self.downlink.has_audio
        )

    def _ask_if_wanted(self) -> None:
        if self._wanted and self._request == "none" and self._active is None:
            self._ask()

    def _ask(self) -> None:
        self._wanted = False
        self._requests += 1
        if not self._model.send(CreateResponse(event_id=f"{RESPONSE_ID}_{self._requests}")):
            self._refuse_full()
            return
        self._request = "asked"
        self.await_response()

    def _settle(self) -> None:
        """The request, if there was one, has been answered in one way or another."""
        self._request = "none"
        self._timers.clear("response")

    def _refuse_full(self) -> None:
        sentence = "Too much is waiting for the model. Send it again when it is connected."
        self._actions.refuse(Refused("server_busy", sentence, retry_after_ms=1000))

    def _cut(self, item_id: str | None) -> None:
        now = self._actions.now
        dropped = self.downlink.drop()
        self._transcripts.finish_all("assistant")
        unheard = self._playout.unheard(now)
        names = {item.item_id for item in unheard}
        # What was sent of these has been heard, and what was not sent never will be.
        unheard += [
            Unheard(name, self._playout.heard(name, now)) for name in dropped if name not in names
        ]
        for item in unheard:
            self._model.send(
                Truncate(item.item_id, item.heard_ms, content_index=0, event_id=TRUNCATE_ID)
            )
        self._muted = self._active or self._muted
        interrupted = self._interrupted(unheard, item_id)
        self._actions.say(interrupted)
        self._actions.log("interrupted", heard_ms=interrupted.heard_ms)
        self._playout.forget()

    def _interrupted(self, unheard: list[Unheard], item_id: str | None) -> Interrupted:
        for item in unheard:
            if item_id in {None, item.item_id}:
                return Interrupted(item.heard_ms, item.item_id, ref=self._actions.ref)
        heard_ms = self._playout.heard(item_id, self._actions.now) if item_id else 0
        return Interrupted(heard_ms, item_id, ref=self._actions.ref)

    def _end_response(
        self, response_id: str, status: ResponseStatus, response: ResponseFacts | None
    ) -> None:
        if response_id == self._active:
            self._active = None
            # Its audio may have no end of its own, if the model was lost; the next must not begin
            # with the rest of this one.
            self.downlink.end_item()
        usage = response.usage if response else None
        self._actions.log("response_done", status=status, tokens=(usage or {}).get("total_tokens"))
        self.downlink.say(ResponseDone(response_id, status, usage))

    def _refuse_failed(self, response: ResponseFacts) -> None:
        error = (response.status_details or {}).get("error")
        error = error if isinstance(error, dict) else {}
        kind, code = (safe_word(str(error.get(key) or "")) for key in ("type", "code"))
        self._actions.log("response_failed", code=code or kind)
        if needs_a_person(kind, code):
            self._actions.log("upstream_rejected", cause=code or kind)
        sentence = f"The model failed to answer ({code or kind or 'no reason given'})."
        self.downlink.say(ErrorReport.of(Refused(unfulfilled(kind, code), sentence)))


def _number(event_id: str | None, otherwise: int) -> int:
    """Which request of ours an error is about; not every server says."""
    number = (event_id or "").removeprefix(f"{RESPONSE_ID}_")
    return int(number) if number.isascii() and number.isdecimal() else otherwise
