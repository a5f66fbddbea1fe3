"""Whether the client may say one more thing now, and what it is told if not, or if it was wrong."""

from tornado_app.errors import InvalidMessage, Ref, Refused
from tornado_app.session.conductor import Conductor
from tornado_app.session.parts import Parts
from tornado_app.session.way_out import WayOut


class Admitting:
    """Counts what the client says.  Thread: loop."""

    __slots__ = ("_actions", "_conductor", "_lifetime", "_rates", "_way_out")

    def __init__(self, parts: Parts, conductor: Conductor, way_out: WayOut) -> None:
        self._actions = parts.actions
        self._lifetime = parts.lifetime
        self._rates = parts.rates
        self._conductor = conductor
        self._way_out = way_out

    def admit(self, ref: Ref | None, *, is_audio: bool = False) -> bool:
        """Whether it may say what is called *ref*; if not, it has been told.  The hot path."""
        self._actions.ref = ref
        self._lifetime.heard()
        refused = self._rates.message(self._actions.now)
        if refused is None:
            return True
        if self._conductor.takes(refused):
            return True
        if is_audio:
            refused.chunk = self._actions.chunk
        self.refuse(refused)
        return False

    def admit_order(self, ref: Ref | None) -> bool:
        """The same of anything but audio."""
        self._actions.orders += 1
        return self.admit(ref)

    def refuse_if(self, refused: Refused | None) -> None:
        if refused is not None:
            self.refuse(refused)

    def refuse(self, refused: Refused) -> None:
        """Say so in its turn.  Who is wrong too often has to go."""
        self._conductor.refuse(refused)
        self.count_error()

    def count_error(self) -> None:
        """Something was wrong of which it is told elsewhere."""
        self._way_out.end_over(self._rates.wrong_message(self._actions.now), "too_many_errors")

    def on_wrong(self, refused: InvalidMessage) -> None:
        """A message was wrong, and so was nothing but a message."""
        if refused.is_audio:
            self._actions.chunk += 1
            refused.chunk = self._actions.chunk
        else:
            self._actions.orders += 1
        if self.admit(refused.ref, is_audio=refused.is_audio):
            self.refuse(refused)

    def on_fragment(self) -> None:
        """A part of a message came."""
        self._lifetime.heard()
        self._way_out.end_over(self._rates.fragment(self._actions.now), "too_many_fragments")

    def on_ping(self) -> None:
        """A ping or a pong came."""
        self._lifetime.heard()
        self._way_out.end_over(self._rates.ping(self._actions.now), "too_many_pings")
