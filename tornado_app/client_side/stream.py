"""A client's TCP connection after the upgrade, without Tornado's stream in between.

Tornado's `IOStream` serves every way of reading, each with a future and a turn of the loop.  A
WebSocket needs one, "give me what has come", and that is one system call and one function call
(docs/decisions/0012-bursts.md).
"""

import asyncio
import socket
import time
from collections.abc import Callable

from tornado.concurrent import Future
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, StreamBufferFullError, StreamClosedError

from tornado_app import unsent
from tornado_app.client_side.read_watch import ReadWatch
from tornado_app.client_side.traffic import Traffic

TURN_S = 0.0005
"""How long one client is read before the others have their turn.

In time, not in bytes: empty frames cost far more than audio of as many bytes.  In one turn a client
is read a hundred kilobytes, four times as much as the widest audio needs.  Who has more to say than
that shares `GREEDY_S` of every burst with all others of that kind.
"""

Receive = Callable[[bytes, float], bool]
"""Acts on what has come until that moment of `time.monotonic`, and says whether it is behind: more
of it can be acted on, by the next call, even of nothing."""


class ClientStream:
    """Reads and writes one non-blocking socket.  Thread: loop.

    After the handshake it stands in the place of an `IOStream`, with what `WebSocketProtocol13`
    asks of one.
    """

    __slots__ = (
        "_closed",
        "_drained",
        "_early",
        "_is_behind",
        "_loop",
        "_on_gone",
        "_paused",
        "_read_bytes",
        "_read_watch",
        "_receive",
        "_traffic",
        "_unsent",
        "_watched",
        "error",
        "io_loop",
        "max_write_buffer_size",
        "socket",
    )

    def __init__(
        self,
        sock: socket.socket,
        early: bytes,
        read_watch: ReadWatch,
        read_bytes: int,
        traffic: Traffic | None = None,
    ) -> None:
        """*early* is what was read already; *read_bytes* is how much is asked for at once."""
        self.socket = sock
        self.max_write_buffer_size: int | None = None
        """How much may wait to be written; None is without end."""
        self._read_bytes = read_bytes
        self.io_loop = IOLoop.current()
        self.error: BaseException | None = None
        self._loop = asyncio.get_running_loop()
        self._read_watch = read_watch
        self._early = early
        self._traffic = traffic or Traffic()
        self._receive: Receive = _nothing
        self._is_behind = False
        self._on_gone: Callable[[], object] = _nothing
        self._closed = False
        self._watched = False
        self._paused = False
        self._unsent = bytearray()
        self._drained: Future[None] = self._loop.create_future()
        self._drained.set_result(None)

    @classmethod
    def take_over(
        cls,
        stream: IOStream,
        read_watch: ReadWatch,
        read_bytes: int,
        traffic: Traffic | None = None,
    ) -> "ClientStream":
        """Take the connection out of *stream*, with what it had read beyond the handshake.

        Raises:
            StreamClosedError: If it is gone, or does not even take the answer to the handshake, or
                the system has no descriptor to give.
        """
        if stream.writing():
            stream.close()
        if stream.closed():
            raise StreamClosedError
        ahead = asyncio.ensure_future(stream.read_bytes(stream.max_buffer_size, partial=True))
        early = ahead.result() if ahead.done() and not ahead.exception() else b""
        if stream.closed():
            raise StreamClosedError
        try:
            sock = stream.socket.dup()
        except OSError as error:  # no descriptor is left
            raise StreamClosedError(real_error=error) from error
        finally:
            stream.close()
        sock.setblocking(False)
        return cls(sock, early, read_watch, read_bytes, traffic)

    def start(self, receive: Receive, on_gone: Callable[[], None]) -> None:
        """Call *receive* with whatever comes, and *on_gone* once, at the end.

        Raises:
            OSError: If the system watches no more sockets.
        """
        self._receive, self._on_gone = receive, on_gone
        early, self._early = self._early, b""
        self._traffic.received_bytes += len(early)
        if early:
            self._is_behind = receive(early, time.monotonic() + TURN_S)
        if not self._paused and not self._closed:
            self._watch()

    def pause(self) -> None:
        """Read nothing more, so that TCP holds the other end back.

        That the connection was cut is noticed; an orderly end waits behind what was not read.
        """
        self._paused = True
        if self._watched:
            self._watched = False
            self._read_watch.watch_end(self.socket.fileno(), self.close)

    def resume(self) -> None:
        if self._paused and not self._closed:
            self._paused = False
            try:
                self._watch()
            except OSError as error:  # the system has no watch to give any more
                self.close(error)

    @property
    def unsent_bytes(self) -> int:
        """What waits for the socket."""
        return len(self._unsent)

    @property
    def untaken_bytes(self) -> int:
        """The same, and what the socket has taken and the other end has not."""
        return len(self._unsent) + unsent.held_bytes(self.socket)

    def closed(self) -> bool:
        return self._closed

    def set_nodelay(self, value: bool) -> None:
        if not self._closed:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(value))

    def write(self, data: bytes) -> "Future[None]":
        """Write now what the socket takes, and the rest when it can.

        The future resolves when all has gone, often at once.

        Raises:
            StreamClosedError: If the connection is gone.
            StreamBufferFullError: If more than `max_write_buffer_size` would have to wait.
        """
        if self._closed:
            raise StreamClosedError(real_error=self.error)
        if not self._unsent:
            sent = self._send(data)
            if sent == len(data):
                return self._drained
            if self._closed:
                raise StreamClosedError(real_error=self.error)
            data = data[sent:]
            self._drained = self._loop.create_future()
            self._loop.add_writer(self.socket.fileno(), self._on_writable)
        elif self._is_too_much(len(data)):
            raise StreamBufferFullError
        self._unsent += data
        return self._drained

    def close(self, error: BaseException | None = None) -> None:
        """End the connection; what was not written is lost."""
        if self._closed:
            return
        self._closed = True
        self.error = error
        if error is not None:
            # Its traceback, and that of an error it came upon, have frames that hold this stream.
            error.__traceback__ = error.__context__ = None
        self._watched = False
        self._read_watch.unwatch(self.socket.fileno())
        if self._unsent:
            self._loop.remove_writer(self.socket.fileno())
            self._drained.set_exception(StreamClosedError(real_error=error))
            self._drained.exception()  # it is not an error that nobody waits for it
        self.socket.close()
        on_gone, self._on_gone, self._receive = self._on_gone, _nothing, _nothing
        on_gone()

    def _watch(self) -> None:
        self._read_watch.watch(self.socket.fileno(), self._on_readable)
        self._watched = True
        if self._is_behind:
            self._read_watch.go_on(self.socket.fileno())

    def _is_too_much(self, size: int) -> bool:
        limit = self.max_write_buffer_size
        return limit is not None and len(self._unsent) + size > limit

    def _on_readable(self, until: float) -> bool:
        """Whether there was more than a turn takes, which ends at *until* or before that."""
        # uvloop's own time stands still within a turn.
        until = min(until, time.monotonic() + TURN_S)
        if self._is_behind:
            self._is_behind = self._receive(b"", until)
        while self._watched and not self._is_behind:
            try:
                data = self.socket.recv(self._read_bytes)
            except BlockingIOError:
                return False
            except OSError as error:
                self.close(error)
                return False
            if not data:
                self.close()
                return False
            self._traffic.received_bytes += len(data)
            self._is_behind = self._receive(data, until)
            if len(data) < self._read_bytes:
                break
            if time.monotonic() >= until:
                return self._watched
        return self._is_behind and self._watched

    def _on_writable(self) -> None:
        sent = self._send(self._unsent)
        if self._closed:
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._loop.remove_writer(self.socket.fileno())
            self._drained.set_result(None)

    def _send(self, data: bytes | bytearray) -> int:
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self.close(error)
            return 0
        self._traffic.sent_bytes += sent
        return sent


def _nothing(*_: object) -> bool:
    """In place of a callback: one that is held holds its owner, which holds the stream."""
    return False
