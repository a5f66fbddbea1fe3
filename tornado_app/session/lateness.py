"""What becomes of an answer for which the model takes too long.

Any event of the model may be lost, come twice or late.  So everything that is waited for has an
end of its own (`ModelSide.due` says when a wait is over):

    waits for                              at most               what then
    response.created of what was asked     response_timeout_s    an error; it is not asked again
    the next event of the answer           response_stall_s      an error; it is cancelled
    its first sound, or word               first_audio_s         an error; it is cancelled
    an answer to a turn found by the model response_timeout_s    an error
    response.done of a cancelled answer    CANCEL_TIMEOUT_S      cancelled; then it counts as over
    the end of an answer we know not of    CANCEL_TIMEOUT_S      whatever runs is cancelled, and the
                                                                 turn asked again; then we give up
"""

from tornado_app.protocol.endings import Failure
from tornado_app.session.answer_reports import AnswerReports
from tornado_app.session.answering import Answering
from tornado_app.session.cancels import Cancels
from tornado_app.session.known_answers import Running
from tornado_app.session.patience import Patience
from tornado_app.session.request import Request


class Lateness:
    """Thread: loop."""

    __slots__ = ("_answering", "_cancels", "_patience", "_reports", "_request")

    def __init__(
        self,
        answering: Answering,
        request: Request,
        patience: Patience,
        cancels: Cancels,
        reports: AnswerReports,
    ) -> None:
        self._answering = answering
        self._request = request
        self._patience = patience
        self._cancels = cancels
        self._reports = reports

    def act(self) -> Failure | None:
        """Something is late: wait for it no more, after which the next may be asked for.

        A failure: this model is of no use any more.
        """
        known = self._answering.known
        if self._patience.is_first_late:
            self._on_first_late()
        elif known.is_unwanted and known.running is None:
            known.is_unwanted = False
        elif known.running is not None:
            self._on_running_late(known.running)
        elif self._request.state == "busy":
            return self._on_busy_late()
        elif self._request.state == "none":
            self._on_unasked_late()
        else:
            self._on_request_late()
        return None

    def _on_first_late(self) -> None:
        """Nothing has come of an answer, whether or not it has begun."""
        running = self._answering.known.running
        if running is not None:
            self._reports.log_late("first_audio")
            self._answering.give_up(running)
            self._reports.without_sound(running)
        elif self._request.state == "asked":
            self._reports.log_late("first_audio")
            if not self._request.is_filler:
                self._reports.not_begun(self._request.ref)
            self._request.withdraw()  # and it is cancelled, should it begin
            self._patience.forget_first()
            self._patience.begin()
        else:
            self._on_unasked_late()

    def _on_unasked_late(self) -> None:
        """The model has not answered a turn that it had found by itself."""
        self._reports.log_late("response.created")
        self._answering.known.is_expected = False
        self._patience.forget_first()
        self._reports.not_begun(None)

    def _on_running_late(self, running: Running) -> None:
        if not running.is_muted:
            self._reports.log_late("response")
            self._answering.give_up(running)
            self._reports.stopped_half_way(running)
            return
        self._reports.log_late("response.done")
        if running.cancel:
            self._answering.end(running, "cancelled")
        else:  # it was to be cancelled by the model itself
            self._cancels.cancel(running)
            self._patience.begin()

    def _on_busy_late(self) -> Failure | None:
        self._reports.log_late("unknown_response")
        if self._request.is_hopeless:
            return Failure("open", "stalled", detail="busy")
        self._cancels.cancel_unknown()
        self._request.settle()
        return None

    def _on_request_late(self) -> None:
        self._reports.log_late("response.created")
        is_wanted = self._request.state == "asked" and not self._request.is_filler
        self._request.settle()
        if is_wanted:
            self._request.drop_waiting()
            self._reports.not_begun(self._request.ref)
