"""The way to a client that is told what the model says as it says it: nothing waits on it."""

from tornado_app.session.events import Converted, Unusable
from tornado_app.session.sent import Sent


class Straight:
    """An `Outward`.  Thread: loop."""

    may_go_on = False
    holds = False
    waiting_ms = 0.0
    broken_pieces = 0

    def __init__(self, sent: Sent) -> None:
        self.sent = sent

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
