"""What a model does not come to say to a client that conducts: nobody waits for it for ever.

    more of an answer               response_stall_s      the answer has failed, and is cancelled
    that it was cancelled           CANCEL_TIMEOUT_S      it is counted
    ``response.created``, asked     response_timeout_s    an error, unless an answer ran meanwhile
    for or to a turn that it found
    words, where nothing else is    response_timeout_s    they have failed
    its word on anything else       response_timeout_s    it is not waited for

It is looked for once a second; `ModelSide.due` says when a wait is over.
"""

from tornado_app.protocol.realtime.orders import CancelResponse
from tornado_app.protocol.told import RelayedError
from tornado_app.session.log_lines import log_answered
from tornado_app.session.parts import Parts
from tornado_app.session.patience import CANCEL_TIMEOUT_S
from tornado_app.session.relaying.answer import Answer
from tornado_app.session.relaying.answers import CANCEL_ID
from tornado_app.session.relaying.asking import Asking
from tornado_app.session.relaying.breaking_off import STALLED
from tornado_app.session.relaying.outstanding import Asked
from tornado_app.session.relaying.parts import RelayedParts

NOT_BEGUN = "The model did not begin to answer in time. Ask again."


class Lateness:
    """Thread: loop."""

    def __init__(self, parts: Parts, relayed: RelayedParts, asking: Asking) -> None:
        self._rules = parts.config.answers
        self._actions = parts.actions
        self._model = parts.model
        self._answers = relayed.answers
        self._tools = relayed.tools
        self._outstanding = relayed.outstanding
        self._owed = relayed.owed
        self._owed_words = relayed.owed_words
        self._way = relayed.way
        self._names = parts.model.rebuilding.names
        self._given_up = relayed.given_up
        self._asking = asking
        self._connecting = parts.connecting
        self._free_since = 0.0
        """Since when the model has had nothing to say."""

    def look(self) -> None:
        for answer in self._answers.running:
            if self._is_over(answer.heard_at, self._rules.response_stall_s):
                self._give_up(answer)
        now = self._actions.now
        for name in self._given_up.uncounted(now - CANCEL_TIMEOUT_S):
            if self._given_up.counts(name):
                log_answered(self._actions, name, "failed", None)
        if self._answers.running:
            self._free_since = self._actions.now
        for asked in self._outstanding.all:
            if self._is_late(asked.since):
                self._give_up_waiting(asked)
        if self._owed.since is not None and self._is_late(self._owed.since):
            self._tell_not_begun(self._owed.since, None)
            self._owed.forget()
        for failed in self._owed_words.late(self._rules.response_timeout_s):
            self._way.say(self._names.shown_text(failed))

    def _is_late(self, since: float) -> bool:
        """What is asked while an answer runs may come behind it."""
        since = max(since, self._free_since, self._connecting.connected_at or 0.0)
        return self._is_over(since, self._rules.response_timeout_s)

    def _is_over(self, since: float, timeout_s: float) -> bool:
        due_at = self._model.due(since, timeout_s)
        return due_at is not None and self._actions.now >= due_at

    def _give_up(self, answer: Answer) -> None:
        """Cancelled first, so that the model is free for what its client asks for then."""
        self._actions.log("upstream_late", waited_for="response")
        self._model.send(CancelResponse(answer.model_name or None, CANCEL_ID))
        self._given_up.add(answer.model_name, tuple(answer.items), self._actions.now)
        self._tools.forget(answer)
        self._answers.leave(answer, STALLED)

    def _give_up_waiting(self, asked: Asked) -> None:
        self._outstanding.refused(asked.name)
        self._asking.undo(asked)
        if asked.kind == "response.create":
            self._tell_not_begun(asked.since, asked.ref)

    def _tell_not_begun(self, since: float, ref: str | None) -> None:
        if self._free_since <= since:
            self._actions.log("upstream_late", waited_for="response.created")
            self._actions.say(RelayedError("server_error", "server_error", NOT_BEGUN, None, ref))
