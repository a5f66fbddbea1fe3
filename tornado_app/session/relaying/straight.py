"""The way to a client that is told what the model says as it says it: nothing waits on it."""

from tornado_app.protocol.told import RelayedEvent
from tornado_app.session.actions import Actions
from tornado_app.session.events import Converted, Unusable
from tornado_app.session.sent import Sent


class Straight:
    """An `Outward`.  Thread: loop."""

    may_go_on = False
    holds = False
    waiting_ms = 0.0
    broken_pieces = 0

    def __init__(self, actions: Actions, sent: Sent) -> None:
        self._actions = actions
        self.sent = sent

    def say(self, text: str) -> None:
        """An event, behind all that was said before."""
        self._actions.say(RelayedEvent(text))

    def say_audio(self, text: str, duration_ms: float) -> None:
        """``response.output_audio.delta``.  The hot path."""
        if self._actions.now >= self.sent.probe.due_at:
            self.sent.begin()
        self.sent.note(duration_ms)
        self._actions.say(RelayedEvent(text))

    def end_audio(self) -> None:
        """There is no more audio of this item."""

    def end_audio_of(self, text: str) -> None:
        """Nothing is held of any."""

    def not_taken(self) -> None:
        """Nothing is timed that waits."""

    def go_on(self) -> None:
        """Nothing waits."""

    def ready(self, result: Converted | Unusable) -> None:
        """Nothing is converted."""

    def finish(self) -> None:
        """Nothing is owed."""

    def forget(self) -> None:
        """Nothing is kept."""
