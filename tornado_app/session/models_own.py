"""Calls that the model makes itself, of servers that the operator has handed to it.

Nothing of them is here but that they were made: the model has their results, and has to be asked
for an answer to them, as to any.
"""

from tornado_app.protocol.realtime.events import ResponseFacts
from tornado_app.protocol.realtime.functions import OutputItem
from tornado_app.session.actions import Actions
from tornado_app.session.asking import Asking
from tornado_app.session.following import Following
from tornado_app.session.once import Once
from tornado_app.session.rounds import Rounds
from tornado_app.session.tool_counts import ToolCounts

NAME_IN_LOG = "of_model"
"""What such a tool is called is the word of its server."""


class ModelsOwn:
    """Thread: loop."""

    def __init__(
        self,
        actions: Actions,
        asking: Asking,
        rounds: Rounds,
        following: Following,
        counts: ToolCounts,
        *,
        once: Once,
    ) -> None:
        self._actions = actions
        self._asking = asking
        self._rounds = rounds
        self._following = following
        self._counts = counts
        self._once = once

    def hear(self, response_id: str, item: OutputItem) -> None:
        """One is complete, whatever came of it."""
        is_heard = self._asking.answering.hears(response_id)
        if not self._once.is_news("models_own", item.id):
            return
        if self._rounds.find(response_id) is None:
            self._following.begin(response_id, is_wanted=is_heard)
        self._counts.calls += 1
        self._counts.note(NAME_IN_LOG, item.id, "done", self._actions.now)

    def hear_end(self, response: ResponseFacts) -> None:
        """A model that has gone on by itself, in words, behind its own calls needs not be asked."""
        of = self._rounds.find(response.id)
        has_others = any(item.is_call for item in response.output)
        ends_in_words = bool(response.output) and response.output[-1].type == "message"
        if of is not None and ends_in_words and not has_others:
            self._rounds.forget(of)
