"""The tools of a call: what the model calls, what becomes of it, and when it is asked to go on.

Of the two events that hold a whole call only ``response.output_item.done`` is acted on; the end of
the answer holds it once more, in case that one was lost.  A call has an end of its own:

    its result, an error that the model can read    to the conversation
    its deadline                                    an error to the conversation; it is cancelled
    the model is lost, the client hangs up          it is cancelled
    an interruption, of a tool of the client's      an error to the conversation; it is cancelled

Who performs a call goes by its name.
When all calls of an answer have their results and it is over, one answer is asked for.
"""

from typing import Literal

from tornado_app.admission.budget import Budget, text_bytes
from tornado_app.errors import Refused
from tornado_app.protocol import asked
from tornado_app.protocol.figures import ToolFigures
from tornado_app.protocol.realtime.events import ResponseFacts
from tornado_app.protocol.realtime.functions import (
    NO_MANNERS,
    OutputItem,
    error_output,
    function_output,
)
from tornado_app.protocol.realtime.orders import CreateItem
from tornado_app.protocol.told import ToolActivity
from tornado_app.session.actions import Actions
from tornado_app.session.answer_waits import AnswerWaits
from tornado_app.session.asking import Asking
from tornado_app.session.client_tools import NAME_IN_LOG, ClientTools, Reason, output_of
from tornado_app.session.commands import CallTool, CancelTool
from tornado_app.session.config import SessionConfig
from tornado_app.session.events import ToolDone, ToolOutcome
from tornado_app.session.fillers import Fillers
from tornado_app.session.following import Following
from tornado_app.session.model_side import ModelSide
from tornado_app.session.models_own import ModelsOwn
from tornado_app.session.open_calls import OpenCall, OpenCalls
from tornado_app.session.playout import Playout
from tornado_app.session.refused_calls import RefusedCalls, call_bytes
from tornado_app.session.rounds import Round, Rounds
from tornado_app.session.timers import Timers
from tornado_app.session.tool_counts import ToolCounts

TOOL_ID = "parley_tool"
TIMER = "tools"


