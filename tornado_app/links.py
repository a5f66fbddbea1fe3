"""The links of one call to its model: the one in use, and one that is made ready to follow it.

What each has to say comes as events of its own kind, and of a link that is neither comes nothing.
"""

from collections.abc import Callable
from typing import Protocol, assert_never

from tornado_app.audio.pipeline import Post
from tornado_app.reading_on import ReadingOn
from tornado_app.session import commands, events
from tornado_app.session.config import SessionConfig
from tornado_app.upstream.any_link import AnyLink
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.link import Link
from tornado_app.upstream.race import Deliver, Race, Read
from tornado_app.upstream.said import LinkDrained, LinkLost, LinkOpened, LinkRoundTrip, LinkSaid
from tornado_app.upstream.spares import Spares


class NewRace(Protocol):
    """Makes a dial whose *deliver* gets what a link would post, each message as *read* has it;
    *is_fresh*: by links that are dialled now.
    """

    def __call__(
        self, config: SessionConfig, read: Read, deliver: Deliver, *, is_fresh: bool
    ) -> Race: ...


class Links:
    """Thread: loop."""

    __slots__ = (
        "_clock",
        "_dial",
        "_dialled",
        "_feed",
        "_mailbox",
        "_new_race",
        "_prepared",
        "_read",
        "_reading",
        "_retire",
        "_session_id",
        "_spares",
        "_unsent_bytes",
        "_used",
    )

    def __init__(
        self,
        session_id: str,
        dial: Callable[[SessionConfig], Dial],
        retire: Callable[[AnyLink], None],
        mailbox: Post,
        clock: Callable[[], float],
        *,
        read: Read,
        reading: ReadingOn,
        feed: Callable[[events.Event], None],
        race: NewRace | None = None,
        spares: Spares | None = None,
    ) -> None:
        """*retire* takes a link that has ended, to join its thread off the loop; *read* says what a
        message of the model is; *race* is for several upstreams, *dial* for the only one, to which
        there may be *spares*.
        """
        self._session_id = session_id
        self._dial = dial
        self._retire = retire
        self._mailbox = mailbox
        self._clock = clock
        self._read = read
        self._reading = reading
        self._feed = feed
        self._new_race = race
        self._spares = spares
        self._dialled: Dial | None = None
        """Where the one in use was dialled, if there is only one upstream."""
        self._used: AnyLink | None = None
        self._prepared: AnyLink | None = None
        self._unsent_bytes = 0

    def perform(self, command: commands.LinkCommand, config: SessionConfig) -> None:
        """*config*: as it is now."""
        match command:
            case commands.DialUpstream(_, is_fresh):
                link = self._new(config, is_fresh=is_fresh)
                self._forget_used()
                self._used = link
                self._reading.begin(link)
                link.start()
            case commands.CloseUpstream():
                self._close_used()
            case commands.PrepareUpstream():
                self._drop_prepared()
                # There are minutes for it: a spare one is for those who wait.
                self._prepared = link = self._new(config, is_fresh=True)
                link.start()
            case commands.DropPrepared():
                self._drop_prepared()
            case commands.SwapUpstream():
                self._swap()
            case _:
                assert_never(command)

    def send(self, text: bytes) -> None:
        """By the link in use.  The hot path."""
        if self._used is None:
            return
        unsent_bytes = self._used.send(text)
        if unsent_bytes != self._unsent_bytes:
            self._count_unsent(unsent_bytes)

    def send_prepared(self, text: bytes) -> None:
        """By the other one."""
        if self._prepared is not None:
            self._feed(events.PreparedBacklog(self._prepared.send(text)))

    @property
    def unread_bytes(self) -> int:
        """What was said and not heard yet."""
        return sum(link.unread_bytes for link in (self._used, self._prepared) if link is not None)

    @property
    def unsent_bytes(self) -> int:
        """What waits for the sockets."""
        return sum(link.unsent_bytes for link in (self._used, self._prepared) if link is not None)

    def look(self) -> int:
        """As of `ReadingOn.look`."""
        self._unsent_bytes = self._reading.look()
        return self._unsent_bytes

    def close(self) -> None:
        """Both are closed: the session had a fault of ours."""
        self._drop_prepared()
        self._close_used()

    def end(self) -> None:
        """The session is over.  Its connection is let go: each holds the other."""
        self.close()
        self._feed = _nobody_hears

    def _new(self, config: SessionConfig, *, is_fresh: bool) -> AnyLink:
        if self._new_race is not None:
            return self._new_race(config, self._read, self._hear, is_fresh=is_fresh)
        self._dialled = dial = self._dial(config)
        box: list[Link] = []

        def post(said: object) -> None:
            # The upstream thread calls this; the link is in the box before it is started.
            self._mailbox.post_threadsafe(self._hear, box[0], said)

        spares = None if is_fresh else self._spares
        link = spares.take(dial, post, self._read) if spares else None
        box.append(link or Link(dial, self._session_id, post, self._read, self._clock))
        return box[0]

    @property
    def _has_spare(self) -> bool:
        if self._spares is None or self._dialled is None:
            return False
        return self._spares.has(self._dialled)

    def _swap(self) -> None:
        """The link in use is closed, and what it has still to say is for nobody."""
        link, self._prepared = self._prepared, None
        self._close_used()
        if link is not None:
            self._used = link
            self._reading.begin(link)
            self._count_unsent(link.unsent_bytes)

    def _hear(self, link: AnyLink, said: object) -> None:
        """What an upstream thread has to say, on the loop."""
        if link is self._used:
            self._hear_used(link, said)
        elif link is self._prepared:
            self._hear_prepared(link, said)
        if isinstance(said, LinkLost):
            self._retire(link)

    def _hear_used(self, link: AnyLink, said: object) -> None:
        match said:
            case LinkSaid():
                has_room = self._reading.has_room
                self._feed(events.UpstreamSaid(said.event, said.read_at, has_room))
                self._reading.reckon()
                link.consumed(said.posted_bytes)
            case LinkOpened(connect_ms, served_by, upstream, spare_s):
                self._feed(events.UpstreamOpened(connect_ms, served_by, upstream, spare_s))
            case LinkDrained():
                self._count_unsent(0)
            case LinkRoundTrip(latency_ms):
                self._feed(events.UpstreamRoundTrip(latency_ms))
            case LinkLost(failure, error):
                self._forget_used()
                self._feed(events.UpstreamLost(failure, error, self._has_spare))

    def _hear_prepared(self, link: AnyLink, said: object) -> None:
        match said:
            case LinkSaid(event, posted_bytes):
                self._feed(events.PreparedSaid(event))
                link.consumed(posted_bytes)
            case LinkOpened(connect_ms, served_by, upstream):
                self._feed(events.PreparedOpened(connect_ms, served_by, upstream))
            case LinkDrained():
                self._feed(events.PreparedBacklog(0))
            case LinkLost(failure, error):
                self._prepared = None
                self._feed(events.PreparedLost(failure, error))

    def _count_unsent(self, unsent_bytes: int) -> None:
        self._unsent_bytes = unsent_bytes
        self._feed(events.UpstreamBacklog(unsent_bytes))

    def _forget_used(self) -> None:
        self._used = None
        self._unsent_bytes = 0
        self._reading.end()

    def _close_used(self) -> None:
        link = self._used
        self._forget_used()
        if link is not None:
            link.close()

    def _drop_prepared(self) -> None:
        link, self._prepared = self._prepared, None
        if link is not None:
            link.close()


def _nobody_hears(_: events.Event) -> None:
    """What a link says behind the end of a call."""
