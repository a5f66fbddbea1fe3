"""Words that the model owes to a call which only transcribes: there is nothing else to come.

    it has made a turn of speech     its words are awaited
    a piece of them comes            the rest is awaited from then on
    they are complete, or failed     they are not any more
    nothing comes for too long       the client is told, and the transcript ends as far as it came
    the model is lost                the same: the next one knows nothing of that turn

Beside an answer words may be missing, and nobody waits for them but who wants to do without this
model (`are_near`).
"""

from collections import deque
from dataclasses import dataclass

from tornado_app.errors import Ref, Refused
from tornado_app.session.actions import Actions
from tornado_app.session.downlink import Downlink
from tornado_app.session.model_side import ModelSide
from tornado_app.session.timers import Timers

TIMER = "words_late"
AWAITED = 64
"""Turns; a model that owes the words of more has its deadline missed by the oldest."""
NEAR_S = 10.0
"""Words that come beside an answer are there by then, or they are missing."""
ENDED_KEPT = 16
"""Turns whose words came before the model said that it had made one of them."""


@dataclass(slots=True)
class _Turn:
    since: float
    ref: Ref | None
    """What the client calls the commit, if it was its own."""


class AwaitedWords:
    """Thread: loop."""

    def __init__(
        self,
        model: ModelSide,
        actions: Actions,
        timers: Timers,
        downlink: Downlink,
        *,
        timeout_s: float,
    ) -> None:
        self._model = model
        self._actions = actions
        self._timers = timers
        self._downlink = downlink
        self._timeout_s = timeout_s
        self._turns: dict[str, _Turn] = {}
        """The one that was heard of longest ago first."""
        self._besides: dict[str, float] = {}
        """The same beside answers, and when each became a turn."""
        self._ended: deque[str] = deque(maxlen=ENDED_KEPT)

    def committed(self, item_id: str) -> None:
        """The model has made a turn of speech; `Actions.ref` is the client's name for that."""
        if item_id in self._ended:
            return
        if not self._model.in_force.only_transcribes:
            self._expect(item_id)
            return
        if len(self._turns) >= AWAITED:
            self._late(next(iter(self._turns)))
        self._turns[item_id] = _Turn(self._actions.now, self._actions.ref)
        self._arm()

    def heard(self, item_id: str) -> None:
        """A piece of its words came."""
        if turn := self._turns.pop(item_id, None):
            turn.since = self._actions.now
            self._turns[item_id] = turn  # the timer looks again when it comes

    def ended(self, item_id: str) -> None:
        """They are complete, or there will be none."""
        if self._turns.pop(item_id, None):
            self._arm()
        elif self._besides.pop(item_id, None) is None:
            self._ended.append(item_id)

    @property
    def are_near(self) -> bool:
        """Some are on their way, mostly."""
        now = self._actions.now
        return bool(self._turns) or any(now < at + NEAR_S for at in self._besides.values())

    def on_timer(self) -> None:
        """Some may be late."""
        while self._turns:
            item_id, turn = next(iter(self._turns.items()))
            due_at = self._model.due(turn.since, self._timeout_s)
            if due_at is None or self._actions.now < due_at:
                break
            self._late(item_id)
        self._arm()

    def on_lost(self) -> None:
        """The model is gone; what it had begun to write down ends with all other words."""
        if self._turns:
            ref = next(reversed(self._turns.values())).ref
            sentence = (
                f"The words of {len(self._turns)} turns were lost with the connection to the "
                "model. Say it again."
            )
            self._actions.refuse(Refused("upstream_unavailable", sentence), ref)
        self._turns.clear()
        self._besides.clear()
        self._ended.clear()
        self._arm()

    def _expect(self, item_id: str) -> None:
        if self._model.in_force.transcription_model:
            self._besides[item_id] = self._actions.now
            if len(self._besides) > AWAITED:
                del self._besides[next(iter(self._besides))]

    def _late(self, item_id: str) -> None:
        turn = self._turns.pop(item_id)
        self._actions.log("upstream_late", waited_for="transcript")
        name = self._model.rebuilding.names.shown(item_id)
        self._downlink.words_end(("user", name), None)
        sentence = "The model did not write down in time what was said. Say it again."
        self._actions.refuse(Refused("upstream_timeout", sentence), turn.ref)

    def _arm(self) -> None:
        oldest = next(iter(self._turns.values()), None)
        due_at = self._model.due(oldest.since, self._timeout_s) if oldest else None
        if due_at is None:
            self._timers.clear(TIMER)
        else:
            self._timers.set(TIMER, due_at)
