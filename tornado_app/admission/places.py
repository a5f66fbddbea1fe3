"""A place among the connections that are counted, as long as anybody needs it."""

from collections.abc import Callable, Sequence

from tornado_app.admission.counting import Seat


class Place:
    """Held by a socket, and by the session behind it, which may outlive it.  Thread: loop."""

    def __init__(self, seats: Sequence[Seat], give_back: Callable[[], None]) -> None:
        self.seats = seats
        """What it is counted under."""
        self._give_back = give_back
        self._holders = 1

    def hold(self) -> "Place":
        """One more needs it."""
        self._holders += 1
        return self

    def leave(self) -> None:
        """One needs it no more; the last gives it back."""
        self._holders -= 1
        if not self._holders:
            self._give_back()
