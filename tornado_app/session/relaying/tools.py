"""Tools of the server that the model calls in an answer to a client that conducts.

The client is told nothing of them: while they run its answer goes on, and when the model has their
results another answer goes on in its place.  What the client's own tools have to do it does itself.

    the client cancels, or speaks       the answer is over; the results reach the conversation, and
                                        what the model calls from then on is not performed
    the model is lost                   what runs goes on, and the next model has the results
    a client's tool was called as well  the client goes on by itself, when the server's are done
"""

from dataclasses import dataclass
from typing import Any

from tornado_app.admission.budget import text_bytes
from tornado_app.protocol.realtime.events import ResponseFacts
from tornado_app.protocol.realtime.functions import (
    OutputItem,
    error_output,
    function_output,
)
from tornado_app.protocol.realtime.orders import CreateItem
from tornado_app.session.commands import CallTool, CancelTool
from tornado_app.session.events import ToolDone, ToolOutcome
from tornado_app.session.parts import Parts
from tornado_app.session.refused_calls import call_bytes
from tornado_app.session.relaying.answer import Answer
from tornado_app.session.relaying.answers import Answers
from tornado_app.session.relaying.veil import Veil
from tornado_app.session.tool_counts import ToolCounts

TOOL_ID = "parley_tool"
TIMER = "relayed_tools"
ROUNDS_MAX = 16
"""So many answers in a row may do nothing but call tools; a model that never ends costs money."""


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    answer: Answer
    since: float
    due_at: float
    size_bytes: int


