"""What becomes of a call whose model is lost, so that its client notices as little as may be.

the conversation          told to the next model, with the names that the client knows
what was asked            asked again, if the model had not answered it
an answer of which the    asked for again
client knows nothing yet
an answer in its midst    as the operator has it (`lost_answer`): what was said is ended, and
another item of the same answer goes on; or it is over, as failed
a turn that a call which only transcribes has no words of: they have failed

Where nothing of the conversation is kept, the next model could answer nothing of it: answers are
over, those asked for and owed are told of as lost, and so is speech that was to be a turn.
"""

from typing import Any

from tornado_app.protocol.realtime.functions import gone_on_with
from tornado_app.protocol.told import RelayedError
from tornado_app.session.ledger.entries import UserSaid
from tornado_app.session.parts import Parts
from tornado_app.session.relaying.answer import Answer
from tornado_app.session.relaying.asking import Asking
from tornado_app.session.relaying.breaking_off import LOST
from tornado_app.session.relaying.parts import RelayedParts

OF_CONVERSATION = {
    "response.create": LOST,
    "input_audio_buffer.commit": "The model was lost with what was committed. Say it again.",
}
"""What makes no sense to a model that knows nothing, and what is said of it."""


class Losing:
    """Thread: loop."""

    def __init__(self, parts: Parts, relayed: RelayedParts, asking: Asking) -> None:
        self._continues = parts.config.answers.lost_answer == "continue"
        self._model = parts.model
        self._actions = parts.actions
        self._answers = relayed.answers
        self._tools = relayed.tools
        self._way = relayed.way
        self._items = relayed.items
        self._outstanding = relayed.outstanding
        self._owed = relayed.owed
        self._owed_words = relayed.owed_words
        self._client = relayed.client
        self._clock = relayed.speaking.clock
        self._asking = asking
        self._forgotten = relayed.forgotten
        self._veil = relayed.veil
        self._given_up = relayed.given_up
        self._ledger = parts.model.rebuilding.ledger

    def on_lost(self) -> None:
        """It is dialled again."""
        self._given_up.forget()
        cut_off = self._answers.take_all()
        for answer in cut_off:
            self._answers.break_off(answer)
        known = self._known()
        self._clock.carry_over(self._model)
        for ended in (*self._items.lost(), *self._owed_words.lost()):
            self._way.say(self._model.rebuilding.names.shown_text(ended))
        if self._ledger.is_kept:
            self._go_on(cut_off, known)
        else:
            self._begin_anew(cut_off)

    def _go_on(self, cut_off: list[Answer], known: list[str]) -> None:
        """The next model is told of the conversation."""
        told = {entry.id for entry in self._ledger.entries}
        self._forgotten.note(known, told)
        rebuilding = self._model.rebuilding
        for answer in (*cut_off, *self._tools.waiting):
            names = map(rebuilding.name_now, answer.own_items)
            answer.lost((name for name in names if name in told), self._forgotten)
        for asked in self._outstanding.again:
            self._asking.again(asked)
        if "response.create" not in {asked.kind for asked in self._outstanding.again}:
            self._owed.ask()
        for answer in cut_off:
            self._mend(answer)

    def _begin_anew(self, cut_off: list[Answer]) -> None:
        """It is told nothing."""
        waiting = self._tools.waiting
        self._tools.cancel_all("lost")
        for answer in (*cut_off, *waiting):
            self._answers.leave(answer)
        for asked in self._outstanding.all:
            if asked.kind in OF_CONVERSATION and not asked.wanted.get("input"):
                self._outstanding.refused(asked.name)
                self._asking.undo(asked)
                self._tell(OF_CONVERSATION[asked.kind], asked.ref)
        for asked in self._outstanding.again:
            self._asking.again(asked)
        if self._owed:
            self._owed.forget()
            self._tell(LOST, None)

    def _tell(self, sentence: str, ref: str | None) -> None:
        self._actions.say(RelayedError("server_error", "server_error", sentence, None, ref))

    def _known(self) -> list[str]:
        """Items that the client has seen; words of a turn that is none yet are not."""
        return [
            entry.id
            for entry in self._ledger.entries
            if not self._veil.hides(entry.id)
            and (not isinstance(entry, UserSaid) or entry.is_committed)
        ]

    def _mend(self, answer: Answer) -> None:
        if self._tools.keep(answer):
            return
        if answer.is_cancelled or (answer.calls_client and answer.has_whole_call):
            self._answers.leave(answer)
        elif not answer.count:
            self._answers.go_on(answer)
        elif self._continues and not answer.is_beside:
            self._answers.go_on(answer, self._rest_of(answer))
        else:
            self._answers.fail(answer)

    def _rest_of(self, answer: Answer) -> dict[str, Any]:
        own = (answer.asked or {}).get("instructions") or self._client.instructions
        return gone_on_with(own)
