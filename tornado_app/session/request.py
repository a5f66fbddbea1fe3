"""The ``response.create`` that is under way, and the turns that wait for the next one."""

from typing import Literal

from tornado_app.errors import Ref

RESPONSE_ID = "parley_response"
BUSY_MAX = 2
"""So often in a row a model may have an answer of which it does not speak."""

State = Literal["none", "asked", "stopped", "busy"]
"""Not sent, or settled; sent, and ``response.created`` not yet seen; not wanted any more; refused
because of an answer that we do not know, and to be made again."""


class Request:
    """Counts requests and turns; sends nothing and waits for nothing itself.  Thread: loop."""

    def __init__(self) -> None:
        self.state: State = "none"
        """What has become of the one that was sent last."""
        self.ref: Ref | None = None
        """What the client calls the last turn that it is for."""
        self._number = 0
        self._withdrawn = 0
        """Requests up to this number are not made again."""
        self._turns_asked = 0
        self._turns_waiting = 0
        self._waiting_ref: Ref | None = None
        self._busy = 0

    @property
    def waits(self) -> bool:
        """A turn waits until the model is free."""
        return self._turns_waiting > 0

    @property
    def is_hopeless(self) -> bool:
        """The model is busy, and has been too often."""
        return self._busy >= BUSY_MAX

    def want(self, ref: Ref | None) -> None:
        """One turn more, which the client calls *ref*."""
        self._turns_waiting += 1
        self._waiting_ref = ref

    def next(self) -> str:
        """The name of a request for all turns that wait; call `sent` when it is."""
        self._number += 1
        self._turns_asked, self._turns_waiting = self._turns_waiting, 0
        self.ref = self._waiting_ref
        return f"{RESPONSE_ID}_{self._number}"

    def sent(self) -> None:
        self.state = "asked"

    def settle(self) -> None:
        """It has been answered in one way or another."""
        self.state = "none"

    def begun(self) -> bool:
        """An answer begins.  True: nobody wants it any more."""
        was_stopped = self.state == "stopped"
        self.ref = self.ref if self.state in {"asked", "stopped"} else None
        self.state, self._busy = "none", 0
        return was_stopped

    def withdraw(self) -> None:
        """No turn wants an answer any more."""
        self._turns_waiting = 0
        self._withdrawn = self._number
        if self.state == "asked":
            self.state = "stopped"
        elif self.state == "busy":
            self.state = "none"

    def withdraw_one(self) -> None:
        """One turn less.  It does not matter which: an answer is to all that there is."""
        if self.state == "asked":
            self._turns_asked -= 1
            if not self._turns_asked:
                self.state = "stopped"
        else:
            self._turns_waiting = max(0, self._turns_waiting - 1)

    def drop_waiting(self) -> None:
        """An error has told the turns that wait that they will not be answered."""
        self._turns_waiting = 0

    def is_last(self, event_id: str | None) -> bool:
        """Whether an error is about the request that was sent last."""
        return order_number(event_id, RESPONSE_ID, self._number) == self._number

    def refused_as_busy(self, *, is_known: bool) -> None:
        """The model has an answer under way; *is_known*: we know of it, and hear when it ends."""
        self.state = "none"
        if self._number > self._withdrawn:
            self._waiting_ref = self._waiting_ref if self._turns_waiting else self.ref
            self._turns_waiting += self._turns_asked
        if not is_known and self._turns_waiting:
            self._busy += 1
            self.state = "busy"

    def lost(self) -> tuple[bool, Ref | None]:
        """The model is gone: whether it owed an answer, and to what."""
        is_owed = self.waits or self.state in {"asked", "busy"}
        ref = self._waiting_ref if self.waits else self.ref
        self._turns_waiting = self._busy = 0
        self.state = "none"
        return is_owed, ref


def order_number(event_id: str | None, of: str, otherwise: int) -> int:
    """Which order of ours an error is about; not every server says."""
    number = (event_id or "").removeprefix(f"{of}_")
    return int(number) if number.isascii() and number.isdecimal() else otherwise
