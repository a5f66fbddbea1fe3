"""Links that are open before anybody needs one: a call that takes one need not wait for a dial.

    dialled --> ready --> taken by a call, which configures it
       ^          |
       +- a pause +---- lost, too old, silent, or led elsewhere by other settings

Nobody has been told anything over a spare one, and nothing was configured: what it has for itself
is the handshake and the model's ``session.created``.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from tornado_app.logs import get_logger
from tornado_app.mailbox import Mailbox
from tornado_app.protocol.endings import Failure, classify
from tornado_app.protocol.realtime.events import (
    ErrorFacts,
    SessionCreated,
    UpstreamError,
    parse_realtime,
)
from tornado_app.upstream.any_link import AnyLink, Parse, Post
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.link import Link
from tornado_app.upstream.said import LinkLost, LinkOpened, LinkRoundTrip, LinkSaid

LOOK_S = 0.25
AT_ONCE = 4
"""So many are dialled at a time: calls that come meanwhile dial as well."""
PAUSE_MAX_S = 30.0
"""Between two dials that fail.  The first is a second, and each is twice the one before."""
DOUBLED_MOST = 10
"""Beyond `PAUSE_MAX_S` in any case, and no number that is too large to be one."""
STABLE_S = 10.0
"""One that did not last so long counts as a dial that failed."""
AGE_SPREAD = 0.25
"""Those that were opened together do not all end together."""
SILENT_PINGS = 1.5
"""One whose last ping was not answered may be half dead, and nobody is to find out by speaking."""


@dataclass(slots=True, eq=False)
class Spare:
    """One that is dialled, or open for nobody."""

    link: Link
    dial: Dial
    begun_at: float
    leaves_at: float
    opened: LinkOpened | None = None
    said: list[LinkSaid] = field(default_factory=list)
    """Messages as they came, not parsed: by which dialect they are read, its call will know."""
    error: ErrorFacts | None = None
    is_ready: bool = False
    alive_at: float = 0.0
    heir: tuple[Post, Parse] | None = None
    """Whose it is; None: nobody's."""


