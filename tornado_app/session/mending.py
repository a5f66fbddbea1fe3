"""A model that is lost: the client is told at once, what it knew is carried over soon after.

    lost      the client is told, and another is dialled
    mended    what the lost one knew is carried over, and what it was doing is put right

Nothing that the client says or that becomes due in between is acted on before it is mended.
"""

from tornado_app.protocol.endings import Ending, Failure
from tornado_app.protocol.realtime.events import ErrorFacts
from tornado_app.session.conductor import Conductor
from tornado_app.session.parts import Parts

TELL_S = 0.1
"""A model that is lost is lost for many calls at a time.  All their clients are told before what
the model knew is carried over, which takes several times as long."""


class Mending:
    """Thread: loop."""

    __slots__ = ("_actions", "_conductor", "_connecting", "_model", "_timers", "unsent_ms")

    def __init__(self, parts: Parts, conductor: Conductor) -> None:
        self._model = parts.model
        self._connecting = parts.connecting
        self._actions = parts.actions
        self._timers = parts.timers
        self._conductor = conductor
        self.unsent_ms: float | None = None
        """So much audio had not left for a model that was lost, and is not mended; else None."""

    def on_lost(
        self, failure: Failure, error: ErrorFacts | None, *, has_spare: bool
    ) -> Ending | None:
        """As of `Connecting.on_lost`."""
        was_connected = self._model.state == "connected"
        unsent_ms = self._model.gate.unsent_audio_ms
        ending = self._connecting.on_lost(failure, error, has_spare=has_spare)
        if was_connected and ending is None:
            self.unsent_ms = unsent_ms
            self._timers.set("mend", self._actions.now + TELL_S)
            return None
        self._connecting.log_loss()
        if was_connected:
            self._conductor.on_lost(unsent_ms, goes_on=False)
        return ending

    def mend(self) -> None:
        """Carry over what the lost model knew, and say what became of what it was doing."""
        if self.unsent_ms is None:
            return
        unsent_ms, self.unsent_ms = self.unsent_ms, None
        self._timers.clear("mend")
        self._connecting.log_loss()
        self._conductor.on_lost(unsent_ms, goes_on=True)
