"""The ``response.create`` that is under way, and the turns that wait for the next one."""

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

from tornado_app.errors import Ref

RESPONSE_ID = "parley_response"
TURNS_KEPT = 64
"""An answer is to all turns that there are; more than these are known by number of none."""
BUSY_MAX = 2
"""So often in a row a model may have an answer of which it does not speak."""

State = Literal["none", "asked", "stopped", "busy"]
"""Not sent, or settled; sent, and ``response.created`` not yet seen; not wanted any more; refused
because of an answer that we do not know, and to be made again."""


class Turn(NamedTuple):
    name: str | None
    """Of the order that brought it to the model, by which that may refuse it."""
    ref: Ref | None
    """What the client calls it."""
    is_result: bool = False
    """It is none of the user's: tools have answered."""
    is_rest: bool = False
    """It was answered in part, and then the model was lost."""


class Request:
    """Counts requests, knows their turns; sends nothing and waits for nothing itself.

    Thread: loop.
    """

    def __init__(self) -> None:
        self.state: State = "none"
        """What has become of the one that was sent last."""
        self.ref: Ref | None = None
        """What the client calls the last turn that it is for."""
        self.is_filler = False
        """It is for no turn: a sentence while a tool takes long."""
        self._number = 0
        self._asked = _turns()
        """Those that it is for, as long as it may have to be made again for them: until the next
        is sent, for an answer that begins may be none to it (`refused_as_busy`)."""
        self._waiting = _turns()
        self._busy = 0

    @property
    def name(self) -> str:
        """Of the one that was made last."""
        return f"{RESPONSE_ID}_{self._number}"

    @property
    def waits(self) -> bool:
        """A turn waits until the model is free."""
        return bool(self._waiting)

    @property
    def is_idle(self) -> bool:
        """None is under way, and no turn waits for the next."""
        return self.state == "none" and not self.waits

    @property
    def is_for_results(self) -> bool:
        """The one that `next` has named answers no turn of the user's."""
        return all(turn.is_result for turn in self._asked)

    @property
    def is_for_rest(self) -> bool:
        """And it asks only for the rest of an answer that broke off."""
        return all(turn.is_rest for turn in self._asked)

    @property
    def is_hopeless(self) -> bool:
        """The model is busy, and has been too often."""
        return self._busy >= BUSY_MAX

    def want(self, turn: Turn) -> None:
        """One turn more."""
        self._waiting.append(turn)

    def next(self) -> str:
        """The name of a request for all turns that wait; call `sent` when it is."""
        self._asked, self._waiting = self._waiting, _turns()
        return self._next(self._asked[-1].ref, is_filler=False)

    def next_filler(self, ref: Ref | None) -> str:
        """The same of a request for a sentence in the turn that the client calls *ref*."""
        self._asked.clear()
        return self._next(ref, is_filler=True)

    def _next(self, ref: Ref | None, *, is_filler: bool) -> str:
        self._number += 1
        self.ref, self.is_filler = ref, is_filler
        return self.name

    @property
    def awaits_filler(self) -> bool:
        """The next answer to begin is one for no turn."""
        return self.is_filler and self.state in {"asked", "stopped"}

    def sent(self) -> None:
        self.state = "asked"

    def settle(self) -> None:
        """It has been answered in one way or another."""
        self._asked.clear()
        self.state = "none"

    def begun(self) -> bool:
        """An answer begins.  True: nobody wants it any more.

        The model may have begun it by itself before it read the request; then it says that it is
        busy.
        """
        was_stopped = self.state == "stopped"
        self.ref = self.ref if self.state in {"asked", "stopped"} else None
        self.state, self._busy = "none", 0
        return was_stopped

    def withdraw(self) -> None:
        """No turn wants an answer any more."""
        self._waiting.clear()
        self._asked.clear()
        if self.state == "asked":
            self.state = "stopped"
        elif self.state == "busy":
            self.state = "none"

    def withdraw_filler(self) -> None:
        """A sentence that was asked for is not wanted any more."""
        if self.awaits_filler:
            self.state = "stopped"

    def withdraw_one(self, name: str) -> None:
        """The turn of this name is none; nothing, if no answer to it is wanted or it has begun."""
        self._waiting = _turns(turn for turn in self._waiting if turn.name != name)
        self._asked = _turns(turn for turn in self._asked if turn.name != name)
        if self.state == "asked" and not self._asked:
            self.state = "stopped"
        elif self.state == "busy" and not self._waiting:
            self.state = "none"

    def drop_waiting(self) -> None:
        """An error has told the turns that wait that they will not be answered."""
        self._waiting.clear()

    def is_last(self, event_id: str | None) -> bool:
        """Whether an error is about the request that was sent last."""
        return order_number(event_id, RESPONSE_ID, self._number) == self._number

    def refused_as_busy(self, *, is_known: bool) -> None:
        """The model has an answer under way; *is_known*: we know of it, and hear when it ends."""
        if self.state == "busy":
            return
        self.state = "none"
        self._waiting.extendleft(reversed(self._asked))
        self._asked.clear()
        if not is_known and self._waiting:
            self._busy += 1
            self.state = "busy"

    def put_back(self) -> None:
        """The model is gone, and the next one is to be asked: for all turns that wait, and those
        that it was asked for.
        """
        if self.state == "asked":
            self._waiting.extendleft(reversed(self._asked))
        self._asked.clear()
        self.state, self._busy = "none", 0

    def lost(self) -> tuple[bool, Ref | None]:
        """The model is gone: whether it owed an answer, and to what."""
        is_owed = self.waits or (self.state in {"asked", "busy"} and not self.is_filler)
        ref = self._waiting[-1].ref if self.waits else self.ref
        self._waiting.clear()
        self._asked.clear()
        self.state, self._busy = "none", 0
        return is_owed, ref


def _turns(turns: Iterable[Turn] = ()) -> deque[Turn]:
    return deque(turns, TURNS_KEPT)


def order_number(event_id: str | None, of: str, otherwise: int) -> int:
    """Which order of ours an error is about; not every server says."""
    number = (event_id or "").removeprefix(f"{of}_")
    return int(number) if number.isascii() and number.isdecimal() else otherwise
