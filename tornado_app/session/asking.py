"""Whose turn it is at the model: what is asked for, now or as soon as the model is free.

What runs is `answering.py`, and what takes too long `lateness.py`.
"""

from typing import Any

from tornado_app.errors import Ref
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import ErrorFacts, ResponseFacts
from tornado_app.protocol.realtime.functions import gone_on_with, spoken_while_waiting
from tornado_app.protocol.realtime.orders import CreateResponse
from tornado_app.session.actions import Actions
from tornado_app.session.answer_reports import AnswerReports, status_of
from tornado_app.session.answer_waits import AnswerWaits
from tornado_app.session.answering import Answering
from tornado_app.session.cancels import Cancels
from tornado_app.session.config import SessionConfig
from tornado_app.session.downlink import Downlink
from tornado_app.session.known_answers import KnownAnswers, Running
from tornado_app.session.lateness import Lateness
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
        "_known",
        "_lateness",
        "_model",
        "_patience",
        "_reports",
        "_request",
        "_rounds",
        "_waits",
        "answering",
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
        self._reports = reports = AnswerReports(actions, downlink)
        self._rounds = rounds
        self._waits = waits
        self._known = known = KnownAnswers()
        self._request = request = Request()
        self._config = config
        self._patience = patience = Patience(
            config, model, actions, timers, known=known, request=request
        )
        self._cancels = cancels = Cancels(model)
        self.answering = Answering(
            known, request, patience, cancels, reports, rounds=rounds, waits=waits
        )
        self._lateness = Lateness(self.answering, request, patience, cancels, reports)

    def want(self, turn: str | None, *, is_result: bool = False) -> None:
        """Ask for an answer, now or as soon as the model is free.

        *turn* is the name of the order that brought the turn to the model, if that may refuse it.
        *is_result*: it is the result of tools, behind which the model need not call one again.
        """
        if not self.answering.is_closed:
            self._request.want(Turn(turn, self._actions.ref, is_result))
            self._go_on()

    @property
    def is_idle(self) -> bool:
        """No answer runs, and none is asked for or to come."""
        return self._request.is_idle and self._known.running is None and not self._known.is_expected

    @property
    def is_free(self) -> bool:
        """What is asked for now is said now: nothing else is, and nothing waits."""
        is_idle = self._request.is_idle and self._known.running is None
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
        self._take_back()

    def expect(self, *, is_expected: bool) -> None:
        """Whether the model is to answer a turn unasked."""
        self._known.is_expected = is_expected
        if is_expected and self._known.running is None:
            self._known.is_unwanted = False  # what begins now is to this turn
            self._patience.ask()
        else:
            self._patience.arm()

    def withdraw(self) -> None:
        """No answer that was asked for, or was to be, is wanted any more."""
        self.answering.refuse_unasked()
        self._request.withdraw()
        self._take_back()
        self._patience.arm()

    def withdraw_one(self, turn: str) -> None:
        """The model has refused a turn."""
        self._request.withdraw_one(turn)
        self._take_back()
        self._patience.arm()

    @property
    def is_asked(self) -> bool:
        """An answer is asked for or to come, and none runs that is heard."""
        is_open = self._request.waits or self._request.state in {"asked", "busy"}
        return is_open or self._known.is_expected

    def want_rest(self, ref: Ref | None) -> None:
        """Ask for the rest of an answer that broke off."""
        if not self.answering.is_closed:
            self._request.want(Turn(None, ref, is_rest=True))
            self._go_on()

    def close(self) -> None:
        """Have no answer begin any more: none is asked for, and one that the model begins by itself
        is stopped.  The one that runs goes on.
        """
        self.answering.is_closed = True
        self.withdraw()

    def finish(self, response: ResponseFacts) -> None:
        """``response.done``."""
        self.answering.begin_unheard(response.id)
        running, status = self._known.running, status_of(response)
        if running is not None and self._known.runs(response.id):
            is_news = status == "failed" and not running.is_told
            self.answering.end(running, status, response)
            if is_news:
                self._reports.failed(response.error, running)
        if self._request.state == "busy":
            self._request.settle()
        self._go_on()

    def on_busy(self, event_id: str | None) -> None:
        """Our ``response.create`` came while the model had an answer under way.

        That answer may have begun here already, and was taken for the one that was asked for.
        """
        request, running = self._request, self._known.running
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
        running = self._known.running
        if running is not None and self._cancels.is_about(event_id, running):
            self.answering.end(running, "cancelled")
            self._go_on()

    def on_connected(self) -> None:
        """What was asked for is on its way only now."""
        self._patience.connected()
        self._go_on()

    def on_lost(self, *, is_kept: bool) -> None:
        """The model is gone; what it was saying has no end.

        *is_kept*: the next one is told of the conversation, and may be asked again.
        """
        policy = self._config.answers.lost_answer
        is_kept = is_kept and policy != "tell" and not self.answering.is_closed
        is_owed, ref = self._carry_over() if is_kept else self._request.lost()
        if self._known.running is not None:
            self._break_off(self._known.running, is_kept=is_kept)
        self._known.is_expected = self._known.is_unwanted = False
        self._known.forget_ended()
        self._patience.forget_first()
        self._patience.arm()
        if is_owed:
            self._reports.lost(ref)

    def _take_back(self) -> None:
        """A request that nobody wants any more, and that has not left, the model does not see."""
        if self._request.state == "stopped" and self._model.withdraw(self._request.name):
            self._request.settle()

    def _carry_over(self) -> tuple[bool, Ref | None]:
        """Ask the next model for what this one was asked for, or would have answered unasked."""
        self._request.put_back()
        if self._known.is_expected and self._known.running is None:
            self._request.want(Turn(None, None))
        return False, None

    def _break_off(self, running: Running, *, is_kept: bool) -> None:
        """The answer that runs stops where it is; the next model is asked for the rest of it."""
        is_open = is_kept and not (running.is_muted or running.is_told or running.is_filler)
        last = self._model.rebuilding.ledger.last
        if is_open and self._rounds.find(running.response_id) is not None:
            self.answering.end(running, "incomplete")  # another one follows what it has called
        elif is_open and isinstance(last, ModelSaid) and last.is_complete:
            self.answering.end(running, "completed")  # but for the word that it is over
        else:
            if is_open:
                policy = self._config.answers.lost_answer
                is_rest = isinstance(last, ModelSaid) and policy == "continue"
                self._request.want(Turn(None, running.ref, is_rest=is_rest))
            self.answering.end(running, "failed", goes_on=is_open)

    def on_timer(self) -> Failure | None:
        """What is waited for may be late.  A failure: this model is of no use any more."""
        if not self._patience.is_over():
            self._patience.arm()
            return None
        failure = self._lateness.act()
        if failure is None:
            self._go_on()
        return failure

    def _go_on(self) -> None:
        """Ask for what waits, if the model is free."""
        request = self._request
        is_busy = self._known.running is not None or self._known.is_unwanted
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
