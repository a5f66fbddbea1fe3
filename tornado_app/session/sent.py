"""How much audio went to a client, and how long it was here."""

from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.probe import NONE, Probe


class Sent:
    """Of one call.  Thread: loop."""

    __slots__ = ("_actions", "audio_ms", "pieces", "probe")

    def __init__(self, config: SessionConfig, actions: Actions) -> None:
        self.pieces = 0
        """Messages with audio."""
        self.audio_ms = 0.0
        """How long they play."""
        self.probe = Probe(actions, "to_client", is_on=config.is_timed)
        self._actions = actions

    def begin(self) -> None:
        """Time what the model has said just now."""
        self.probe.begin(self.pieces, min(self._actions.read_at, self._actions.now))

    def note(self, duration_ms: float) -> None:
        """A message with so much was sent."""
        self.pieces += 1
        self.audio_ms += duration_ms
        if self.probe.piece != NONE:
            self.probe.end()
