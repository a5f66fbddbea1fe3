"""What client and log are told of answers: that one begins, how it ended, why there is none."""

from typing import cast

from tornado_app.errors import Ref, Refused
from tornado_app.protocol.endings import needs_a_person, safe_word, unfulfilled
from tornado_app.protocol.realtime.events import ErrorFacts, ResponseFacts
from tornado_app.protocol.told import ErrorReport, ResponseDone, ResponseStarted, ResponseStatus
from tornado_app.session.actions import Actions
from tornado_app.session.downlink import Downlink
from tornado_app.session.known_answers import Running
from tornado_app.session.log_lines import log_answered, log_begun, reason_of

_STATUSES = ("completed", "cancelled", "failed", "incomplete")


def status_of(response: ResponseFacts) -> ResponseStatus:
    """How it ended; a server that does not say has nothing to complain of."""
    status = response.status or "completed"
    return cast(ResponseStatus, status) if status in _STATUSES else "failed"


class AnswerReports:
    """Says what is of an answer behind that answer, the rest at once.  Thread: loop."""

    def __init__(self, actions: Actions, downlink: Downlink) -> None:
        self._actions = actions
        self._downlink = downlink

    def begun(self, running: Running) -> None:
        log_begun(self._actions, running.response_id)
        self._downlink.say(ResponseStarted(running.response_id, ref=running.ref))

    def ended(
        self,
        running: Running,
        status: ResponseStatus,
        response: ResponseFacts | None,
        *,
        continues: bool,
    ) -> None:
        """*response*: what the model said of it in the end, if it did."""
        # Audio and words may have no end of their own, if that was lost, or the model; the next
        # answer must not begin with the rest of this one.
        self._downlink.end_item()
        self._downlink.words_over("assistant")
        usage = response.counts if response else None
        done = ResponseDone(
            running.response_id,
            status,
            usage,
            continues or None,
            reason_of(response),
            ref=running.ref,
        )
        self._downlink.say(done)

    def log_end(
        self, response_id: str, status: ResponseStatus, response: ResponseFacts | None
    ) -> None:
        log_answered(self._actions, response_id, status, response)

    def log_late(self, waited_for: str) -> None:
        self._actions.log("upstream_late", waited_for=waited_for)

    def failed(self, error: ErrorFacts, running: Running) -> None:
        """Of a filler nobody is told: what it stands in for follows."""
        kind, code = safe_word(error.type or ""), safe_word(error.code or "")
        self._actions.log("response_failed", code=code or kind)
        if needs_a_person(kind, code):
            self._actions.log("upstream_rejected", cause=code or kind)
        sentence = f"The model failed to answer ({code or kind or 'no reason given'})."
        self._tell(running, unfulfilled(error, sentence))

    def stopped_half_way(self, running: Running) -> None:
        sentence = "The answer stopped half way, and was ended. Ask again."
        self._tell(running, Refused("upstream_timeout", sentence))

    def without_sound(self, running: Running) -> None:
        sentence = "Nothing of the answer has come in time, and it was ended. Ask again."
        self._tell(running, Refused("upstream_timeout", sentence))

    def _tell(self, running: Running, refused: Refused) -> None:
        if not running.is_filler:
            self._downlink.say(ErrorReport.of(refused, running.ref))

    def refused(self, error: ErrorFacts, code: str, ref: Ref | None) -> None:
        sentence = f"The model refused to answer ({code or 'no reason given'})."
        self._actions.refuse(unfulfilled(error, sentence), ref)

    def not_begun(self, ref: Ref | None) -> None:
        sentence = "The model did not begin to answer in time. Ask again."
        self._actions.refuse(Refused("upstream_timeout", sentence), ref)

    def lost(self, ref: Ref | None) -> None:
        sentence = "The model was lost before it answered. Say it again."
        self._actions.refuse(Refused("upstream_unavailable", sentence), ref)

    def not_asked(self, ref: Ref | None) -> None:
        sentence = "Too much is waiting for the model. Send it again when it is connected."
        self._actions.refuse(Refused("server_busy", sentence, retry_after_ms=1000), ref)
