"""How long audio is here that waits for nobody else: one piece at a time is watched on its way."""

import math
from typing import Literal

from tornado_app.session.actions import Actions
from tornado_app.session.commands import Timed

REST_S = 1.0
"""Between two pieces: what every piece would say, at a fiftieth of the cost."""
NONE = -1


class Probe:
    """Of one direction.  Thread: loop.

    Who has a piece begins if it is `due_at`, and ends with whatever comes out next; who keeps it
    back for somebody else forgets it.
    """

    __slots__ = ("_actions", "_direction", "_since", "due_at", "piece")

    def __init__(
        self, actions: Actions, direction: Literal["to_model", "to_client"], *, is_on: bool
    ) -> None:
        self._actions = actions
        self._direction = direction
        self._since = 0.0
        self.due_at = 0.0 if is_on else math.inf
        """When the next may begin: compare before you call, this is the hot path."""
        self.piece = NONE
        """The number of the piece that is watched."""

    def begin(self, piece: int, since: float) -> None:
        """Watch *piece*, which came at *since*; one that never comes out is forgotten by it."""
        self.piece, self._since = piece, since
        self.due_at = self._actions.now + REST_S

    def end(self) -> None:
        """It has gone on."""
        self.piece = NONE
        self._actions.do(Timed(self._direction, max(0.0, self._actions.now - self._since)))

    def forget(self) -> None:
        self.piece = NONE
