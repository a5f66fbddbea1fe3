"""Events of answers, as the client is shown them: nothing of tools of the server, one name for all.

Most are shown as they are; what they are is seen without parsing them again.
"""

from typing import ClassVar

from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.overhearing import Place, RelayedEvent
from tornado_app.session.actions import Actions
from tornado_app.session.answer_reports import status_of
from tornado_app.session.log_lines import log_answered, log_begun
from tornado_app.session.model_side import ModelSide
from tornado_app.session.relaying.answer import Answer
from tornado_app.session.relaying.answers import Answers
from tornado_app.session.relaying.outstanding import Outstanding
from tornado_app.session.relaying.tools import Tools
from tornado_app.session.relaying.veil import Veil


class AnswerEvents:
    """Thread: loop."""

    KINDS: ClassVar = (
        realtime.ResponseCreated,
        realtime.ResponseFinished,
        realtime.OutputItemDone,
        realtime.AudioDone,
        realtime.AnswerTranscriptDelta,
        realtime.AnswerTranscriptDone,
        realtime.AnswerTextDelta,
        realtime.AnswerTextDone,
    )

    def __init__(
        self,
        actions: Actions,
        model: ModelSide,
        *,
        answers: Answers,
        tools: Tools,
        outstanding: Outstanding,
        veil: Veil,
    ) -> None:
        self._actions = actions
        self._model = model
        self._answers = answers
        self._tools = tools
        self._outstanding = outstanding
        self._veil = veil

    def show(self, said: RelayedEvent, text: str) -> str:
        """Empty: it is not shown."""
        match said:
            case realtime.ResponseCreated(response):
                log_begun(self._actions, response.id)
                self._answers.begun(response.id)
                return self._created(text)
            case realtime.ResponseFinished(response):
                return self._finished(response, text)
        if self._veil.hides(getattr(said, "item_id", "")):
            return ""
        answer = self._answers.find(getattr(said, "response_id", ""))
        if answer is None:
            return text
        match said:
            case realtime.OutputItemDone(_, item):
                if self._hides(item.type, item.name, item.id):
                    self._called(answer, said)
                    return ""
                return self._answers.ended_item(answer, text)
            case Place(type="response.output_item.added", item=begun):
                if self._hides(begun.type, begun.name, begun.id):
                    answer.has_hidden = True
                    return ""
                return self._answers.begun_item(answer, text)
            case Place(type="response.content_part.added"):
                return self._answers.begun_part(answer, text)
        return self._answers.shown(answer, text)

    def _created(self, text: str) -> str:
        if self._answers.goes_on(text):
            return ""
        asked = self._outstanding.answered("response.create")
        wanted = asked.fields.get("response") or {} if asked is not None else None
        return self._answers.created(text, wanted)

    def _finished(self, response: realtime.ResponseFacts, text: str) -> str:
        self._model.on_usage(response.usage)
        log_answered(self._actions, response.id, status_of(response), response)
        answer = self._answers.find(response.id)
        if answer is None:
            return self._veil.response(text, {})
        if self._tools.ends(answer, text, response):
            return ""
        return self._answers.done(answer, text)

    def _hides(self, kind: str, name: str, item_id: str) -> bool:
        """Whether an item is none of the client's; then it is known as such from now on."""
        is_hidden = kind.startswith("mcp_") or (
            kind == "function_call" and self._veil.hides_tool(name)
        )
        if is_hidden:
            self._veil.hide(item_id)
        return is_hidden or self._veil.hides(item_id)

    def _called(self, answer: Answer, said: realtime.OutputItemDone) -> None:
        answer.has_hidden = True
        if said.item.type == "function_call":
            self._tools.call(answer, said.item)
        elif said.item.is_models_own:
            self._tools.called_by_model(answer)
