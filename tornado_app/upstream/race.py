"""One dial of a call that has several upstreams: whoever begins a session first has it.

They are dialled in order.  One that fails is followed by the next at once, and one that is slow by
the next beside it, so that a silent upstream costs a call a fraction of a second.  To its owner a
race is a link: it opens once, and is lost once, as the last.
"""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tornado_app.failover.route import Route
from tornado_app.failover.upstreams import Upstream
from tornado_app.mailbox import Mailbox
from tornado_app.protocol.endings import Ending, Failure, classify
from tornado_app.protocol.realtime.events import (
    ErrorFacts,
    SessionCreated,
    UpstreamError,
    UpstreamEvent,
)
from tornado_app.protocol.realtime.overhearing import Overheard
from tornado_app.upstream.any_link import AnyLink
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.link import Link
from tornado_app.upstream.said import LinkLost, LinkOpened, LinkSaid
from tornado_app.upstream.spares import Spares

Read = Callable[[bytes | str], UpstreamEvent | Overheard]
Deliver = Callable[["Race", object], None]


@dataclass(slots=True, eq=False)
class Contender:
    """One that was dialled."""

    upstream: Upstream
    is_probe: bool
    link: Link
    timer: TimerHandle
    served_by: str = ""
    spare_s: float | None = None
    said: list[LinkSaid] = field(default_factory=list)
    """Before it began a session."""
    error: ErrorFacts | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceRules:
    """What all races share."""

    loop: AbstractEventLoop
    mailbox: Mailbox
    clock: Callable[[], float]
    after_s: float
    """So long after one the next is dialled beside it."""
    begin_s: float
    """From the dial to the model's ``session.created``, for each."""
    retire: Callable[[AnyLink], None]
    """Takes each link that has ended."""
    began: Callable[[Route, str], None]
    """Hears of each that was dialled and has begun a session behind another: by whose route, and
    its name.  Of the first its call says what is so, when it was taken or let down."""
    bad: Callable[[Route, Contender, Ending], None]
    """Hears of each that has not."""
    doubt: Callable[[str], None]
    """Hears the name of each that was overtaken, and broken off before it was known why."""
    spares: Spares | None = None


