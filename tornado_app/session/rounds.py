"""Which answers have called tools, and whether another answer is to follow their results."""

from dataclasses import dataclass, field

from tornado_app.errors import Ref
from tornado_app.protocol.told import ResponseStatus

GOES_ON = ("completed", "incomplete")
"""An answer that ended so is followed by another one when the results of its calls are there."""


@dataclass(slots=True)
class Round:
    """The calls of one answer."""

    response_id: str
    ref: Ref | None
    """What the client calls the turn that it answers."""
    is_wanted: bool
    """The client waits for the answer that follows."""
    is_one_too_many: bool = False
    """So many before it have done nothing but call tools that it has no other behind it."""
    is_known: bool = False
    """All results were there before the user's turn ended, which the model answers by itself."""
    turn: int = 0
    """Which turn of the user's it is for, as `Following` counts them."""
    running: set[str] = field(default_factory=set)
    """The calls that have no result yet."""


class Rounds:
    """Thread: loop."""

    __slots__ = ("_rounds",)

    def __init__(self) -> None:
        self._rounds: dict[str, Round] = {}

    def find(self, response_id: str) -> Round | None:
        return self._rounds.get(response_id)

    def add(self, new: Round) -> None:
        self._rounds[new.response_id] = new

    def ended(self, response_id: str, status: ResponseStatus) -> bool:
        """The client is told that this answer is over.  True: another one follows by itself."""
        found = self._rounds.get(response_id)
        if found is None:
            return False
        found.is_wanted = found.is_wanted and status in GOES_ON
        return found.is_wanted

    def interrupted(self) -> None:
        """Results still reach the conversation, and nobody waits for what follows them."""
        for each in self._rounds.values():
            each.is_wanted = False

    @property
    def is_open(self) -> bool:
        return bool(self._rounds)

    @property
    def is_wanted(self) -> bool:
        """Another answer follows one of them by itself."""
        return any(each.is_wanted for each in self._rounds.values())

    @property
    def complete(self) -> list[Round]:
        """Those that have all results."""
        return [each for each in self._rounds.values() if not each.running]

    def forget(self, done: Round) -> None:
        self._rounds.pop(done.response_id, None)

    def clear(self) -> list[Round]:
        """Forget all; returns them."""
        rounds, self._rounds = list(self._rounds.values()), {}
        return rounds
