"""One link to the Realtime API: a websocket-client socket and the one thread that lives with it.

What the thread has to say goes through `post`, as `LinkSaid` or one of the values below.
`LinkLost` comes exactly once, as the last; by then the socket and every other descriptor are
closed.
"""

import math
import struct
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Literal, NoReturn, Protocol

from websocket import ABNF

from tornado_app.failover.upstreams import PLAIN, Upstream
from tornado_app.logs import get_logger
from tornado_app.protocol.endings import Failure
from tornado_app.protocol.realtime.events import ErrorFacts
from tornado_app.upstream.failures import PeerClosed, failure_from
from tornado_app.upstream.said import LinkSaid
from tornado_app.upstream.socket import UpstreamSocket, masked_text_frame
from tornado_app.upstream.wire import Broken, Wire

log = get_logger()

CLOSE_GRACE_S = 1.0
LOOK_AGAIN_S = 1.0
"""How often a link that reads nothing looks whether it may, beside being told."""
MESSAGE_OVERHEAD_BYTES = 512
"""What a message costs beside its text: a flood of empty ones must fill the inbox, too."""
CLOSE_FRAME_CODE = struct.pack("!H", 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Where to connect, and the limits of the link."""

    url: str = field(repr=False)
    """May carry a key in its query, as Azure's does."""
    headers: tuple[str, ...] = field(repr=False)
    """Whole lines, ``Name: value``; the key is in one of them."""
    connect_timeout_s: float
    """For all of the dial: every address, proxy, TLS and the handshake."""
    write_timeout_s: float
    """How long unsent bytes may wait without any going out."""
    ping_interval_s: float
    read_timeout_s: float
    """How long the peer may say nothing, not even a pong; well over `ping_interval_s`."""
    outbox_bytes: int
    message_bytes: int = 16 << 20
    inbox_bytes: int = 8 << 20
    """How much may be posted and not yet `Link.consumed` before the thread stops reading."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""

    def __post_init__(self) -> None:
        if any(mark in line for line in self.headers for mark in "\r\n"):
            raise ValueError("a header must not contain a line break")


@dataclass(frozen=True, slots=True)
class LinkOpened:
    connect_ms: float
    served_by: str = ""
    """Who answers, if the server says so; else it is the model that was asked for."""
    upstream: Upstream = PLAIN
    """Which of several this is."""
    spare_s: float | None = None
    """It was open for nobody for so long (`Spares`); None: it was dialled for its call."""


@dataclass(frozen=True, slots=True)
class LinkDrained:
    """Everything that `Link.send` could not write at once has gone out."""


@dataclass(frozen=True, slots=True)
class LinkRoundTrip:
    latency_ms: float


@dataclass(frozen=True, slots=True)
class LinkLost:
    failure: Failure
    error: ErrorFacts | None = None
    """What the model said before, if nobody has been told."""


Post = Callable[[object], None]
"""Gets what a link has to say, in its thread."""
Parse = Callable[[bytes | str], Any]
"""What a message is; a link knows no dialect."""


class AnyLink(Protocol):
    """What a call needs of its link; `Link` says what each does."""

    def start(self) -> None: ...
    def send(self, text: bytes) -> int: ...
    def consumed(self, posted_bytes: int) -> None: ...
    def hold(self, is_held: bool) -> None: ...
    def look(self) -> None: ...
    def close(self) -> None: ...
    def join(self, timeout_s: float) -> bool: ...

    @property
    def unsent_bytes(self) -> int: ...
    @property
    def unread_bytes(self) -> int: ...
    @property
    def posted_bytes(self) -> int: ...
    @property
    def paused_s(self) -> float: ...
    @property
    def unanswered_s(self) -> float: ...


class Link:
    """One upstream socket and its thread.  Thread: each method says which."""

    __slots__ = (
        "_clock",
        "_close_by",
        "_consumed_bytes",
        "_dial",
        "_ending",
        "_heir",
        "_held",
        "_owner",
        "_paused",
        "_paused_at",
        "_ping_at",
        "_pinged_at",
        "_pings",
        "_posted_bytes",
        "_socket",
        "_stage",
        "_thread",
        "_unanswered_at",
        "_wire",
    )

    def __init__(
        self,
        dial: Dial,
        name: str,
        post: Post,
        parse: Parse,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dial = dial
        self._owner = post, parse
        self._heir: tuple[Dial, Post, Parse, list[object]] | None = None
        self._clock = clock
        self._wire = Wire(dial.outbox_bytes, clock)
        self._socket = UpstreamSocket(self._wire, dial.message_bytes, clock)
        self._thread = threading.Thread(target=self._run, name=f"up-{name}", daemon=True)
        self._stage: Literal["dial", "open"] = "dial"
        self._ending = False
        self._close_by = math.inf
        self._ping_at = 0.0
        self._pings = 0
        self._pinged_at = 0.0
        self._unanswered_at = math.inf
        # Each of these three has one writer, the thread or the loop: no lock.
        self._posted_bytes = 0
        self._consumed_bytes = 0
        self._held = False
        self._paused = False
        self._paused_at = math.inf

    def start(self) -> None:
        """Dial, in the thread.  Thread: loop.  Sends before `LinkOpened` wait for it."""
        if self._heir is not None:
            self._go_on_for(*self._heir)
            return
        try:
            self._thread.start()
        except RuntimeError as exc:  # the system has no thread to give
            self._tell(LinkLost(Failure("dial", "refused", detail=type(exc).__name__)))

    def hand_over(self, dial: Dial, post: Post, parse: Parse, said: list[object]) -> None:
        """One that is open is another's, as soon as that `start`s it, and *said* is posted then.

        *dial* leads to the same place.  What is on its way still goes to whoever had it.
        Thread: loop.
        """
        self._heir = dial, post, parse, said

    def _go_on_for(self, dial: Dial, post: Post, parse: Parse, said: list[object]) -> None:
        self._heir = None
        self._dial, self._owner = dial, (post, parse)
        for each in said:
            post(each)

    def send(self, text: bytes) -> int:
        """Send one text message without blocking.  Thread: any.

        Returns how many bytes are still unsent in all: 0 normally.  Beyond `Dial.outbox_bytes`
        the link is lost, with "outbox_full".  After the end it does nothing.
        """
        return self._wire.send_threadsafe(masked_text_frame(text))

    @property
    def unsent_bytes(self) -> int:
        """What `send` has taken and the socket has not.  Thread: any."""
        return self._wire.unsent_bytes

    @property
    def posted_bytes(self) -> int:
        """The size of all messages so far.  Thread: any."""
        return self._posted_bytes

    @property
    def unread_bytes(self) -> int:
        """What is posted and not `consumed`.  Thread: any."""
        return max(0, self._posted_bytes - self._consumed_bytes)

    @property
    def paused_s(self) -> float:
        """For how long it has read nothing; 0.0 if it reads.  Thread: any."""
        return max(0.0, self._clock() - self._paused_at)

    @property
    def unanswered_s(self) -> float:
        """For how long a ping has waited for its pong; 0.0 if none does.  Thread: any."""
        return max(0.0, self._clock() - self._unanswered_at)

    def look(self) -> None:
        """Have the thread see what it may read and has to write.  Thread: any."""
        self._wire.wake_threadsafe()

    def consumed(self, posted_bytes: int) -> None:
        """Make room for more: all `LinkSaid` up to that one are dealt with.  Thread: loop."""
        self._consumed_bytes = posted_bytes
        # Not for each message: it is a call of the system, and the thread would read but one more.
        if self._paused and 2 * (self._posted_bytes - posted_bytes) <= self._dial.inbox_bytes:
            self._wire.wake_threadsafe()

    def hold(self, is_held: bool) -> None:
        """Read nothing more while *is_held*, whatever has been consumed.  Thread: loop."""
        self._held = is_held
        if self._paused and not is_held:
            self._wire.wake_threadsafe()

    def close(self) -> None:
        """Say goodbye, and give the peer a second to answer.  Thread: any."""
        if not self._ending:
            self._ending = True
            self._close_by = self._clock() + CLOSE_GRACE_S
            self._wire.finish_threadsafe(
                ABNF.create_frame(CLOSE_FRAME_CODE, ABNF.OPCODE_CLOSE).format()
            )

    def abort(self) -> None:
        """Cut the connection now.  Thread: any."""
        self._ending = True
        self._wire.cut_threadsafe()

    def join(self, timeout_s: float) -> bool:
        """Wait for the thread's end; True if it has ended.  Thread: any but the loop."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        """Live, and report the end.  Nothing escapes: this is the thread's top function."""
        try:
            with closing(self._wire):
                self._live()
        except Exception as exc:  # noqa: BLE001 - whatever it was, the owner is told
            failure = self._failure_from(exc)
        try:
            self._tell(LinkLost(failure))
        except Exception:
            log.exception("upstream_end_not_posted")
        # What it told holds the session, which may hold the link.
        self._owner = _nobody, _nobody
        self._socket.release()

    def _tell(self, said: object) -> None:
        self._owner[0](said)

    def _failure_from(self, error: Exception) -> Failure:
        return Failure(self._stage, "ended") if self._ending else failure_from(error, self._stage)

    def _live(self) -> NoReturn:
        started_at = self._clock()
        self._wire.open(started_at + self._dial.connect_timeout_s)
        self._socket.dial(self._dial.url, self._dial.headers, self._dial.ca_file)
        self._stage = "open"
        connect_ms = (self._clock() - started_at) * 1000
        self._tell(LinkOpened(connect_ms, self._socket.served_by))
        while True:
            self._turn()

    def _turn(self) -> None:
        # What has arrived is heard before the deadlines are looked at: a starved thread must not
        # take its own absence for the peer's.
        for opcode, data in self._socket.arrived():
            self._hear(opcode, data)
        self._look_for_room()
        now = self._clock()
        due, what = self._next_deadline()
        if now >= due:
            raise Broken("stalled", what)
        if now >= self._ping_at:
            self._ping(now)
        look_at = now + LOOK_AGAIN_S if self._paused else math.inf
        if self._wire.pump(min(due, self._ping_at, look_at) - now, reading=not self._paused):
            self._tell(LinkDrained())
        if self._paused:
            self._socket.heard_at = self._clock()  # a peer we do not listen to is not silent

    def _hear(self, opcode: int, data: bytes) -> None:
        match opcode:
            case ABNF.OPCODE_TEXT | ABNF.OPCODE_BINARY:
                self._posted_bytes += len(data) + MESSAGE_OVERHEAD_BYTES
                text = data.decode() if opcode == ABNF.OPCODE_TEXT else data
                post, parse = self._owner  # at once, as it may change hands
                post(LinkSaid(parse(text), self._posted_bytes, self._clock()))
            case ABNF.OPCODE_PONG if data == self._ping_payload():
                self._unanswered_at = math.inf
                self._tell(LinkRoundTrip((self._clock() - self._pinged_at) * 1000))
            case ABNF.OPCODE_CLOSE:
                self._socket.send_close()
                raise PeerClosed(data)

    def _look_for_room(self) -> None:
        # The flag goes up before the facts are read, so that `consumed` and `hold` are either seen
        # here or find the flag and wake us.  The other way round a wake-up could be lost.
        self._paused = True
        unread_bytes = self._posted_bytes - self._consumed_bytes
        self._paused = self._held or unread_bytes > self._dial.inbox_bytes
        if not self._paused:
            self._paused_at = math.inf
        elif self._paused_at == math.inf:
            self._paused_at = self._clock()

    def _next_deadline(self) -> tuple[float, str]:
        silent_at = self._socket.heard_at + self._dial.read_timeout_s
        return min(
            (self._close_by, "unclosed"),
            (math.inf if self._paused else silent_at, "unheard"),
            (self._wire.write_due(self._dial.write_timeout_s), "unwritten"),
        )

    def _ping(self, now: float) -> None:
        self._pings += 1
        self._pinged_at = now
        self._unanswered_at = min(self._unanswered_at, now)
        self._ping_at = now + self._dial.ping_interval_s
        self._socket.ping(self._ping_payload())

    def _ping_payload(self) -> bytes:
        return struct.pack("!I", self._pings)


def _nobody(_: object) -> None:
    """Whom a link tells that has said its last."""