class Race:
    """An `AnyLink`.  Thread: loop.

    Those who are overtaken are not broken off: what becomes of them says whether they are slow or
    dead.
    """

    def __init__(
        self,
        rules: RaceRules,
        route: Route,
        dial: Callable[[Upstream], Dial],
        name: str,
        *,
        read: Read,
        deliver: Deliver,
        is_fresh: bool = False,
    ) -> None:
        """*deliver* is called on the loop, with what a `Link` would post.

        *is_fresh*: by links that are dialled now.
        """
        self._rules = rules
        self._spares = None if is_fresh else rules.spares
        self._route = route
        self._dial = dial
        self._name = name
        self._read = read
        self._deliver = deliver
        self._began_at = 0.0
        self._next_timer: TimerHandle | None = None
        self._running: list[Contender] = []
        self._tried: set[str] = set()
        self._failures: list[LinkLost] = []
        self._winner: Contender | None = None
        self._link: Link | None = None
        self._is_over = False

    def start(self) -> None:
        """Dial the first.  If nobody may be dialled, it is lost at once."""
        self._began_at = self._rules.clock()
        self._dial_next()

    def send(self, text: bytes) -> int:
        return 0 if self._link is None else self._link.send(text)

    def consumed(self, posted_bytes: int) -> None:
        if self._link is not None:
            self._link.consumed(posted_bytes)

    def hold(self, is_held: bool) -> None:
        if self._link is not None:
            self._link.hold(is_held)

    def read_ahead(self, size_bytes: int) -> None:
        if self._link is not None:
            self._link.read_ahead(size_bytes)

    def look(self) -> None:
        if self._link is not None:
            self._link.look()

    @property
    def unsent_bytes(self) -> int:
        return 0 if self._link is None else self._link.unsent_bytes

    @property
    def unread_bytes(self) -> int:
        return 0 if self._link is None else self._link.unread_bytes

    @property
    def ahead_bytes(self) -> int:
        return 0 if self._link is None else self._link.ahead_bytes

    @property
    def posted_bytes(self) -> int:
        return 0 if self._link is None else self._link.posted_bytes

    @property
    def paused_s(self) -> float:
        return 0.0 if self._link is None else self._link.paused_s

    @property
    def unanswered_s(self) -> float:
        return 0.0 if self._link is None else self._link.unanswered_s

    def close(self) -> None:
        """Say goodbye to the one that has won, and break off the others."""
        if self._is_over:
            return
        self._break_off()
        if self._link is not None:
            self._link.close()  # and it says itself when it has ended
        else:
            self._end(LinkLost(Failure("dial", "ended")))

    def join(self, timeout_s: float) -> bool:  # noqa: ARG002  as of a link
        """True: it has no thread, and its links are retired one by one.  Thread: any."""
        return True

    def _dial_next(self) -> None:
        self._stop_timer()
        choice = self._route.next(self._rules.clock(), self._tried)
        if choice is None:
            if not self._running:
                self._lose()
            return
        self._tried.add(choice.upstream.name)
        box: list[Contender] = []

        def post(said: object) -> None:
            # The upstream thread calls this; the contender is in the box before it is started.
            self._rules.mailbox.post_threadsafe(self._hear, box[0], said)

        loop, rules, dial = self._rules.loop, self._rules, self._dial(choice.upstream)
        link = self._spares.take(dial, post, self._read) if self._spares else None
        if link is None:
            link = Link(dial, self._name, post, self._read, rules.clock)
        timer = loop.call_later(rules.begin_s, lambda: self._give_up(box[0]))
        box.append(Contender(choice.upstream, choice.is_probe, link, timer))
        self._running.append(box[0])
        self._next_timer = loop.call_later(rules.after_s, self._dial_next)
        link.start()

    def _hear(self, one: Contender, said: Any) -> None:
        """What the thread of *one* has to say, on the loop."""
        if isinstance(said, LinkLost):
            self._rules.retire(one.link)
        if one is self._winner:
            self._pass_on(said)
        elif one in self._running:
            self._judge(one, said)

    def _pass_on(self, said: object) -> None:
        if isinstance(said, LinkLost):
            self._break_off()
            self._end(said)
        else:
            self._deliver(self, said)

    def _judge(self, one: Contender, said: object) -> None:
        match said:
            case LinkOpened(_, served_by, _, spare_s):
                one.served_by, one.spare_s = served_by, spare_s
            case LinkSaid(event):
                one.said.append(said)
                self._hear_first(one, event.said if isinstance(event, Overheard) else event)
            case LinkLost(failure):
                self._fail(one, failure)

    def _hear_first(self, one: Contender, event: object) -> None:
        match event:
            case SessionCreated():
                self._begin(one)
            case UpstreamError(error):
                one.error = error

    def _begin(self, one: Contender) -> None:
        """*one* has begun a session."""
        self._forget(one)
        if self._winner is not None:
            if one.spare_s is None:  # else it began long ago
                self._rules.began(self._route, one.upstream.name)
            one.link.close()
            return
        if one.is_probe:
            self._route.give_up(one.upstream.name)
        self._stop_timer()
        self._winner, self._link = one, one.link
        connect_ms = (self._rules.clock() - self._began_at) * 1000
        self._deliver(self, LinkOpened(connect_ms, one.served_by, one.upstream, one.spare_s))
        for said in one.said:
            self._deliver(self, said)
        one.said.clear()

    def _give_up(self, one: Contender) -> None:
        one.link.abort()
        self._fail(one, Failure("dial", "timeout", detail="no session"))

    def _fail(self, one: Contender, failure: Failure) -> None:
        self._forget(one)
        self._failures.append(LinkLost(failure, one.error))
        self._rules.bad(self._route, one, classify(failure, one.error))
        if self._winner is None and not self._is_over:
            self._dial_next()

    def _lose(self) -> None:
        """Nobody is left: what is said of it leaves most hope."""
        failures = [*self._failures, LinkLost(self._route.nobody(self._rules.clock()))]
        endings = [classify(lost.failure, lost.error) for lost in failures]
        hopeful = [
            (ending.retry_after_s or 0.0, number)
            for number, ending in enumerate(endings)
            if ending.retry
        ]
        self._end(failures[min(hopeful)[1] if hopeful else 0])

    def _end(self, lost: LinkLost) -> None:
        self._is_over = True
        self._stop_timer()
        self._deliver(self, lost)
        self._deliver = _nobody

    def _break_off(self) -> None:
        """Nobody waits for those any more who have not begun."""
        self._stop_timer()
        for one in self._running[:]:
            self._forget(one)
            if one.is_probe:
                self._route.give_up(one.upstream.name)
            elif self._winner is not None:
                self._rules.doubt(one.upstream.name)
            one.link.abort()

    def _forget(self, one: Contender) -> None:
        one.timer.cancel()
        self._running.remove(one)

    def _stop_timer(self) -> None:
        if self._next_timer is not None:
            self._next_timer.cancel()
            self._next_timer = None


def _nobody(_race: Race, _said: object) -> None:
    """Whom a race tells that has said its last."""
