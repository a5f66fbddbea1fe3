"""A TCP or TLS stream that never blocks outside one wait, with a bounded outbox."""

import errno
import math
import os
import selectors
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from websocket import WebSocketConnectionClosedException, WebSocketException

from tornado_app import unsent
from tornado_app.protocol.endings import FailureKind

# One TLS record holds 16 KiB (RFC 8446, 5.1): a read of more leaves nothing decrypted behind in
# the SSL object, where the selector could not see it.
READ_BYTES = 64 * 1024
# Cloudflare answers with 1-2 KB of headers; servers commonly take 8-32 KB of them.
HANDSHAKE_BYTES = 64 * 1024
# poll() costs no descriptor of its own, as epoll would; Windows has only select().
Selector: type[selectors.BaseSelector] = getattr(
    selectors, "PollSelector", selectors.SelectSelector
)


class Broken(Exception):
    """The link cannot go on.  *detail* is one of our own words, never the peer's."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind: FailureKind = kind
        self.detail = detail


class Wire:
    """A TCP or TLS stream with a bounded outbox.

    Thread: the link's own; methods that end in `_threadsafe`, any.

    One lock guards the socket and the outbox, because frames of two senders must not interleave
    and OpenSSL must not read and write one SSL object at once.  It is held for one non-blocking
    system call, never for a wait: the loop may take it.  `recv`, `send` and `gettimeout` are what
    websocket-client asks of a socket in its handshake; only they wait until *deadline*.
    """

    __slots__ = (
        "_chunk",
        "_cleanup",
        "_clock",
        "_corked",
        "_cut",
        "_deadline",
        "_finished",
        "_handshake_bytes",
        "_lock",
        "_outbox",
        "_outbox_bytes",
        "_progress_at",
        "_read_needs",
        "_selector",
        "_sock",
        "_taken",
        "_waker",
        "_watched",
        "_woken",
        "_write_error",
        "_write_needs",
    )

    _sock: socket.socket

    def __init__(self, outbox_bytes: int, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._deadline = 0.0
        self._lock = threading.Lock()
        self._outbox = bytearray()
        self._outbox_bytes = outbox_bytes
        self._progress_at = 0.0
        self._corked = True
        self._finished = False
        self._cut: Broken | None = None
        self._write_error: OSError | None = None
        self._waker: socket.socket | None = None
        self._chunk = b""
        self._taken = 0
        self._handshake_bytes = 0
        self._watched = 0
        self._read_needs = selectors.EVENT_READ
        self._write_needs = selectors.EVENT_WRITE
        self._cleanup = ExitStack()

    def send_threadsafe(self, data: bytes) -> int:
        """Write now what the socket takes, keep the rest; returns all the bytes still unsent."""
        with self._lock:
            return 0 if self._finished else self._queue(data)

    def finish_threadsafe(self, last: bytes) -> None:
        """Send *last* after all that was sent before, and nothing after it."""
        with self._lock:
            if self._corked:
                self._cut = self._cut or Broken("ended", "")
            elif not self._finished:
                self._queue(last)
            self._finished = True
            self._wake()

    def cut_threadsafe(self) -> None:
        """Have the link's thread raise `Broken` from its wait, now."""
        with self._lock:
            self._cut = self._cut or Broken("ended", "")
            self._finished = True
            self._wake()

    @property
    def unsent_bytes(self) -> int:
        """How much waits in the outbox.  Thread: any; it may have changed when it is looked at."""
        return len(self._outbox)

    def wake_threadsafe(self) -> None:
        with self._lock:
            self._wake()

    def _queue(self, data: bytes) -> int:
        sent = 0 if self._corked or self._outbox else self._write(data)
        if sent == len(data):
            return 0
        if len(self._outbox) + len(data) - sent > self._outbox_bytes:
            self._finished = True
            self._cut = self._cut or Broken("outbox_full", "")
        elif not self._outbox:
            self._progress_at = self._clock()
        self._outbox += data[sent:]
        self._wake()  # its thread may be asleep, watching for bytes to read only
        return len(self._outbox)

    def _write(self, data: bytes | bytearray) -> int:
        """How many bytes the socket took.  The caller holds the lock."""
        try:
            return self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            self._write_needs = selectors.EVENT_WRITE
        except ssl.SSLWantReadError:
            self._write_needs = selectors.EVENT_READ
        except OSError as exc:
            # Not raised: what the peer said before it left is still to be read, by the thread.
            self._write_error = exc.with_traceback(None)
        return 0

    def _wake(self) -> None:
        if self._waker:
            with suppress(BlockingIOError):  # full of wake-ups nobody has read: one more is moot
                self._waker.send(b"\0")

    def open(self, deadline: float) -> None:
        """Make what a wait needs.  The dial, until `uncork`, must be done by *deadline*."""
        self._deadline = deadline
        self._selector = self._cleanup.enter_context(Selector())
        waker, self._woken = socket.socketpair()
        for end in (waker, self._woken):
            self._cleanup.callback(end.close)
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        with self._lock:
            self._waker = waker

    def connect(self, host: str, port: int) -> None:
        """Try each address in turn; each gets its share of the time that is left.

        The one wait without a deadline of ours is the system's resolver: see resolv.conf(5).
        """
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for tried, (family, kind, protocol, _, address) in enumerate(found):
            now = self._clock()
            self._sock = socket.socket(family, kind, protocol)
            self._cleanup.callback(self._sock.close)
            try:
                return self._connect(address, now + (self._deadline - now) / (len(found) - tried))
            except (OSError, Broken) as exc:
                failure = exc
                self._watch(0)
                self._sock.close()
        try:
            raise failure
        finally:
            del failure  # its traceback holds this frame

    def _connect(self, address: Any, until: float) -> None:
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        unsent.bound(self._sock)
        error = self._sock.connect_ex(address)
        if error in {errno.EINPROGRESS, errno.EWOULDBLOCK}:
            self._await(selectors.EVENT_WRITE, until)
            error = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        if len(self._chunk) > self._taken:
            # Read before the keys were agreed on, it would pass for the server's own words.
            raise WebSocketException("the proxy spoke out of turn")
        self._sock = context.wrap_socket(
            self._sock, server_hostname=host, do_handshake_on_connect=False
        )
        self._cleanup.callback(self._sock.close)
        while True:
            try:
                return self._sock.do_handshake()
            except ssl.SSLWantReadError:
                self._await(selectors.EVENT_READ, self._deadline)
            except ssl.SSLWantWriteError:
                self._await(selectors.EVENT_WRITE, self._deadline)

    def gettimeout(self) -> int:
        """Tell websocket-client to leave the waiting to `recv` and `send`."""
        return 0

    def recv(self, size: int) -> bytes:
        while not (piece := self.take(size)):
            self._await(self._read_needs, self._deadline)
            self._fill()
        self._handshake_bytes += len(piece)
        if self._handshake_bytes > HANDSHAKE_BYTES:
            raise WebSocketException("the answer to the handshake is too long")
        return piece

    def send(self, data: bytes) -> int:
        rest = data
        while rest := rest[self._write(rest) :]:
            if self._write_error:
                raise self._write_error
            self._await(self._write_needs, self._deadline)
        return len(data)

    def uncork(self) -> None:
        """The dial is done: what was sent meanwhile may go."""
        with self._lock:
            self._corked = False
            self._progress_at = self._clock()

    def write_due(self, timeout_s: float) -> float:
        """When unsent bytes will have waited too long without any going out."""
        return self._progress_at + timeout_s if self._outbox else math.inf

    def pump(self, timeout_s: float, *, reading: bool) -> bool:
        """Wait, then write and read what the socket takes and has.

        Call it when `take` has nothing more.  True if this emptied the outbox.
        """
        if not self.has_unread:
            self._chunk, self._taken = b"", 0  # not kept for as long as nothing more comes
        events = self._read_needs if reading else 0
        if self._outbox and not self._write_error:
            events |= self._write_needs
        if not self._select(events, timeout_s):
            return False
        drained = self._flush()
        if reading:
            self._fill()
        return drained

    @property
    def unread(self) -> tuple[bytes, int]:
        """What has been read from the socket, and how much of it has been taken."""
        return self._chunk, self._taken

    @property
    def has_unread(self) -> bool:
        return self._taken < len(self._chunk)

    def skip(self, size: int) -> None:
        """Take *size* bytes of what `unread` showed."""
        self._taken += size

    def take(self, size: int) -> bytes:
        """At most *size* bytes of what has been read."""
        piece = self._chunk[self._taken : self._taken + size]
        self._taken += len(piece)
        return piece

    def close(self) -> None:
        with self._lock:
            self._finished = True
            self._waker = self._cut = None  # what was raised has a traceback, which holds this
            self._cleanup.close()

    def _flush(self) -> bool:
        with self._lock:
            if not self._outbox or self._write_error:
                return False
            if sent := self._write(self._outbox[:READ_BYTES]):
                del self._outbox[:sent]
                self._progress_at = self._clock()
            return not self._outbox

    def _fill(self) -> None:
        try:
            with self._lock:
                self._chunk = self._sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._read_needs = selectors.EVENT_READ  # e.g. a TLS session ticket: nothing for us
        except ssl.SSLWantWriteError:
            self._read_needs = selectors.EVENT_WRITE
        else:
            self._taken = 0
            if not self._chunk:
                raise self._write_error or WebSocketConnectionClosedException

    def _await(self, events: int, until: float) -> None:
        while (left := until - self._clock()) > 0:
            if self._select(events, left):
                return
        raise Broken("timeout", "")

    def _select(self, events: int, timeout_s: float) -> bool:
        """Sleep until the socket is ready for *events* (True), or woken, or the time is over."""
        if self._cut:  # set before `open`, it woke nobody; set after this line, it wakes us
            raise self._cut
        self._watch(events)
        ready = [key.fileobj for key, _ in self._selector.select(max(timeout_s, 0))]
        if self._woken in ready:
            self._woken.recv(READ_BYTES)
        return self._sock.fileno() in ready

    def _watch(self, events: int) -> None:
        """By number: `start_tls` puts another object in the place of the socket."""
        if events == self._watched:
            return
        if self._watched:
            self._selector.unregister(self._sock.fileno())
        if events:
            self._selector.register(self._sock.fileno(), events)
        self._watched = events
