"""A sentence of the model's while a tool takes long: one for a turn of the user's.

It is an answer like any other, so it is asked for only while the model has nothing else to say; the
answer to the results follows it.  Whoever has just heard something, be it the model's own "let me
look", waits from the end of that.
"""

from collections.abc import Collection

from tornado_app.session.actions import Actions
from tornado_app.session.asking import Asking
from tornado_app.session.following import Following
from tornado_app.session.open_calls import OpenCall
from tornado_app.session.playout import Playout


class Fillers:
    """Thread: loop."""

    def __init__(
        self, actions: Actions, asking: Asking, following: Following, playout: Playout
    ) -> None:
        self._actions = actions
        self._asking = asking
        self._following = following
        self._playout = playout
        self._said_in: int | None = None
        """The turn that had its sentence."""
        self._heard_until = 0.0
        """When the client has played what there was, in this turn."""

    def on_turn(self) -> None:
        """The user says something, or has: nothing is said into that."""
        self._heard_until = 0.0
        self._asking.drop_filler()

    def due_at(self, calls: Collection[OpenCall]) -> float | None:
        """When one is due; None if none is, or if that waits for an event."""
        if not self._asking.is_free:
            return None
        return min((self._due(call) for call in calls if self._may_have(call)), default=None)

    def settle(self, calls: Collection[OpenCall]) -> None:
        """Ask for one if it is due; called whenever that may have changed."""
        now = self._actions.now
        plays_until = self._playout.ends_at(now)
        if plays_until > now:
            self._heard_until = plays_until
        due_at = self.due_at(calls)
        if due_at is None or due_at > now:
            return
        first = min(filter(self._may_have, calls), key=self._due)
        self._said_in = self._following.turn
        self._actions.log("tool_filler", name=first.name)
        self._asking.fill(first.filler, first.of.ref)

    def _may_have(self, call: OpenCall) -> bool:
        """Whether anybody waits for this call, in a turn that had no sentence yet."""
        turn = self._following.turn
        is_waited_for = call.of.is_wanted and call.of.turn == turn
        is_open = is_waited_for and not self._asking.answering.is_closed
        return bool(call.filler) and is_open and self._said_in != turn

    def _due(self, call: OpenCall) -> float:
        since = max(call.since, self._heard_until)
        return max(since + call.filler_after_s, self._following.quiet_until)
