"""A websocket-client socket that never blocks outside one wait: its bytes, frames and limits.

Leans on names that websocket-client 1.9.2 (pinned) does not promise: `WebSocket._recv` and
`_send`, `frame_buffer.header`, `length` and `recv_length`, and the parts of its handshake
imported below.  `WebSocket.connect` itself is not used: its timeout is per system call, it
follows redirects (with the API key), reads any body, and keeps cookies for the whole process.
"""

import errno
import functools
import math
import os
import selectors
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from http import HTTPStatus
from typing import Any, Literal

from tornado.util import _websocket_mask as mask  # in C: 7 times as fast as websocket-client's
from websocket import (
    ABNF,
    WebSocket,
    WebSocketBadStatusException,
    WebSocketConnectionClosedException,
    WebSocketException,
)
from websocket._abnf import frame_buffer
from websocket._handshake import _get_handshake_headers, _validate
from websocket._http import _tunnel, read_headers
from websocket._url import get_proxy_info, parse_url

Kind = Literal[
    "refused", "timeout", "handshake", "closed", "reset", "protocol", "stalled", "outbox_full",
    "ended",
]  # fmt: skip

# One TLS record holds 16 KiB (RFC 8446, 5.1): a read of more leaves nothing decrypted behind in
# the SSL object, where the selector could not see it.
READ_BYTES = 64 * 1024
# Cloudflare answers with 1-2 KB of headers; servers commonly take 8-32 KB of them.
HANDSHAKE_BYTES = 64 * 1024
# 16 MiB in pieces of 4 KiB; the real service sends none.
MAX_FRAGMENTS = 4096
CONTROL_BYTES = 125  # RFC 6455, 5.5

# poll() costs no descriptor of its own, as epoll would; Windows has only select().
Selector: type[selectors.BaseSelector] = getattr(
    selectors, "PollSelector", selectors.SelectSelector
)


