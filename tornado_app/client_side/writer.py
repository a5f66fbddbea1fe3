"""The bounded outbound queue of one client."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from tornado.concurrent import Future
from tornado.iostream import StreamBufferFullError, StreamClosedError
from tornado.websocket import WebSocketClosedError

from tornado_app.client_side.frames import BINARY, PING, TEXT, frame
from tornado_app.client_side.gathered_writes import GatheredWrites

# Room beside the queue for what Tornado writes itself: one pong, a few pings, one close frame.
CONTROL_BYTES = 4096

# What a client has to take of a write in the time for one, as long as more is left; or so much in
# each second of it, as who plays as it reads takes 8000 of G.711, the least of all formats.
PART_BYTES = 65_536
LEAST_BYTES_PER_S = 6000

# A client that reads at all takes one write and a close frame within this.
CLOSE_GRACE_S = 1.0


class Socket(Protocol):
    """What a writer needs of a `ClientStream`, which says what each is."""

    max_write_buffer_size: int | None

    @property
    def untaken_bytes(self) -> int: ...


class FrameWriter(Protocol):
    """What it needs of a `StrictWebSocketProtocol`, which says what each does."""

    before_close: Callable[[], None] | None

    @property
    def stream(self) -> Any: ...

    def write_frames(self, data: bytes) -> "Future[None]": ...
    def close(self, code: int | None = None, reason: str | None = None) -> None: ...
    def abort(self) -> None: ...


class ClientWriter:
    """Sends messages to one client, and gives it up when it does not read.  Thread: loop.

    What Tornado buffers is one write at most: while that has not drained, messages wait
    here, counted in bytes.  A client too slow is told about once, to *on_slow*, with
    "queue_full" or "write_timeout"; from the loop, never from within `send`.  From then
    on nothing more is queued: a message is missing, so none after it may follow.

    The queue also ends with the protocol's own closing, whoever began it: what can still
    be written goes out ahead of the close frame.
    """

    __slots__ = (
        "_flush_soon",
        "_full",
        "_gather_bytes",
        "_gathered",
        "_has_joined",
        "_large_bytes",
        "_limit_bytes",
        "_loop",
        "_on_room",
        "_on_slow",
        "_open",
        "_protocol",
        "_queue",
        "_slow",
        "_stream",
        "_uncounted_bytes",
        "_unsent_bytes",
        "_unsent_uncounted_bytes",
        "_waiting_bytes",
        "_write_deadline",
        "_write_timeout_s",
        "dropped_messages",
    )

    dropped_messages: int
    """Messages that were never handed to the socket."""

    def __init__(
        self,
        protocol: FrameWriter,
        *,
        gather_bytes: int,
        queue_bytes: int,
        write_timeout_s: float,
        on_slow: Callable[[str], None],
        loop: asyncio.AbstractEventLoop,
        gathered: GatheredWrites,
        on_room: Callable[[], None] = lambda: None,
    ) -> None:
        """*queue_bytes* is what may wait before the client is given up.  A message counts for an
        eighth of it at most: one may be larger than all of it, and is no fault of the client.

        *on_room* is called whenever `is_full` was true and is no more.
        """
        self.dropped_messages = 0
        self._protocol = protocol
        self._stream: Socket = protocol.stream
        self._gather_bytes = gather_bytes
        self._limit_bytes = queue_bytes
        self._large_bytes = queue_bytes // 8
        self._write_timeout_s = write_timeout_s
        self._gathered = gathered
        self._on_slow = on_slow
        self._on_room = on_room
        self._loop = loop
        self._queue: deque[bytes] = deque()
        self._waiting_bytes = 0  # in the queue
        self._unsent_bytes = 0  # in the one write that has not drained; 0 if there is none
        self._uncounted_bytes = 0  # of large messages, in either
        self._unsent_uncounted_bytes = 0
        self._open = True
        self._slow = False
        self._full = False
        self._flush_soon: asyncio.Handle | None = None
        self._has_joined = False
        """It is called when the gathered writes are due, whatever was written before that."""
        self._write_deadline: asyncio.TimerHandle | None = None
        self._allow(0)
        protocol.before_close = self._finish

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait here, with those of the write that has not drained."""
        return self._waiting_bytes + self._unsent_bytes

    @property
    def counted_bytes(self) -> int:
        """The same, with no more than an eighth of the bound for each message."""
        return self._waiting_bytes + self._unsent_bytes - self._uncounted_bytes

    @property
    def is_full(self) -> bool:
        """The client has much to read: over one half of the bound, until a quarter is left.

        Reckoned whenever it is asked for, from what waits then, so that it cannot be out of date.
        """
        self._full = self.queued_bytes > self._limit_bytes // (4 if self._full else 2)
        return self._full

    def send(self, payload: bytes, *, binary: bool = False, urgent: bool = True) -> None:
        """Queue one message.  Never raises: what cannot be sent is counted in `dropped_messages`.

        All that is sent within one turn of the loop becomes one write.  A message that
        is not *urgent* may wait for company, with all others that do (`GatheredWrites`).
        """
        self._put(frame(BINARY if binary else TEXT, payload), urgent=urgent)

    def ping(self) -> None:
        """Behind what was sent before: the answer says that the client has that."""
        self._put(frame(PING, b""), urgent=True)

    def _put(self, data: bytes, *, urgent: bool) -> None:
        if self._waiting_bytes + len(data) > self._limit_bytes:
            # Much at once is no fault of the client: what its socket takes does not count.
            self._flush()
        if not self._open or self._slow:
            self.dropped_messages += 1
            return
        uncounted_bytes = max(0, len(data) - self._large_bytes)
        if self.counted_bytes + len(data) - uncounted_bytes > self._limit_bytes:
            self.dropped_messages += 1
            self._tell_slow("queue_full")
            return
        self._uncounted_bytes += uncounted_bytes
        self._queue.append(data)
        self._waiting_bytes += len(data)
        self._wake(urgent or self._waiting_bytes >= self._gather_bytes)

    def close(self, code: int, reason: str) -> None:
        """Write what is queued, if the client reads, then the close frame.

        If it does not read, the queue is dropped, the close frame follows the write
        that is under way, and the connection is cut unless that drains within 1 s.
        """
        self._protocol.close(code, reason)

    def _wake(self, urgent: bool) -> None:
        """See to it that the queue is written: after this turn of the loop, or a little later."""
        if self._unsent_bytes or self._flush_soon is not None:
            return
        if urgent:
            self._flush_soon = self._loop.call_soon(self._flush)
        elif not self._has_joined:
            self._has_joined = True
            self._gathered.join(self._write_gathered)

    def _write_gathered(self) -> None:
        self._has_joined = False
        self._flush()

    def _flush(self) -> None:
        """Write until the queue is empty or the socket has no more room."""
        self._cancel_flush()
        while self._queue and not self._unsent_bytes:
            self._write(self._gather())
        if self._full:
            self._tell_room()

    def _gather(self) -> list[bytes]:
        """Take whole frames off the queue, about `gather_bytes` of them and at least one."""
        frames, size = [], 0
        while self._queue and size < self._gather_bytes:
            data = self._queue.popleft()
            frames.append(data)
            size += len(data)
        self._waiting_bytes -= size
        return frames

    def _write(self, frames: list[bytes]) -> None:
        data = frames[0] if len(frames) == 1 else b"".join(frames)
        uncounted_bytes = 0
        if len(data) > self._large_bytes:
            uncounted_bytes = sum(max(0, len(each) - self._large_bytes) for each in frames)
            self._allow(uncounted_bytes)
        try:
            written = self._protocol.write_frames(data)
        except (StreamClosedError, WebSocketClosedError):
            self.dropped_messages += len(frames)
            self._stop()
            return
        except StreamBufferFullError:
            # Only if someone else wrote to the stream as well: Tornado holds more than is counted.
            self.dropped_messages += len(frames)
            self._stop()
            self._tell_slow("queue_full")
            return
        if written.done():
            # The usual case.  A stream that died on it tells the next write, or Tornado's reader.
            if uncounted_bytes:
                self._uncounted_bytes -= uncounted_bytes
                self._allow(0)
            return
        self._unsent_bytes = len(data)
        self._unsent_uncounted_bytes = uncounted_bytes
        self._await_write(self._stream.untaken_bytes)
        written.add_done_callback(self._drained)

    def _allow(self, uncounted_bytes: int) -> None:
        """Let Tornado's own frames have their room behind a write of any size."""
        most_bytes = self._limit_bytes + uncounted_bytes + CONTROL_BYTES
        self._stream.max_write_buffer_size = most_bytes

    def _await_write(self, left_bytes: int) -> None:
        self._write_deadline = self._loop.call_later(
            self._write_timeout_s, self._look_at_write, left_bytes
        )

    def _look_at_write(self, were_left_bytes: int) -> None:
        """Its time is over; it has as much again while the client reads as fast as is spoken."""
        left_bytes = self._stream.untaken_bytes
        least_bytes = int(LEAST_BYTES_PER_S * self._write_timeout_s)
        if were_left_bytes - left_bytes >= min(PART_BYTES, least_bytes):
            self._await_write(left_bytes)
        else:
            self._tell_slow("write_timeout")

    def _drained(self, written: "Future[None]") -> None:
        self._unsent_bytes = 0
        self._uncounted_bytes -= self._unsent_uncounted_bytes
        self._unsent_uncounted_bytes = 0
        self._allow(0)
        self._cancel_deadline()
        if written.exception() is not None:
            self._stop()
            return
        self._flush()

    def _tell_room(self) -> None:
        """Whoever was told that there is no room hears that there is, however it came about."""
        if not self.is_full:
            self._on_room()

    def _tell_slow(self, why: str) -> None:
        if not self._slow:
            self._slow = True
            self._loop.call_soon(self._on_slow, why)

    def _finish(self) -> None:
        """Write what can be written; the close frame comes next."""
        self._flush()
        self._stop()
        if self._unsent_bytes:
            self._cancel_deadline()
            self._write_deadline = self._loop.call_later(CLOSE_GRACE_S, self._protocol.abort)

    def _stop(self) -> None:
        self._open = False
        self._cancel_flush()
        self.dropped_messages += len(self._queue)
        self._queue.clear()
        self._waiting_bytes = 0
        self._uncounted_bytes = self._unsent_uncounted_bytes
        if self._full:
            self._tell_room()

    def _cancel_flush(self) -> None:
        if self._flush_soon is not None:
            self._flush_soon.cancel()
            self._flush_soon = None

    def _cancel_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None