class Tools:
    """Thread: loop."""

    __slots__ = (
        "_actions",
        "_asking",
        "_client",
        "_counts",
        "_fillers",
        "_following",
        "_functions",
        "_model",
        "_models_own",
        "_open",
        "_outputs",
        "_refused",
        "_rounds",
        "_rules",
        "_scopes",
        "_timers",
        "_waits",
    )

    def __init__(
        self,
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
        budget: Budget,
        *,
        asking: Asking,
        rounds: Rounds,
        playout: Playout,
        waits: AnswerWaits,
    ) -> None:
        self._rules = config.tools
        self._scopes = config.scopes
        self._functions = {function.name: function for function in config.tools.functions}
        self._client = ClientTools(config, model, actions)
        self._model = model
        self._actions = actions
        self._timers = timers
        self._waits = waits
        self._asking = asking
        self._rounds = rounds
        self._following = Following(actions, asking, rounds)
        self._fillers = Fillers(actions, asking, self._following, playout)
        self._open = OpenCalls(budget)
        self._refused = RefusedCalls(config.tools, self._client, budget)
        self._outputs = 0
        self._counts = ToolCounts(actions)
        self._models_own = ModelsOwn(
            actions, asking, rounds, self._following, self._counts, once=model.once
        )

    @property
    def figures(self) -> ToolFigures | None:
        """None: this call has no tools."""
        if not self._functions and not self._client.functions and not self._counts.calls:
            return None
        return self._counts.figures(len(self._open))

    @property
    def is_waiting(self) -> bool:
        """Something was called, and no answer has been asked for yet."""
        return self._rounds.is_open

    @property
    def is_idle(self) -> bool:
        """None runs, and no answer is to follow one."""
        return not len(self._open) and not self._rounds.is_open

    def hear(self, response_id: str, item: OutputItem) -> None:
        """An item of an answer is complete."""
        if item.is_models_own:
            self._models_own.hear(response_id, item)
            return
        if not item.is_call:
            self._asking.answering.heard()
            return
        is_heard = self._asking.answering.hears(response_id)
        runs = self._open.find(item.call_id) is not None
        if runs or not self._model.once.is_news("call", item.call_id, of=response_id):
            return
        of = self._rounds.find(response_id) or self._following.begin(
            response_id, is_wanted=is_heard
        )
        self._counts.calls += 1
        refusal = self._refused.why(
            item,
            self._functions,
            running=len(self._open),
            is_heard=is_heard,
            has_enough=self._following.has_enough,
        )
        if refusal is not None:
            outcome, sentence = refusal
            self._answer(of, item.call_id, error_output(sentence))
            self._counts.note(self._label(item.name), item.call_id, outcome, self._actions.now)
        else:
            self._call(of, response_id, item)

    def hear_end(self, response: ResponseFacts) -> None:
        """An answer is over: calls of it that were not heard of are heard of now."""
        if response.status in {None, "completed", "incomplete"}:
            for item in response.output:
                if item.is_call or item.is_models_own:
                    self.hear(response.id, item)
            self._models_own.hear_end(response)
        self._following.hear_end(response)

    def done(self, result: ToolDone) -> None:
        """Whoever performs a call has its result; one that comes too late is not used."""
        call = self._open.find(result.call_id)
        if call is None:
            return
        output, outcome = result.output, result.outcome
        if text_bytes(output) > self._rules.result_bytes:
            output, outcome = error_output("The result of the tool is too large."), "too_large"
        self._end(result.call_id, call, output, outcome, result.detail)

    def result(self, told: asked.ToolResult) -> Refused | None:
        """The client has performed a call.  Returns why that is not taken; then nothing changes."""
        call = self._open.find(told.call_id)
        if call is None or not call.is_clients:
            sentence = "No call of this call_id waits for a result: it has one, or was cancelled."
            return Refused("invalid_message", sentence, "call_id")
        output = output_of(told)
        if text_bytes(output) > self._rules.result_bytes:
            sentence = f"The output is too large; {self._rules.result_bytes} bytes are allowed."
            return Refused("message_too_large", sentence, "output")
        self._end(told.call_id, call, output, "failed" if told.is_error else "done")
        self.settle()
        return None

    def settle(self) -> None:
        """Ask for an answer to the results that are there, if whoever called has ended.

        Called behind whatever may have brought a result or ended an answer, which are many things.
        """
        self._following.settle()
        self._fillers.settle(self._open.calls)
        self._arm()

    def on_turn(self) -> None:
        """The user has said something."""
        self._following.on_turn()
        self._fillers.on_turn()

    def on_speech_started(self) -> None:
        """The user says something."""
        self._following.on_speech_started()
        self._fillers.on_turn()

    def on_speech_stopped(self) -> None:
        """The user has said it."""
        self._following.on_speech_stopped()
        self._arm()

    def on_answer(self) -> None:
        """``response.created``."""
        self._following.on_answer()
        self._arm()

    def on_interrupted(self) -> None:
        """Results still reach the conversation, but ask for no answer of their own; the client
        need not go on with what it does.
        """
        self._rounds.interrupted()
        sentence = "The user interrupted before the tool answered."
        for call_id, call in self._open.all:
            if call.is_clients:
                self._cancel(call_id, call, "interrupted")
                self._end(call_id, call, error_output(sentence), "interrupted")
        self.settle()

    def on_timer(self) -> None:
        """A call may be late."""
        for call_id, call in self._open.all:
            if call.due_at <= self._actions.now:
                self._cancel(call_id, call, "timeout")
                sentence = f"The tool did not answer within {call.timeout_s:g} s."
                self._end(call_id, call, error_output(sentence), "timeout")
        self._arm()

    def on_lost(self) -> None:
        """The model is gone, and the next one is told nothing of what this one called."""
        self._cancel_all("lost")
        for each in self._rounds.clear():
            if each.is_wanted:
                sentence = "The model was lost before it answered. Say it again."
                self._actions.refuse(Refused("upstream_unavailable", sentence), each.ref)

    def shut(self, *, is_told: bool) -> None:
        """The session ends; *is_told*: the client is still there."""
        self._cancel_all("cancelled", is_told=is_told)
        self._rounds.clear()

    def _call(self, of: Round, response_id: str, item: OutputItem) -> None:
        now, function = self._actions.now, self._functions.get(item.name)
        timeout_s = (function and function.timeout_s) or self._rules.client_timeout_s
        manners = function.manners if function is not None else NO_MANNERS
        filler, filler_after_ms = self._rules.filler_of(manners)
        call = OpenCall(
            self._label(item.name),
            of,
            now,
            now + timeout_s,
            call_bytes(item),
            is_clients=function is None,
            shown_as=item.name if manners.is_shown_to(self._scopes) else "",
            filler=filler,
            filler_after_s=filler_after_ms / 1000,
        )
        self._open.open(item.call_id, call)
        self._waits.tool_began()
        self._counts.begin(call.name, item.call_id)
        if call.is_clients:
            self._client.call(response_id, item, call.due_at)
        else:
            self._actions.do(CallTool(item.call_id, item.name, item.arguments))
            self._show(call, "running")
        self._arm()

    def _end(
        self, call_id: str, call: OpenCall, output: str, outcome: ToolOutcome, detail: str = ""
    ) -> None:
        self._open.close(call_id)
        self._waits.tool_ended(call.since)
        self._show(call, "done" if outcome == "done" else "failed")
        self._arm()
        self._answer(call.of, call_id, output)
        self._counts.note(call.name, call_id, outcome, call.since, detail)

    def _answer(self, of: Round, call_id: str, output: str) -> None:
        self._outputs += 1
        event_id = f"{TOOL_ID}_{self._outputs}"
        item = {"id": event_id, **function_output(call_id, output)}
        if self._model.send(CreateItem(item, event_id=event_id)):
            self._model.rebuilding.ledger.answered(event_id, call_id, output)
            return
        if of.is_wanted:
            of.is_wanted = False
            sentence = "Too much is waiting for the model. Send it again when it is connected."
            self._actions.refuse(Refused("server_busy", sentence, retry_after_ms=1000), of.ref)

    def _show(self, call: OpenCall, status: Literal["running", "done", "failed"]) -> None:
        if call.shown_as:
            self._actions.say(ToolActivity(call.shown_as, status))

    def _cancel(self, call_id: str, call: OpenCall, reason: Reason) -> None:
        """Whoever performs it may stop."""
        if call.is_clients:
            self._client.cancel(call_id, reason)
        else:
            self._actions.do(CancelTool(call_id))

    def _cancel_all(self, outcome: ToolOutcome, *, is_told: bool = True) -> None:
        for call_id, call in self._open.all:
            if is_told or not call.is_clients:
                self._cancel(call_id, call, "ended")
            if is_told:
                self._show(call, "failed")
            self._open.close(call_id)
            self._waits.tool_ended(call.since)
            self._counts.note(call.name, call_id, outcome, call.since)
        self._arm()

    def _label(self, name: str) -> str:
        """What a log calls a tool; a name that there is not is the model's own word."""
        if name in self._functions:
            return name
        return NAME_IN_LOG if name in self._client.functions else "unknown"

    def _arm(self) -> None:
        fillers_at = self._fillers.due_at(self._open.calls)
        waits = (self._open.earliest, self._following.due_at, fillers_at)
        due_at = min((each for each in waits if each is not None), default=None)
        if due_at is None:
            self._timers.clear(TIMER)
        else:
            self._timers.set(TIMER, due_at)