class Tools:
    """Thread: loop."""

    def __init__(self, parts: Parts, answers: Answers, veil: Veil) -> None:
        self._rules = rules = parts.config.tools
        self._functions = {function.name: function for function in rules.functions}
        self._model = parts.model
        self._actions = parts.actions
        self._timers = parts.timers
        self._budget = parts.budget
        self._answers = answers
        self._veil = veil
        self._calls: dict[str, _Call] = {}
        self._paused: dict[Answer, None] = {}
        """Answers of which the model has said all, and that wait for results."""
        self._called: dict[Answer, None] = {}
        """Answers in which a tool was called, and of which the model has not said all."""
        self._counts = ToolCounts(parts.actions)
        self._outputs = 0

    @property
    def holds_conversation(self) -> bool:
        """For the client an answer runs, while the model says nothing."""
        return bool(self._paused)

    @property
    def waiting(self) -> tuple[Answer, ...]:
        """Answers of which the model has said all, and that wait for results."""
        return tuple(self._paused)

    def call(self, answer: Answer, item: OutputItem) -> None:
        """The model calls a tool of the server."""
        if not item.is_call or item.call_id in self._calls:
            return
        if not self._model.once.is_news("call", item.call_id, of=answer.model_name):
            return
        self._veil.hide_call(item.call_id)
        self._counts.calls += 1
        self._called[answer] = None
        answer.brought(item.id)
        now, function = self._actions.now, self._functions.get(item.name)
        name, timeout_s = (item.name, function.timeout_s) if function else ("unknown", 0.0)
        call = _Call(name, answer, now, now + timeout_s, call_bytes(item))
        if refusal := self._refusal(item, answer):
            outcome, sentence = refusal
            self._tell(item.call_id, call, error_output(sentence), outcome)
            return
        self._calls[item.call_id] = call
        self._budget.take(call.size_bytes)
        self._counts.begin(item.name, item.call_id)
        self._actions.do(CallTool(item.call_id, item.name, item.arguments))
        self._arm()

    def called_by_model(self, answer: Answer, item: OutputItem) -> None:
        """The model has called a tool that the operator has handed to it, and knows its result."""
        self._counts.calls += self._model.once.is_news("models_own", item.id)
        self._called[answer] = None
        answer.brought(item.id)
        answer.has_results = True

    def ends(self, answer: Answer, text: str, response: ResponseFacts) -> bool:
        """The model has said all of an answer.  False: and it is over.

        One that has called tools goes on when they are done; unless the model has gone on by
        itself, in words, behind calls of its own.  Calls whose own event was lost are heard now.
        """
        is_whole = response.status in {None, "completed", "incomplete"}
        for item in response.output:
            if is_whole and item.name in self._functions:
                self.call(answer, item)
        has_called = answer in self._called
        self._called.pop(answer, None)
        if not has_called or not is_whole:
            return False
        calls_us = any(item.is_call and item.name in self._functions for item in response.output)
        if not calls_us and response.output and response.output[-1].type == "message":
            return False
        self._answers.pause(answer, text)
        self._paused[answer] = None
        self._settle(answer)
        return True

    def done(self, result: ToolDone) -> None:
        """Whoever performs a call has its result; one that comes too late is not used."""
        call = self._calls.pop(result.call_id, None)
        if call is None:
            return
        self._budget.give(call.size_bytes)
        output, outcome = result.output, result.outcome
        if text_bytes(output) > self._rules.result_bytes:
            output, outcome = error_output("The result of the tool is too large."), "too_large"
        self._tell(result.call_id, call, output, outcome, result.detail)
        self._settle(call.answer)
        self._arm()

    def cancel(self, name: str | None, details: dict[str, Any]) -> bool:
        """End the answer that waits for results, by its *name* or whichever it is.

        False: there is none, and the model is to be asked.
        """
        for answer in tuple(self._paused):
            if name in {None, answer.name}:
                del self._paused[answer]
                self._answers.end(answer, "cancelled", details)
                return True
        return False

    def on_timer(self) -> None:
        """A call may be late."""
        for call_id, call in tuple(self._calls.items()):
            if call.due_at <= self._actions.now:
                self._actions.do(CancelTool(call_id))
                sentence = "The tool did not answer in time."
                self.done(ToolDone(call_id, error_output(sentence), "timeout"))
        self._arm()

    def keep(self, answer: Answer) -> bool:
        """The model that called is lost.  True: the next goes on when the results are there."""
        self._called.pop(answer, None)
        if any(call.answer is answer for call in self._calls.values()):
            self._paused[answer] = None
        return answer in self._paused

    def forget(self, answer: Answer) -> None:
        """The model is given up to say any more of it; the results reach the conversation."""
        self._called.pop(answer, None)

    def shut(self) -> None:
        """The session ends."""
        self.cancel_all("cancelled")

    def cancel_all(self, outcome: ToolOutcome) -> None:
        """No model comes to know of a result: what waits for one waits no more."""
        for call_id, call in self._calls.items():
            self._actions.do(CancelTool(call_id))
            self._budget.give(call.size_bytes)
            self._counts.note(call.name, call_id, outcome, call.since)
        self._calls.clear()
        self._paused.clear()
        self._called.clear()
        self._arm()

    def _refusal(self, item: OutputItem, answer: Answer) -> tuple[ToolOutcome, str] | None:
        if answer.is_cancelled:
            return "interrupted", "The user interrupted before the tool was called."
        if item.name not in self._functions:
            return "unknown", "There is no tool of this name."
        if len(self._calls) >= self._rules.at_once:
            return "busy", f"Only {self._rules.at_once} tools may run at once."
        if text_bytes(item.arguments) > self._rules.arguments_bytes:
            return "too_large", "The arguments are too large."
        if answer.rounds >= ROUNDS_MAX:
            return "too_many", "No more tools may be called for this answer."
        if not self._budget.has_room(call_bytes(item)):
            return "busy", "There is no room for this call now. Call it again later."
        return None

    def _settle(self, answer: Answer) -> None:
        """Have the model go on, if all results are there and it has said all."""
        if answer not in self._paused:
            return
        has_calls = any(call.answer is answer for call in self._calls.values())
        if has_calls and not answer.is_cancelled:
            return
        del self._paused[answer]
        if answer.is_cancelled:
            self._answers.fail(answer)
        elif answer.calls_client or answer.rounds > ROUNDS_MAX:
            self._answers.end(answer, "completed", None)
        else:
            self._answers.go_on(answer)

    def _tell(
        self, call_id: str, call: _Call, output: str, outcome: ToolOutcome, detail: str = ""
    ) -> None:
        call.answer.has_results = True
        self._outputs += 1
        name = f"{TOOL_ID}_{self._outputs}"
        item = {"id": name, **function_output(call_id, output)}
        if self._model.send(CreateItem(item, event_id=name)):
            self._model.rebuilding.ledger.answered(name, call_id, output)
            call.answer.brought(name)
        self._counts.note(call.name, call_id, outcome, call.since, detail)

    def _arm(self) -> None:
        if self._calls:
            self._timers.set(TIMER, min(call.due_at for call in self._calls.values()))
        else:
            self._timers.clear(TIMER)
