"""In which format the client's audio is, and when that changes."""

from collections.abc import Callable

from tornado_app.session.actions import Actions
from tornado_app.session.commands import ChangeUplink, HoldUplink, ReleaseUplink
from tornado_app.session.config import SessionConfig
from tornado_app.session.pending import PendingHold
from tornado_app.session.pending_queue import PendingQueue
from workers.formats import StreamFormat


class InputFormat:
    """A change holds what comes behind it until it is known in which format that is: the client's
    order counts, and it may go on sending.  Thread: loop.
    """

    __slots__ = ("_actions", "_ended_ms", "_in_force", "_pending", "source")

    def __init__(self, config: SessionConfig, actions: Actions, pending: PendingQueue) -> None:
        self._actions = actions
        self._pending = pending
        self._in_force = config.source
        self.source: StreamFormat = config.source
        """Of what arrives now, by all that is known."""
        self._ended_ms = 0.0

    @property
    def held(self) -> int:
        """Changes of which it is not known yet what becomes of them."""
        return self._pending.count(PendingHold)

    def hold(self, ask: Callable[[], None], source: StreamFormat, size_bytes: int) -> None:
        """Hold what follows, which is likely to be *source*; *ask* is called when all before it
        has been answered, and leads to `change` or `release`.
        """
        self._actions.do(HoldUplink())
        self.source = source
        self._pending.hold(ask, self._actions.chunk, size_bytes)

    def change(self, source: StreamFormat, received_ms: float) -> None:
        """What follows the oldest hold is *source*; *received_ms* is the audio before it."""
        has_begun = received_ms > self._ended_ms
        self._actions.do(ChangeUplink(source, has_begun))
        self._in_force = source

    def release(self) -> None:
        """What follows the oldest hold goes on as what was before it."""
        self._actions.do(ReleaseUplink())
        self._pending.release()
        if not self.held:
            self.source = self._in_force

    def ended(self, received_ms: float) -> None:
        """The stream was flushed with so much audio before it: another begins."""
        self._ended_ms = received_ms
