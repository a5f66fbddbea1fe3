"""The answer that runs: how it begins, may be heard no more, and ends."""

from tornado_app.protocol.realtime.events import ResponseFacts
from tornado_app.protocol.told import ResponseStatus
from tornado_app.session.answer_reports import AnswerReports
from tornado_app.session.answer_waits import AnswerWaits
from tornado_app.session.cancels import Cancels
from tornado_app.session.known_answers import KnownAnswers, Running
from tornado_app.session.patience import Patience
from tornado_app.session.request import Request
from tornado_app.session.rounds import Rounds


class Answering:
    """At most one answer runs at a time.  Thread: loop."""

    __slots__ = (
        "_cancels",
        "_patience",
        "_reports",
        "_request",
        "_rounds",
        "_waits",
        "is_closed",
        "known",
    )

    def __init__(
        self,
        known: KnownAnswers,
        request: Request,
        patience: Patience,
        cancels: Cancels,
        reports: AnswerReports,
        *,
        rounds: Rounds,
        waits: AnswerWaits,
    ) -> None:
        self.known = known
        self._request = request
        self._patience = patience
        self._cancels = cancels
        self._reports = reports
        self._rounds = rounds
        self._waits = waits
        self.is_closed = False
        """Nothing is answered any more."""

    def refuse_unasked(self) -> None:
        """What the model is to answer by itself is none; nothing is asked for before that has begun
        and is stopped, or is late.
        """
        known = self.known
        known.is_unwanted |= known.is_expected and known.running is None
        known.is_expected = False
        self._patience.forget_first()
        self._patience.begin()

    def unmute(self, names: frozenset[str]) -> None:
        """These answers are for the client again, as far as they were not told to stop."""
        self.known.unmute(names)
        self._patience.begin()

    def cancel(self) -> None:
        """Have the model stop, unless it is about to."""
        running = self.known.running
        if running is not None and not running.is_muted:
            self._cancels.cancel(running)

    def mute(self) -> None:
        """Nothing more of any answer so far is for the client; the one that runs is to end soon."""
        self._waits.drop()
        self._patience.forget_first()
        self.known.mute_ended()
        running = self.known.running
        if running is not None and not running.is_muted:
            running.is_muted = True
            self._patience.begin()

    def begin(self, response_id: str) -> None:
        """``response.created``.  One without an id begins with the first event that has one."""
        known = self.known
        if response_id and not known.has_ended(response_id) and not known.runs(response_id):
            self._begin(response_id)

    def hears(self, response_id: str) -> bool:
        """Whether an event of this answer is for the client."""
        known = self.known
        if known.runs(response_id):
            self._patience.sounded()
        elif known.may_begin(response_id):
            self._begin(response_id)  # its own beginning was lost
        return not known.has_muted(response_id)

    def heard(self) -> None:
        """Something came of the answer that runs."""
        if self.known.is_heard:
            self._patience.heard()

    def begin_unheard(self, response_id: str) -> None:
        """It is over; if all of it was lost but its end, it begins only now."""
        if self.known.running is None and self._is_news(response_id):
            self._begin(response_id)

    def refuse(self, response: ResponseFacts) -> None:
        """Its model has ended it, and the next is asked for what it refused: it is counted then."""
        running = self.known.running
        if running is not None and self.known.runs(response.id):
            running.refused = response

    def give_up(self, running: Running) -> None:
        """It is over for the client, and the model is told to stop; it is counted at its end."""
        self._cancels.cancel(running)
        self._tell_end(running, "failed", None)
        running.is_muted = True
        self._patience.forget_first()
        self._patience.begin()

    def end(
        self,
        running: Running,
        status: ResponseStatus,
        response: ResponseFacts | None = None,
        *,
        goes_on: bool = False,
    ) -> None:
        """The one that is *running* has ended; *goes_on*: the next model is asked for the rest."""
        # Of one that was given up the log says what its client was told, and what it cost.
        self._reports.log_end(
            running.response_id,
            "failed" if running.is_told else status,
            response or running.refused,
        )
        self._tell_end(running, status, response, goes_on=goes_on)
        self.known.end()
        self._patience.forget_first()
        self._patience.arm()

    def _is_news(self, response_id: str) -> bool:
        """Whether the end of an answer, while none runs, is that of one not heard of before."""
        if not response_id:
            return self._request.state in {"asked", "stopped"}
        return not self.known.has_ended(response_id)

    def _begin(self, response_id: str) -> None:
        last = self.known.running
        if last is not None:  # which has ended, as the model has but one
            self.end(last, "cancelled" if last.is_muted else "incomplete")
            self.known.mute_ended()
        is_unasked = self.known.is_unwanted and self._request.state == "none"
        self.known.is_expected = self.known.is_unwanted = False
        is_filler = self._request.awaits_filler
        is_late = self.is_closed and not is_filler
        is_stopped = self._request.begun() or is_unasked or is_late
        running = self.known.begin(response_id, self._request.ref, is_filler=is_filler)
        self._patience.ask()
        self._waits.begun(response_id)
        self._reports.begun(running)
        if is_stopped:
            self._cancels.cancel(running)
            self.mute()

    def _tell_end(
        self,
        running: Running,
        status: ResponseStatus,
        response: ResponseFacts | None,
        *,
        goes_on: bool = False,
    ) -> None:
        if not running.is_told:
            running.is_told = True
            continues = self._continues(running, status) or goes_on
            self._waits.ended(running.response_id, continues=continues, goes_on=goes_on)
            self._reports.ended(running, status, response, continues=continues)

    def _continues(self, running: Running, status: ResponseStatus) -> bool:
        """Whether another answer follows this one by itself."""
        has_called = self._rounds.ended(running.response_id, status)
        if has_called or not running.is_filler or running.is_muted or status == "cancelled":
            return has_called
        return self._rounds.is_wanted or self._request.waits
