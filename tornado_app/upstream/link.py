"""One link to the Realtime API: a websocket-client socket and the one thread that lives with it.

What the thread has to say goes through `post`, as one of the values of `tornado_app.upstream.said`.
`LinkLost` comes exactly once, as the last; by then the socket and every other descriptor are
closed.
"""

import math
import struct
import threading
import time
from collections.abc import Callable
from contextlib import closing
from typing import Literal, NoReturn

from websocket import ABNF

from tornado_app.logs import get_logger
from tornado_app.protocol.endings import Failure
from tornado_app.upstream.ahead import Ahead
from tornado_app.upstream.any_link import Parse, Post
from tornado_app.upstream.dial import Dial
from tornado_app.upstream.failures import PeerClosed, failure_from
from tornado_app.upstream.pings import Pings
from tornado_app.upstream.said import LinkDrained, LinkLost, LinkOpened, LinkRoundTrip, LinkSaid
from tornado_app.upstream.socket import UpstreamSocket, masked_text_frame
from tornado_app.upstream.wire import Broken, Wire

log = get_logger()

CLOSE_GRACE_S = 1.0
LOOK_AGAIN_S = 1.0
"""How often a link that reads nothing looks whether it may, beside being told."""
MESSAGE_OVERHEAD_BYTES = 512
"""What a message costs beside its text: a flood of empty ones must fill the inbox, too."""
CLOSE_FRAME_CODE = struct.pack("!H", 1000)


class Link:
    """One upstream socket and its thread.  Thread: each method says which."""

    __slots__ = (
        "_ahead",
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
        "_pings",
        "_posted_bytes",
        "_socket",
        "_stage",
        "_thread",
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
        self._pings = Pings()
        self._ahead = Ahead(dial.message_bytes)
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
        """What is posted and not `consumed`, or read ahead.  Thread: any."""
        return max(0, self._posted_bytes - self._consumed_bytes) + self._ahead.held_bytes

    @property
    def ahead_bytes(self) -> int:
        """What was read while the link was held, and is not posted.  Thread: any."""
        return self._ahead.held_bytes

    @property
    def paused_s(self) -> float:
        """For how long it has read nothing; 0.0 if it reads.  Thread: any."""
        return max(0.0, self._clock() - self._paused_at)

    @property
    def unanswered_s(self) -> float:
        """For how long a ping has waited for its pong; 0.0 if none does.  Thread: any."""
        return self._pings.unanswered_s(self._clock())

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
        """Post nothing more while *is_held*, whatever has been consumed.  Thread: loop.

        Nothing is read either, but for what `read_ahead` allows.
        """
        self._held = is_held
        if self._paused and not is_held:
            self._wire.wake_threadsafe()

    def read_ahead(self, size_bytes: int) -> None:
        """Read up to so much while it is held, and keep it: pings behind it are answered.

        Thread: loop.
        """
        if self._ahead.allow(size_bytes) and self._paused:
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
        try:
            while True:
                self._turn()
        finally:
            if not self._ending:
                self._hear_ahead()  # it was said before the end, and is all that will be

    def _turn(self) -> None:
        # What has arrived is heard before the deadlines are looked at: a starved thread must not
        # take its own absence for the peer's.
        self._hear_arrived()
        self._look_for_room()
        while self._ahead and not self._paused:
            self._hear(*self._ahead.take())
            self._look_for_room()
        now = self._clock()
        due, what = self._next_deadline()
        if now >= due:
            raise Broken("stalled", what)
        if now >= self._pings.due_at:
            self._socket.ping(self._pings.next(now, self._dial.ping_interval_s))
        look_at = now + LOOK_AGAIN_S if self._paused else math.inf
        reading = not self._paused or self._ahead.has_room
        if self._wire.pump(min(due, self._pings.due_at, look_at) - now, reading=reading):
            self._tell(LinkDrained())
        if self._paused:
            self._socket.heard_at = self._clock()  # a peer we do not listen to is not silent

    def _hear_arrived(self) -> None:
        """Of its own: the last message would else be kept while the thread waits for the next."""
        hear = self._keep if self._paused else self._hear
        for opcode, data in self._socket.arrived():
            hear(opcode, data)

    def _hear(self, opcode: int, data: bytes) -> None:
        match opcode:
            case ABNF.OPCODE_TEXT | ABNF.OPCODE_BINARY:
                self._posted_bytes += len(data) + MESSAGE_OVERHEAD_BYTES
                text = data.decode() if opcode == ABNF.OPCODE_TEXT else data
                post, parse = self._owner  # at once, as it may change hands
                post(LinkSaid(parse(text), self._posted_bytes, self._clock()))
            case ABNF.OPCODE_PONG:
                latency_ms = self._pings.answered(data, self._clock())
                if latency_ms is not None:
                    self._tell(LinkRoundTrip(latency_ms))
            case ABNF.OPCODE_CLOSE:
                self._socket.send_close()
                raise PeerClosed(data)

    def _keep(self, opcode: int, data: bytes) -> None:
        """As `_hear`, of a link that is held: only what concerns the link itself is heard now."""
        if opcode not in {ABNF.OPCODE_TEXT, ABNF.OPCODE_BINARY}:
            self._hear(opcode, data)
            return
        if opcode == ABNF.OPCODE_TEXT:
            data.decode()  # one that is none ends the link, and not only when it is posted
        self._ahead.keep(opcode, data, len(data) + MESSAGE_OVERHEAD_BYTES)

    def _hear_ahead(self) -> None:
        while self._ahead:
            self._hear(*self._ahead.take())

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


def _nobody(_: object) -> None:
    """Whom a link tells that has said its last."""
