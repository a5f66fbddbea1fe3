"""Whether a call's model is read: a state, reckoned from facts whenever they may have changed."""

from typing import Any, Protocol

from tornado_app.session.machine import Session
from tornado_app.upstream.any_link import AnyLink

LINK_STUCK_S = 10.0
"""A link that nobody holds back reads on in milliseconds."""
READ_AHEAD_AFTER = 5
"""A link that is held so many looks in a row reads on all the same: who pings us may wait no longer
than 20 s for the pong, which is the default of the `websockets` library."""
READ_AHEAD_BYTES = 1 << 20
"""So much more of it from one look to the next: 16 s of speech as base64."""


class Taker(Protocol):
    """Who is given what the model says."""

    @property
    def is_full(self) -> bool: ...


class ReadingOn:
    """Holds a link back while its client has enough, and finds one that stands still.

    Nothing here depends on what was said before, so it can be asked at any time: that is what keeps
    a call from falling silent.  Thread: loop.
    """

    __slots__ = (
        "_answer",
        "_client",
        "_held_looks",
        "_link",
        "_log",
        "_session",
        "_was_held",
        "is_held",
    )

    def __init__(self, client: Taker, session: Session, log: Any) -> None:
        self._client = client
        self._session = session
        self._answer = session.downlink
        self._log = log
        self._link: AnyLink | None = None
        self.is_held = False
        self._was_held = False
        self._held_looks = 0

    def begin(self, link: AnyLink) -> None:
        """Read *link* from now on."""
        self._link, self.is_held, self._was_held = link, False, False
        self._held_looks = 0
        self.reckon()

    def end(self) -> None:
        """Read none."""
        self._link, self.is_held = None, False

    @property
    def has_room(self) -> bool:
        """The client takes a piece of the answer at once."""
        return not self._client.is_full

    def reckon(self) -> None:
        """Have the link read on, or not, as things are: the model speaks faster than real time, and
        a client that plays as it reads must not be cut for that.
        """
        if self._link is None:
            return
        has_enough = self._client.is_full or self._answer.holds
        # A model that is not ready yet says little, and has a deadline for it.
        is_held = has_enough and self._session.is_connected
        if is_held != self.is_held:
            self.is_held = is_held
            self._was_held = True
            self._link.hold(is_held)

    def take_was_held(self) -> bool:
        """Whether the link is held back, or was since this was asked last."""
        was_held, self._was_held = self._was_held, self.is_held
        return was_held

    def read_ahead(self, room_bytes: int, *, was_held: bool) -> int:
        """Have a link that has long been held, or again and again, find what its model asks itself.
        Called once a second; *room_bytes*: so much may be kept of all calls.

        Returns how many bytes of the model are kept for that, or may be until the next look.
        """
        link = self._link
        if link is None:
            return 0
        self._held_looks = self._held_looks + 1 if was_held else 0
        kept_bytes = link.ahead_bytes
        if self._held_looks >= READ_AHEAD_AFTER:
            kept_bytes += max(0, min(room_bytes, READ_AHEAD_BYTES))
        link.read_ahead(kept_bytes)
        return kept_bytes

    @property
    def unanswered_s(self) -> float:
        """As of `Link.unanswered_s`."""
        return 0.0 if self._link is None else self._link.unanswered_s

    def look(self) -> int:
        """See whether the link reads nothing and has no reason to, which is a fault of ours.

        Returns how many bytes it has not sent.
        """
        link = self._link
        if link is None:
            return 0
        was_held = self.is_held
        self.reckon()
        # One that was let go a moment ago may not have had the time to read.
        is_stuck = not self._was_held and link.paused_s >= LINK_STUCK_S
        if is_stuck or (was_held and not self.is_held):
            self._log.error("link_stuck", paused_s=round(link.paused_s, 1), was_held=was_held)
            link.consumed(link.posted_bytes)
        unsent_bytes = link.unsent_bytes
        if unsent_bytes:
            link.look()
        return unsent_bytes
