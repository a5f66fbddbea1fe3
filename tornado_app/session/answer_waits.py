"""How long the user has waited for an answer when it begins to come, and for whom.

    the user's turn ends      the model has it      the answer comes of it      the client is told
    |------ gateway_ms -------|------ model_ms, without tools_ms ------|------- gateway_ms -------|

Tools are waited for while they run for this turn and no answer does.  Session times: what passes
between a socket and the loop is in model_ms.
"""

from dataclasses import dataclass
from typing import Any

from tornado_app.protocol.endings import safe_word
from tornado_app.protocol.told import Wait
from tornado_app.session.actions import Actions

ANSWERS_KEPT = 16
"""What came of an answer may be lost on its way; mostly there is one."""


@dataclass(slots=True, eq=False)
class _Turn:
    since: float
    """When the user had said it."""
    told_at: float
    """When the model was given it."""
    tools_s: float = 0.0
    running: int = 0
    """So many tools run for it."""
    has_called: bool = False


@dataclass(slots=True)
class _Answer:
    turn: _Turn
    heard_at: float | None = None
    tools_s: float = 0.0
    """Of the turn, by then."""


class AnswerWaits:
    """Thread: loop."""

    __slots__ = ("_actions", "_answered", "_counted_at", "_turn", "open", "texts")

    def __init__(self, actions: Actions) -> None:
        self.open: dict[str, _Answer] = {}
        """Answers of which the client has been told nothing: mostly none, so look before you ask.
        """
        self.texts: dict[str, str] = {}
        """The items of those that are written, and which answer each is of."""
        self._actions = actions
        self._turn: _Turn | None = None
        self._answered: _Turn | None = None
        """The turn of the answer that runs; None: none does."""
        self._counted_at = 0.0

    def turn_ended(self, since: float) -> None:
        """The model has a turn that the user had ended at *since*."""
        self._turn = _Turn(since, self._actions.now)

    def asked(self) -> None:
        """An answer is asked for; if it is to no turn of the user's, the wait begins here."""
        self._turn = self._turn or _Turn(self._actions.now, self._actions.now)

    def begun(self, response_id: str) -> None:
        """``response.created``."""
        self._count()
        self.asked()
        self._answered = self._turn
        if self._turn is not None:
            self.open[response_id] = _Answer(self._turn)
            _forget_oldest(self.open)

    def ended(self, response_id: str, *, continues: bool, goes_on: bool = False) -> None:
        """An answer is over; *continues*: so is its turn, if not; *goes_on*: it has broken off."""
        self._count()
        answer = self.open.get(response_id)
        if answer is not None and answer.heard_at is None:
            del self.open[response_id]
        turn = self._turn
        if turn is not None and self._answered is turn:
            if not continues:
                self._turn = None
            elif goes_on and not turn.running and (answer is None or answer.heard_at is not None):
                # The user waits from here on for what is still to come.
                self._turn = _Turn(self._actions.now, self._actions.now)
        self._answered = None

    def tool_began(self) -> None:
        self._count()
        if self._turn is not None:
            self._turn.running += 1
            self._turn.has_called = True

    def tool_ended(self, since: float) -> None:
        """One that was called at *since*, perhaps for a turn before this one."""
        self._count()
        turn = self._turn
        if turn is not None and turn.running and since >= turn.told_at:
            turn.running -= 1

    def heard(self, response_id: str) -> None:
        """The first of an answer has come."""
        answer = self.open.get(response_id)
        if answer is not None and answer.heard_at is None:
            self._count()
            answer.heard_at, answer.tools_s = self._actions.now, answer.turn.tools_s

    def written(self, response_id: str, item_id: str) -> None:
        """The same of one that is text."""
        if response_id in self.open:
            self.heard(response_id)
            self.texts[item_id] = response_id
            _forget_oldest(self.texts)

    def take(self, response_id: str) -> Wait | None:
        """What the first message of an answer carries; None: it is not the first."""
        answer = self.open.pop(response_id, None)
        if answer is None or answer.heard_at is None:
            return None
        turn, now = answer.turn, self._actions.now
        gateway_ms = round((turn.told_at - turn.since + now - answer.heard_at) * 1000, 1)
        tools_ms = round(answer.tools_s * 1000, 1)
        model_ms = round((now - turn.since) * 1000 - gateway_ms - tools_ms, 1)
        wait = Wait(max(0.0, model_ms), gateway_ms, tools_ms if turn.has_called else None)
        self._actions.log(
            "answer_heard",
            response_id=safe_word(response_id),
            model_ms=wait.model_ms,
            gateway_ms=wait.gateway_ms,
            tools_ms=wait.tools_ms,
        )
        return wait

    def take_text(self, item_id: str) -> Wait | None:
        response_id = self.texts.pop(item_id, None)
        return None if response_id is None else self.take(response_id)

    def drop(self) -> None:
        """Nothing of any answer so far is for the client."""
        self.open.clear()
        self.texts.clear()

    def _count(self) -> None:
        """Tools have run alone since the last time, if they did then."""
        turn, now = self._turn, self._actions.now
        if turn is not None and turn.running and self._answered is None:
            turn.tools_s += now - self._counted_at
        self._counted_at = now


def _forget_oldest(entries: dict[str, Any]) -> None:
    if len(entries) > ANSWERS_KEPT:
        del entries[next(iter(entries))]
