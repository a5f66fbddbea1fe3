"""Whose turn it is at the model: the answer that runs, the one that was asked for.

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

from typing import Any, cast

from tornado_app.errors import Ref
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import ErrorFacts, ResponseFacts
from tornado_app.protocol.realtime.functions import gone_on_with, spoken_while_waiting
from tornado_app.protocol.realtime.orders import CreateResponse
from tornado_app.protocol.told import ResponseStatus
from tornado_app.session.actions import Actions
from tornado_app.session.answer_reports import AnswerReports, status_of
from tornado_app.session.answer_waits import AnswerWaits
from tornado_app.session.cancels import Cancels
from tornado_app.session.config import SessionConfig
from tornado_app.session.downlink import Downlink
from tornado_app.session.known_answers import KnownAnswers, Running
from tornado_app.session.ledger.entries import ModelSaid
from tornado_app.session.model_side import ModelSide
from tornado_app.session.patience import Patience
from tornado_app.session.request import Request, Turn
from tornado_app.session.rounds import Rounds
from tornado_app.session.timers import Timers


class Asking:
    """At most one answer runs at a time, and one request is under way.  Thread: loop."""

    __slots__ = (
        "_actions",
        "_cancels",
        "_config",
        "_model",
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
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
        downlink: Downlink,
        *,
        rounds: Rounds,
        waits: AnswerWaits,
    ) -> None:
        self._model = model
        self._actions = actions
        self._reports = AnswerReports(actions, downlink)
        self._rounds = rounds
        self._waits = waits
        self.known = KnownAnswers()
        self._request = Request()
        self._config = config
        self._patience = Patience(
            config, model, actions, timers, known=self.known, request=self._request
        )
        self._cancels = Cancels(model)
        self.is_closed = False
        """Nothing is answered any more."""

    def want(self, turn: str | None, *, is_result: bool = False) -> None:
        """Ask for an answer, now or as soon as the model is free.

        *turn* is the name of the order that brought the turn to the model, if that may refuse it.
        *is_result*: it is the result of tools, behind which the model need not call one again.
        """
        if not self.is_closed:
            self._request.want(Turn(turn, self._actions.ref, is_result))
            self._go_on()

    @property
    def is_idle(self) -> bool:
        """No answer runs, and none is asked for or to come."""
        return self._request.is_idle and self.known.running is None and not self.known.is_expected

    @property
    def is_free(self) -> bool:
        """What is asked for now is said now: nothing else is, and nothing waits."""
        is_idle = self._request.is_idle and self.known.running is None
        return is_idle and self._model.gate.is_free

    def fill(self, sentence: str, ref: Ref | None) -> None:
        """Have the model, which `is_free`, say a sentence in the turn of this *ref*."""
        name = self._request.next_filler(ref)
        self._model.send(CreateResponse(name, spoken_while_waiting(sentence)))
        self._request.sent()
        self._patience.ask()

    def drop_filler(self) -> None:
        """A sentence that was asked for, and has not begun, is not wanted any more."""
        self._request.withdraw_filler()

    def expect(self, *, is_expected: bool) -> None:
        """Whether the model is to answer a turn unasked."""
        self.known.is_expected = is_expected
        if is_expected and self.known.running is None:
            self._patience.ask()
        else:
            self._patience.arm()

    def withdraw(self) -> None:
        """No answer that was asked for, or was to be, is wanted any more."""
        self.known.is_expected = False
        self._request.withdraw()
        self._patience.arm()

    def withdraw_one(self, turn: str) -> None:
        """The model has refused a turn."""
        self._request.withdraw_one(turn)
        self._patience.arm()

    @property
    def is_asked(self) -> bool:
        """An answer is asked for or to come, and none runs that is heard."""
        is_open = self._request.waits or self._request.state in {"asked", "busy"}
        return is_open or self.known.is_expected

    def want_rest(self, ref: Ref | None) -> None:
        """Ask for the rest of an answer that broke off."""
        if not self.is_closed:
            self._request.want(Turn(None, ref, is_rest=True))
            self._go_on()

    def close(self) -> None:
        """Have no answer begin any more: none is asked for, and one that the model begins by itself
        is stopped.  The one that runs goes on.
        """
        self.is_closed = True
        self.withdraw()

    def refuse_unasked(self) -> None:
        """What the model is to answer by itself is none; nothing is asked for before that has begun
        and is stopped, or is late.
        """
        known = self.known
        known.is_unwanted = known.is_expected and known.running is None
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

    def finish(self, response: ResponseFacts) -> None:
        """``response.done``."""
        if self.known.running is None and self._is_news(response.id):
            self._begin(response.id)  # all of it was lost but its end
        running, status = self.known.running, status_of(response)
        if running is not None and self.known.runs(response.id):
            is_news = status == "failed" and not running.is_told
            self._end(status, response)
            if is_news:
                self._reports.failed(response.error, running)
        if self._request.state == "busy":
            self._request.settle()
        self._go_on()

    def on_busy(self, event_id: str | None) -> None:
        """Our ``response.create`` came while the model had an answer under way.

        That answer may have begun here already, and was taken for the one that was asked for.
        """
        request, running = self._request, self.known.running
        is_open = request.state in {"asked", "stopped"} or running is not None
        if not request.is_last(event_id) or not (is_open or event_id):
            return
        request.refused_as_busy(is_known=running is not None)
        if running is not None:
            running.ref, running.is_filler = None, False
        else:
            self._patience.begin()

    def on_refused(self, error: ErrorFacts, code: str) -> None:
        """Our ``response.create`` was refused for another reason."""
        is_last = self._request.is_last(error.event_id)
        if not is_last or not self._request.is_filler:
            self._reports.refused(error, code, self._request.ref if is_last else None)
        if is_last:
            self._request.settle()
            self._go_on()

    def on_cancel_refused(self, event_id: str | None) -> None:
        """There is nothing to cancel: if the answer still runs for us, its end was lost."""
        running = self.known.running
        if running is not None and self._cancels.is_about(event_id, running):
            self._end("cancelled", None)
            self._go_on()

    def on_connected(self) -> None:
        """What was asked for is on its way only now."""
        self._patience.begin()
        self._go_on()

    def on_lost(self, *, is_kept: bool) -> None:
        """The model is gone; what it was saying has no end.

        *is_kept*: the next one is told of the conversation, and may be asked again.
        """
        is_kept = is_kept and self._config.lost_answer != "tell" and not self.is_closed
        is_owed, ref = self._carry_over() if is_kept else self._request.lost()
        if self.known.running is not None:
            self._break_off(self.known.running, is_kept=is_kept)
        self.known.is_expected = self.known.is_unwanted = False
        self.known.forget_ended()
        self._patience.forget_first()
        self._patience.arm()
        if is_owed:
            self._reports.lost(ref)

    def _carry_over(self) -> tuple[bool, Ref | None]:
        """Ask the next model for what this one was asked for, or would have answered unasked."""
        self._request.put_back()
        if self.known.is_expected and self.known.running is None:
            self._request.want(Turn(None, None))
        return False, None

    def _break_off(self, running: Running, *, is_kept: bool) -> None:
        """The answer that runs stops where it is; the next model is asked for the rest of it."""
        is_open = is_kept and not (running.is_muted or running.is_told or running.is_filler)
        last = self._model.rebuilding.ledger.last
        if is_open and self._rounds.find(running.response_id) is not None:
            self._end("incomplete", None)  # another one follows what it has called
        elif is_open and isinstance(last, ModelSaid) and last.is_complete:
            self._end("completed", None)  # but for the word that it is over
        else:
            if is_open:
                is_rest = isinstance(last, ModelSaid) and self._config.lost_answer == "continue"
                self._request.want(Turn(None, running.ref, is_rest=is_rest))
            self._end("failed", None, goes_on=is_open)

    def on_timer(self) -> Failure | None:
        """What is waited for may be late.  A failure: this model is of no use any more."""
        if not self._patience.is_over():
            self._patience.arm()
            return None
        if self._patience.is_first_late:
            self._on_first_late()
        elif self.known.is_unwanted and self.known.running is None:
            self.known.is_unwanted = False
            self._go_on()
        elif self.known.running is not None:
            self._on_running_late(self.known.running)
        elif self._request.state == "busy":
            return self._on_busy_late()
        elif self._request.state == "none":
            self._on_unasked_late()
        else:
            self._on_request_late()
        return None

    def _on_first_late(self) -> None:
        """Nothing has come of an answer, whether or not it has begun."""
        running = self.known.running
        if running is not None:
            self._reports.log_late("first_audio")
            self._give_up(running)
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
        self.known.is_expected = False
        self._patience.forget_first()
        self._reports.not_begun(None)
        self._go_on()

    def _give_up(self, running: Running) -> None:
        """It is over for the client, and the model is told to stop; it is counted at its end."""
        self._cancels.cancel(running)
        self._tell_end(running, "failed", None)
        running.is_muted = True
        self._patience.forget_first()
        self._patience.begin()

    def _on_running_late(self, running: Running) -> None:
        if not running.is_muted:
            self._reports.log_late("response")
            self._give_up(running)
            self._reports.stopped_half_way(running)
            return
        self._reports.log_late("response.done")
        if running.cancel:
            self._end("cancelled", None)
            self._go_on()
        else:  # it was to be cancelled by the model itself
            self._cancels.cancel(running)
            self._patience.begin()

    def _on_busy_late(self) -> Failure | None:
        self._reports.log_late("unknown_response")
        if self._request.is_hopeless:
            return Failure("open", "stalled", detail="busy")
        self._cancels.cancel_unknown()
        self._request.settle()
        self._go_on()
        return None

    def _on_request_late(self) -> None:
        self._reports.log_late("response.created")
        is_wanted = self._request.state == "asked" and not self._request.is_filler
        self._request.settle()
        if is_wanted:
            self._request.drop_waiting()
            self._reports.not_begun(self._request.ref)
        self._go_on()

    def _is_news(self, response_id: str) -> bool:
        """Whether the end of an answer, while none runs, is that of one not heard of before."""
        if not response_id:
            return self._request.state in {"asked", "stopped"}
        return not self.known.has_ended(response_id)

    def _begin(self, response_id: str) -> None:
        if self.known.running is not None:  # which has ended, as the model has but one
            self._end("cancelled" if self.known.running.is_muted else "incomplete", None)
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

    def _end(
        self, status: ResponseStatus, response: ResponseFacts | None, *, goes_on: bool = False
    ) -> None:
        running = cast(Running, self.known.running)
        # Of one that was given up the log says what its client was told, and what it cost.
        self._reports.log_end(
            running.response_id, "failed" if running.is_told else status, response
        )
        self._tell_end(running, status, response, goes_on=goes_on)
        self.known.end()
        self._patience.forget_first()
        self._patience.arm()

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
            self._waits.ended(running.response_id, continues=continues)
            self._reports.ended(running, status, response, continues=continues)

    def _continues(self, running: Running, status: ResponseStatus) -> bool:
        """Whether another answer follows this one by itself."""
        has_called = self._rounds.ended(running.response_id, status)
        if has_called or not running.is_filler or running.is_muted or status == "cancelled":
            return has_called
        return self._rounds.is_wanted or self._request.waits

    def _go_on(self) -> None:
        """Ask for what waits, if the model is free."""
        request = self._request
        is_busy = self.known.running is not None or self.known.is_unwanted
        if not request.waits or request.state != "none" or is_busy:
            self._patience.arm()
        elif self._model.send(self._order()):
            request.sent()
            self._waits.asked()
            self._patience.ask()
        else:
            self._reports.not_asked(request.ref)
            self._patience.arm()

    def _order(self) -> CreateResponse:
        event_id = self._request.next()
        is_forced = self._model.in_force.tool_choice not in {"auto", "none"}
        wanted: dict[str, Any] = {}
        if self._request.is_for_results and is_forced:
            wanted["tool_choice"] = "auto"
        if self._request.is_for_rest:
            wanted |= gone_on_with(self._model.in_force.instructions)
        return CreateResponse(event_id, wanted or None)
