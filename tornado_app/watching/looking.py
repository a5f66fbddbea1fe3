"""Whether anybody looks at a call, or listens to it: only then does anything stand in its way."""

from tornado_app.session.config import SessionConfig
from tornado_app.session.machine import Session
from tornado_app.watching.ear import Ear
from tornado_app.watching.levels import Loudness
from tornado_app.watching.watch import Watch


class Looking:
    """Puts a `Watch` before the session while somebody looks.  Thread: loop."""

    __slots__ = ("_is_over", "_session", "decider")

    def __init__(self, session: Session) -> None:
        self._session = session
        self.decider: Session | Watch = session
        """The session, or who stands before it."""
        self._is_over = False

    def loudness(self, config: SessionConfig, now: float) -> Loudness:
        """How loud both were in the last moments; silence, if nobody has asked a moment ago."""
        loudness = self._watch(config, now).look(now)
        if self._is_over:
            self.end(now)
        return loudness

    def listen(self, config: SessionConfig, now: float) -> Ear:
        """Have all that is said from *now* on be heard."""
        ear = self._watch(config, now).listen(now)
        if self._is_over:
            self.end(now)
        return ear

    def end_listening(self, now: float) -> None:
        if isinstance(self.decider, Watch):
            self.decider.end_listening(now)

    def end(self, now: float) -> None:
        """The call is over; whoever looks after that sees nothing."""
        self._is_over = True
        self.end_listening(now)
        self._leave()

    def _watch(self, config: SessionConfig, now: float) -> Watch:
        if not isinstance(self.decider, Watch):
            self.decider = Watch(self._session, config, now, self._leave)
        return self.decider

    def _leave(self) -> None:
        self.decider = self._session
