"""Events of answers, as the client is shown them: nothing of tools of the server, one name for all.

Most are shown as they are; what they are is seen without parsing them again.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from tornado_app.protocol.realtime import events as realtime
from tornado_app.protocol.realtime.overhearing import Place, RelayedEvent
from tornado_app.session.answer_reports import status_of
from tornado_app.session.log_lines import log_answered, log_begun
from tornado_app.session.parts import Parts
from tornado_app.session.relaying.answer import Answer, created_text, unheard
from tornado_app.session.relaying.answers import response_in
from tornado_app.session.relaying.parts import RelayedParts


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

    def __init__(self, parts: Parts, relayed: RelayedParts) -> None:
        self._actions = parts.actions
        self._model = parts.model
        self._answers = relayed.answers
        self._tools = relayed.tools
        self._outstanding = relayed.outstanding
        self._owed = relayed.owed
        self._veil = relayed.veil
        self._given_up = relayed.given_up
        self._way = relayed.way

    def show(self, said: RelayedEvent, text: str) -> str:
        """Empty: it is not shown."""
        match said:
            case realtime.ResponseCreated(response):
                return self._begun(response, text) if self._is_news("begun", response.id) else ""
            case realtime.ResponseFinished(response):
                return self._finished(response, text) if self._is_news("over", response.id) else ""
        response_id = getattr(said, "response_id", "")
        answer = self._answers.heard(response_id)
        if answer is None:
            if self._given_up.has(response_id):
                return ""
            answer = self._begun_unheard({"id": response_id})
        if self._veil.hides(getattr(said, "item_id", "")):
            return ""
        if isinstance(said, realtime.OutputItemDone | Place):
            return self._show_part(said, answer, text)
        return text if answer is None else self._answers.shown(answer, text)

    def _show_part(
        self, said: realtime.OutputItemDone | Place, answer: Answer | None, text: str
    ) -> str:
        """*answer* None: it is not known; what is hidden is none of the client's in any."""
        is_item = (
            isinstance(said, realtime.OutputItemDone) or said.type == "response.output_item.added"
        )
        if is_item and self._veil.hides_item(said.item.type, said.item.name, said.item.id):
            if answer is not None:
                answer.has_hidden = True
                self._called(answer, said)
            return ""
        if answer is None:
            return text
        match said:
            case realtime.OutputItemDone():
                return self._answers.ended_item(answer, text)
            case Place(type="response.output_item.added"):
                return self._answers.begun_item(answer, text)
            case Place(type="response.content_part.added"):
                return self._answers.begun_part(answer, text)
        return self._answers.shown(answer, text)

    def _is_news(self, kind: str, name: str) -> bool:
        return not name or self._model.once.is_news(kind, name)

    def _begun(self, response: realtime.ResponseFacts, text: str) -> str:
        log_begun(self._actions, response.id)
        shown, created = "", response_in(text)
        if not self._goes_on(created):
            shown = self._answers.created(text, created, self._wanted(created))
        self._answers.begun(response.id)
        return shown

    def _begun_unheard(self, known: dict[str, Any]) -> Answer | None:
        """Something comes of an answer, *known* of it: if its beginning was lost, it begins now.

        None: it has begun before, or has no name.
        """
        name = str(known.get("id") or "")
        if not name or not self._model.once.is_news("begun", name):
            return None
        self._model.has_begun = True
        log_begun(self._actions, name)
        created = unheard(known)
        if not self._goes_on(created):
            wanted = self._wanted(created)
            created["metadata"] = created["metadata"] or (wanted or {}).get("metadata")
            self._way.say(self._answers.created(created_text(created), created, wanted))
        self._answers.begun(name)
        return self._answers.find(name)

    def _goes_on(self, response: dict[str, Any]) -> bool:
        is_sole = not self._outstanding.has("response.create")
        return self._answers.goes_on(response, is_sole=is_sole)

    def _wanted(self, response: dict[str, Any]) -> Mapping[str, Any] | None:
        return self._outstanding.answer_to(response, is_owed=bool(self._owed))

    def _finished(self, response: realtime.ResponseFacts, text: str) -> str:
        self._model.on_usage(response.usage)
        if self._given_up.has(response.id):
            if self._given_up.counts(response.id):
                log_answered(self._actions, response.id, "failed", response)
            return ""
        self._begun_unheard({**response_in(text), "id": response.id})
        answer = self._answers.ending(response.id)
        if answer is None and not response.id:
            return ""
        status = status_of(response)
        name = answer.model_name if answer is not None else response.id
        log_answered(self._actions, name, status, response)
        if answer is None:
            return self._veil.response(text, {})
        if self._tools.ends(answer, text, response):
            return ""
        return self._answers.done(answer, text, status)

    def _called(self, answer: Answer, said: realtime.OutputItemDone | Place) -> None:
        match said:
            case realtime.OutputItemDone(item=item) if item.type == "function_call":
                self._tools.call(answer, item)
            case realtime.OutputItemDone(item=item) if item.is_models_own:
                self._tools.called_by_model(answer, item)
