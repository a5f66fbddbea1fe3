"""When the model is asked to go on behind the results of tools.

One answer, when all calls of an answer have their results and it is over; not while the user
speaks, whose turn the model answers by itself; and not without end.
"""

from tornado_app.errors import Refused
from tornado_app.protocol.realtime.events import ResponseFacts
from tornado_app.session.actions import Actions
from tornado_app.session.asking import Asking
from tornado_app.session.rounds import Round, Rounds

ROUNDS_MAX = 16
"""So many answers in a row may do nothing but call tools; a model that never ends costs money."""
SPEECH_S = 30.0
"""So long results wait at most for the end of what the user is saying."""
ANSWER_S = 2.0
"""And so long, behind it, for the model's own answer to that."""


class Following:
    """Thread: loop."""

    def __init__(self, actions: Actions, asking: Asking, rounds: Rounds) -> None:
        self._actions = actions
        self._asking = asking
        self._rounds = rounds
        self._in_a_row = 0
        self.turn = 0
        """How often the user has said something, or begun to."""
        self.quiet_until = 0.0
        """Nothing is asked for before: the user speaks, or has just spoken."""

    @property
    def has_enough(self) -> bool:
        """The model has only called tools for so long that it may call no more."""
        return self._in_a_row >= ROUNDS_MAX

    @property
    def due_at(self) -> float | None:
        """When results have waited long enough for the user; None if none wait."""
        waits = self._rounds.complete and self._actions.now < self.quiet_until
        return self.quiet_until if waits else None

    def begin(self, response_id: str, *, is_wanted: bool) -> Round:
        """An answer calls its first tool."""
        is_one_too_many = is_wanted and self.has_enough
        is_wanted = is_wanted and not is_one_too_many
        new = Round(
            response_id,
            self._asking.answering.known.ref,
            is_wanted,
            is_one_too_many,
            turn=self.turn,
        )
        self._rounds.add(new)
        return new

    def settle(self) -> None:
        """Ask for an answer to the results that are there, if whoever called has ended."""
        wanted: Round | None = None
        for each in self._rounds.complete:
            if self._asking.answering.known.runs(each.response_id):
                continue
            if each.is_wanted and self._actions.now < self.quiet_until:
                continue
            self._rounds.forget(each)
            wanted = each if each.is_wanted else wanted
            if each.is_one_too_many:
                sentence = "The model came to no answer in so many steps. Ask again."
                self._actions.refuse(Refused("rate_limited", sentence), each.ref)
        if wanted is None:
            return
        self._in_a_row += 1
        ref, self._actions.ref = self._actions.ref, wanted.ref
        self._asking.want(None, is_result=True)
        self._actions.ref = ref

    def hear_end(self, response: ResponseFacts) -> None:
        """An answer is over, and all calls of it have been heard of."""
        running = self._asking.answering.known.running
        if (
            running is None
            or running.is_filler
            or not self._asking.answering.known.runs(response.id)
        ):
            return
        if self._rounds.find(response.id) is None:
            self._in_a_row = 0  # it was one in words

    def on_turn(self) -> None:
        """The user has said something."""
        self.turn += 1
        self._in_a_row = 0

    def on_speech_started(self) -> None:
        """An answer that is asked for now would talk over the user."""
        self.on_turn()
        self.quiet_until = self._actions.now + SPEECH_S

    def on_speech_stopped(self) -> None:
        """The model answers by itself, mostly, and that answer knows what has come by now."""
        self.quiet_until = self._actions.now + ANSWER_S
        for each in self._rounds.complete:
            each.is_known = True

    def on_answer(self) -> None:
        """``response.created``."""
        if self._actions.now >= self.quiet_until:
            return
        self.quiet_until = 0.0
        for each in self._rounds.complete:
            if each.is_known and not self._asking.answering.known.runs(each.response_id):
                self._rounds.forget(each)
