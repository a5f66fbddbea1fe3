"""What becomes of a call whose model is lost, so that its client notices as little as may be.

the conversation          told to the next model, with the names that the client knows
what was asked            asked again, if the model had not answered it
an answer of which the    asked for again
client knows nothing yet
an answer in its midst    as the operator has it (`lost_answer`): what was said is ended, and
another item of the same answer goes on; or it is over, as failed
"""

from typing import Any

from tornado_app.protocol.realtime.functions import gone_on_with
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.model_side import ModelSide
from tornado_app.session.relaying.answer import Answer
from tornado_app.session.relaying.answers import Answers
from tornado_app.session.relaying.breaking_off import FAILED
from tornado_app.session.relaying.clock import Clock
from tornado_app.session.relaying.item_events import ItemEvents
from tornado_app.session.relaying.outstanding import Outstanding
from tornado_app.session.relaying.standing import Client
from tornado_app.session.relaying.tools import Tools


class Losing:
    """Thread: loop."""

    def __init__(
        self,
        config: SessionConfig,
        model: ModelSide,
        actions: Actions,
        *,
        answers: Answers,
        tools: Tools,
        items: ItemEvents,
        outstanding: Outstanding,
        client: Client,
        clock: Clock,
    ) -> None:
        self._continues = config.lost_answer == "continue"
        self._model = model
        self._actions = actions
        self._answers = answers
        self._tools = tools
        self._items = items
        self._outstanding = outstanding
        self._client = client
        self._clock = clock

    def on_lost(self) -> None:
        """It is dialled again."""
        self._items.forget()
        cut_off = self._answers.take_all()
        for answer in cut_off:
            self._answers.break_off(answer)
        self._clock.carry_over(self._model)
        for asked in self._outstanding.again:
            self._model.send(asked.order)
        for answer in cut_off:
            self._mend(answer)

    def _mend(self, answer: Answer) -> None:
        if self._tools.keep(answer):
            return
        if answer.calls_client and answer.has_whole_call:
            self._answers.end(answer, "completed", None)
        elif not answer.count:
            self._answers.go_on(answer, answer.asked or {})
        elif self._continues and not answer.is_beside:
            self._answers.go_on(answer, self._rest_of(answer))
        else:
            self._answers.end(answer, "failed", FAILED)

    def _rest_of(self, answer: Answer) -> dict[str, Any]:
        asked = dict(answer.asked or {})
        own = asked.get("instructions") or self._client.instructions
        return asked | gone_on_with(own)