class Broken(Exception):
    """The link cannot go on.  *detail* is one of our own words, never the peer's."""

    def __init__(self, kind: Kind, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind: Kind = kind
        self.detail = detail


def masked_text_frame(payload: bytes) -> bytes:
    """One whole text frame, masked with fresh random bytes (RFC 6455, 5.3)."""
    size = len(payload)
    if size <= CONTROL_BYTES:
        header = struct.pack("!BB", 0x81, 0x80 | size)
    elif size < 1 << 16:
        header = struct.pack("!BBH", 0x81, 0x80 | 126, size)
    else:
        header = struct.pack("!BBQ", 0x81, 0x80 | 127, size)
    key = os.urandom(4)
    return b"".join((header, key, mask(key, payload)))


@functools.lru_cache(maxsize=4)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """One context for all links: loading the system's certificates takes milliseconds and 1 MB."""
    return ssl.create_default_context(cafile=ca_file)


class Wire:
    """A TCP or TLS stream with a bounded outbox.

    Thread: the link's own; methods that end in `_threadsafe`, any.

    One lock guards the socket and the outbox, because frames of two senders must not interleave
    and OpenSSL must not read and write one SSL object at once.  It is held for one non-blocking
    system call, never for a wait: the loop may take it.  `recv`, `send` and `gettimeout` are what
    websocket-client asks of a socket in its handshake; only they wait until *deadline*.
    """

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
        raise failure

    def _connect(self, address: Any, until: float) -> None:
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
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
        events = self._read_needs if reading else 0
        if self._outbox and not self._write_error:
            events |= self._write_needs
        if not self._select(events, timeout_s):
            return False
        drained = self._flush()
        if reading:
            self._fill()
        return drained

    def take(self, size: int) -> bytes:
        """At most *size* bytes of what has been read."""
        piece = self._chunk[self._taken : self._taken + size]
        self._taken += len(piece)
        return piece

    def close(self) -> None:
        with self._lock:
            self._finished = True
            self._waker = None
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


class Frames(frame_buffer):
    """websocket-client's frame parser, which refuses before it allocates.  Thread: the link's."""

    def __init__(self, recv: Callable[[int], bytes], message_bytes: int) -> None:
        super().__init__(recv, skip_utf8_validation=True)
        self.room_bytes = message_bytes

    def recv_length(self) -> None:
        super().recv_length()
        header: Any = self.header
        size: Any = self.length
        final, _, _, _, opcode, masked, _ = header
        if masked:
            raise Broken("protocol", "masked_frame")  # RFC 6455, 5.1
        if opcode >= ABNF.OPCODE_CLOSE and not (final and size <= CONTROL_BYTES):
            raise Broken("protocol", "bad_control_frame")
        if size > self.room_bytes:
            raise Broken("protocol", "message_too_big")


class UpstreamSocket(WebSocket):
    """WebSocket frames over a `Wire`.  Thread: the link's own."""

    def __init__(self, wire: Wire, message_bytes: int, clock: Callable[[], float]) -> None:
        # websocket-client's UTF-8 check runs in Python, byte by byte: who decodes, checks.
        super().__init__(enable_multithread=False, skip_utf8_validation=True)
        self.heard_at = 0.0
        """When the last frame of any kind was whole."""
        self._wire = wire
        self._frames = Frames(self._recv, message_bytes)
        self._message_bytes = message_bytes
        self._clock = clock
        self._opcode = 0
        self._pieces: list[bytes] = []

    def dial(self, url: str, headers: Sequence[str], ca_file: str | None) -> None:
        """Connect, through the proxy that the environment names if any, and shake hands."""
        wire: Any = self._wire
        host, port, resource, is_secure = parse_url(url)
        proxy, proxy_port, proxy_auth = get_proxy_info(host, is_secure)
        wire.connect(proxy or host, (proxy_port or 80) if proxy else port)
        if proxy:
            _tunnel(wire, host, port, proxy_auth)
        if is_secure:
            wire.start_tls(tls_context(ca_file), host)
        options = {"header": headers, "suppress_origin": True}
        request, key = _get_handshake_headers(resource, url, host, port, options)
        wire.send("\r\n".join(request).encode())
        status, answer, _ = read_headers(wire)
        if status != HTTPStatus.SWITCHING_PROTOCOLS:
            raise WebSocketBadStatusException("", status)
        if not _validate(answer, key, None)[0]:
            raise WebSocketException("not an answer to our handshake")
        wire.uncork()
        self.heard_at = self._clock()

    def arrived(self) -> Iterator[tuple[int, bytes]]:
        """Every message, ping, pong and close that is whole, in order; pings are answered."""
        while frame := self._next_frame():
            self.heard_at = self._clock()
            data: Any = frame.data
            if frame.opcode < ABNF.OPCODE_CLOSE:
                yield from self._assemble(frame.opcode, data, is_last=bool(frame.fin))
            else:
                if frame.opcode == ABNF.OPCODE_PING:
                    self.pong(data)
                yield frame.opcode, data

    def _next_frame(self) -> ABNF | None:
        try:
            return self._frames.recv_frame()
        except BlockingIOError:
            return None

    def _assemble(self, opcode: int, data: bytes, *, is_last: bool) -> Iterator[tuple[int, bytes]]:
        # websocket-client appends each fragment to one growing string: quadratic, and unbounded.
        if bool(self._pieces) != (opcode == ABNF.OPCODE_CONT):
            raise Broken("protocol", "bad_continuation")
        self._opcode = opcode or self._opcode
        self._pieces.append(data)
        self._frames.room_bytes -= len(data)
        if len(self._pieces) > MAX_FRAGMENTS:
            raise Broken("protocol", "too_many_fragments")
        if is_last:
            yield self._opcode, b"".join(self._pieces)
            self._pieces = []
            self._frames.room_bytes = self._message_bytes

    def _recv(self, bufsize: int) -> bytes:
        if piece := self._wire.take(bufsize):
            return piece
        raise BlockingIOError  # the parser keeps what it has, and goes on from there next time

    def _send(self, data: Any) -> int:
        self._wire.send_threadsafe(data)
        return len(data)