class Spares:
    """At most *count* of them.  Thread: loop."""

    def __init__(
        self,
        count: int,
        age_s: float,
        mailbox: Mailbox,
        *,
        dial: Callable[[], Dial],
        opened: Callable[[], None],
        taken: Callable[[], None],
        retire: Callable[[AnyLink], None],
        jitter: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """*dial*: where the model of most calls is, now.  *opened* counts a link, and *retire*
        takes it when it has ended, as of a call; *taken* hears of one that a call has, which has
        counted it as well.
        """
        self._count = count
        self._age_s = age_s
        self._mailbox = mailbox
        self._dial = dial
        self._opened = opened
        self._taken = taken
        self._retire = retire
        self._jitter = jitter
        self._clock = clock
        self._spares: list[Spare] = []
        self._failures = 0
        self._dial_at = 0.0
        self._watch: asyncio.Task[None] | None = None
        self._log = get_logger()

    def begin(self) -> None:
        """Have them, from now on."""
        self._watch = asyncio.get_running_loop().create_task(self._keep())

    async def stop(self) -> None:
        task, self._watch = self._watch, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for spare in self._spares[:]:
            self._drop(spare)

    @property
    def ready(self) -> int:
        """How many a call could have now."""
        return sum(self._is_good(spare, self._clock()) for spare in self._spares)

    def has(self, dial: Dial) -> bool:
        """Whether there is one that leads where *dial* does."""
        return self._find(dial) is not None

    def take(self, dial: Dial, post: Post, parse: Parse) -> Link | None:
        """One that leads where *dial* does, to be started as if it was new; None: there is none.

        It `post`s at its start what it has heard, as `LinkOpened` with the time that it was spare.
        """
        spare = self._find(dial)
        if spare is None or spare.opened is None:
            return None
        self._spares.remove(spare)
        spare.heir = post, parse
        self._taken()
        spare_s = self._clock() - spare.begun_at
        told = [replace(spare.opened, connect_ms=0.0, spare_s=spare_s)]
        said = [_read(each, parse) for each in spare.said]
        spare.link.hand_over(dial, post, parse, [*told, *said])
        return spare.link

    def look(self) -> None:
        """Let go of what is not good any more, and open what is missing."""
        now = self._clock()
        wanted = self._dial()
        for spare in self._spares[:]:
            is_due = not spare.is_ready and now >= spare.begun_at + wanted.connect_timeout_s
            is_over = spare.is_ready and not self._is_good(spare, now)
            if is_due:
                self._fail(spare, Failure("open", "timeout", detail="not ready"))
            elif is_over or spare.dial != wanted:
                self._drop(spare)
        dialled = sum(not spare.is_ready for spare in self._spares)
        missing = self._count - len(self._spares)
        if now >= self._dial_at:
            for _ in range(min(missing, AT_ONCE - dialled)):
                self._open(wanted, now)

    async def _keep(self) -> None:
        while True:
            try:
                self.look()
            except LookupError:
                pass  # there is no model yet
            except Exception:  # noqa: BLE001  the watch goes on
                self._log.exception("spare_links_failed")
            await asyncio.sleep(LOOK_S)

    def _find(self, dial: Dial) -> Spare | None:
        now = self._clock()
        good = (each for each in self._spares if self._is_good(each, now))
        return next((each for each in good if _leads_to(each.dial, dial)), None)

    def _is_good(self, spare: Spare, now: float) -> bool:
        silent_s = now - spare.alive_at
        is_alive = silent_s < SILENT_PINGS * spare.dial.ping_interval_s
        return spare.is_ready and is_alive and now < spare.leaves_at

    def _open(self, dial: Dial, now: float) -> None:
        box: list[Spare] = []

        def post(said: object) -> None:
            # The upstream thread calls this; the spare is in the box before it is started.
            self._mailbox.post_threadsafe(self._hear, box[0], said)

        link = Link(dial, "spare", post, _as_it_is, self._clock)
        leaves_at = now + self._age_s * (1 - AGE_SPREAD * self._jitter())
        box.append(Spare(link, dial, now, leaves_at))
        self._spares.append(box[0])
        self._opened()
        link.start()

    def _hear(self, spare: Spare, said: object) -> None:
        """What its thread has to say, on the loop."""
        if spare.heir is not None:
            # It was on its way when the link changed hands.
            post, parse = spare.heir
            post(_read(said, parse) if isinstance(said, LinkSaid) else said)
            return
        match said:
            case LinkOpened():
                spare.opened = said
            case LinkSaid():
                spare.said.append(said)
                self._see(spare, said)
            case LinkRoundTrip():
                spare.alive_at = self._clock()
            case LinkLost(failure):
                self._retire(spare.link)
                if spare in self._spares:
                    self._fail(spare, failure)

    def _see(self, spare: Spare, said: LinkSaid) -> None:
        match parse_realtime(said.event):
            case SessionCreated():
                spare.is_ready, spare.alive_at = True, self._clock()
            case UpstreamError(error):
                spare.error = error

    def _fail(self, spare: Spare, failure: Failure) -> None:
        now = self._clock()
        ending = classify(failure, spare.error)
        self._failures = self._failures + 1 if now < spare.begun_at + STABLE_S else 1
        doubled = min(self._failures - 1, DOUBLED_MOST)
        pause_s = min(PAUSE_MAX_S, 2.0**doubled) * (0.5 + 0.5 * self._jitter())
        self._dial_at = now + max(pause_s, ending.retry_after_s or 0.0)
        self._log.info("spare_link_lost", cause=ending.cause, stage=failure.stage)
        self._drop(spare)

    def _drop(self, spare: Spare) -> None:
        self._spares.remove(spare)
        if spare.opened is None:
            spare.link.abort()
        else:
            spare.link.close()


def _leads_to(one: Dial, other: Dial) -> bool:
    """Whether they are the same but for how much may be unread, which a link can change."""
    return replace(one, inbox_bytes=0) == replace(other, inbox_bytes=0)


def _read(said: LinkSaid, parse: Parse) -> LinkSaid:
    return LinkSaid(parse(said.event), said.posted_bytes, said.read_at)


def _as_it_is(text: bytes | str) -> bytes | str:
    return text
