"""Clients that are connected and have not said who they are."""

from collections.abc import Callable
from dataclasses import dataclass

from tornado_app.errors import Refused


@dataclass(eq=False, slots=True)
class Stranger:
    """One of them."""

    turn_away: Callable[[Refused], None]
    """Tells the client why it may not stay, and closes; never raises."""


class Lobby:
    """Has so many places: whoever has waited longest gives way to whoever comes.  Thread: loop.

    A client needs a moment to say who it is, and an attacker has nothing to say.  To refuse those
    who come would shut out everybody until the silent ones have had their time.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._strangers: dict[Stranger, None] = {}

    @property
    def used(self) -> int:
        return len(self._strangers)

    def enter(self, turn_away: Callable[[Refused], None]) -> Stranger:
        while len(self._strangers) >= self._places:
            sentence = "Too many have connected and not said who they are. Try again later."
            self._remove(next(iter(self._strangers)), Refused("server_busy", sentence, None, 5000))
        stranger = Stranger(turn_away)
        self._strangers[stranger] = None
        return stranger

    def leave(self, stranger: Stranger) -> None:
        """It has said who it is, or is gone.  Nothing, if it has no place any more."""
        self._strangers.pop(stranger, None)

    def clear(self, refused: Refused) -> None:
        """Turn everybody away."""
        for stranger in tuple(self._strangers):
            self._remove(stranger, refused)

    def _remove(self, stranger: Stranger, refused: Refused) -> None:
        self.leave(stranger)
        stranger.turn_away(refused)
