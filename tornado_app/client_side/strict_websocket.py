"""All that we change of Tornado's WebSocket protocol.

Leans on private names of Tornado 6.6.1 (`_receive_frame_loop`, `_abort`, `_send_pong`,
`_WebSocketParams`): the version is pinned and tests/test_strict_websocket.py holds it.  The
handshake, pongs and the closing handshake stay Tornado's.  The stream and the reading of frames are
ours: Tornado's stream takes several turns for one frame, and its reading ends nearly every branch
with a bare TCP cut.
"""

import asyncio
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

from tornado.concurrent import Future
from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream, StreamClosedError
from tornado.util import _websocket_mask
from tornado.websocket import (
    WebSocketClosedError,
    WebSocketHandler,
    WebSocketProtocol13,
    _WebSocketParams,
)

from tornado_app.client_side.frames import (
    CLOSE,
    CONTINUATION,
    FINAL,
    HEADER_BYTES,
    MASK_BYTES,
    MASKED,
    MAX_CONTROL_BYTES,
    OPCODE,
    OPCODES,
    PING,
    RESERVED,
    TEXT,
    Violation,
    decode,
    may_be_sent,
)
from tornado_app.client_side.read_watch import ReadWatch
from tornado_app.client_side.stream import ClientStream, Receive
from tornado_app.client_side.traffic import Traffic
from tornado_app.client_side.unfinished import COUNTED_BYTES, Unfinished

FRAMES_AT_ONCE = 8
"""Between two looks at the clock.  A read has room for 680 empty frames, which take some 4 ms."""

# Lingering for zero seconds: closing sends a reset.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class ClientSocket(Protocol):
    """What framing needs of the socket; `ClientStream` says what each does."""

    def start(self, receive: Receive, on_gone: Callable[[], None]) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def closed(self) -> bool: ...


class StrictWebSocketProtocol(WebSocketProtocol13):
    """One client's framing.  Thread: loop.

    Made by a handler's `get_websocket_protocol()`.  A handler may have two hooks:
    `on_message_too_large()` is called before such a connection is closed, and may
    still send; `on_fragment()` is called for each frame of a message but the last,
    which `on_message` tells of.  An exception out of a handler's callback is logged and closes
    the connection with 1011.  Tornado's own pings are off: the heartbeat is the caller's.
    """

    before_close: Callable[[], None] | None
    """Called once, just before our close frame: the last chance to write what is queued."""

    max_message_bytes: int
    """What is larger is not read, and the connection ends; may be changed between messages."""

    _client: ClientSocket

    def __init__(
        self,
        handler: WebSocketHandler,
        read_watch: ReadWatch,
        *,
        max_message_bytes: int,
        read_bytes: int = 4096,
        traffic: Traffic | None = None,
    ) -> None:
        # permessage-deflate is never negotiated: a small message could inflate to gigabytes.
        params = _WebSocketParams(max_message_size=max_message_bytes, compression_options=None)
        super().__init__(handler, mask_outgoing=False, params=params)
        self.before_close = None
        self._read_watch = read_watch
        self._traffic = traffic
        self.max_message_bytes = max_message_bytes
        self._chunk_bytes = read_bytes
        self._pieces: list[bytes] = []
        self._missing_bytes = 0
        self.unfinished = Unfinished()
        self._gone = asyncio.Event()
        self._fragments: bytearray | None = None
        self._fragments_opcode = CONTINUATION
        self._failed = False
        self.was_lost = False
        """It is over, and neither side had closed it."""

    # Public methods.

    def write_frames(self, data: bytes) -> "Future[None]":
        """Write whole frames, made with `frame`, in one piece.

        The future resolves when the kernel has taken all of *data*, often at once.

        Raises:
            WebSocketClosedError: If our close frame has been sent.
            StreamClosedError: If the connection is gone.
            StreamBufferFullError: If `stream.max_write_buffer_size` does not allow it.
        """
        if self.server_terminated:
            raise WebSocketClosedError
        return self.stream.write(data)

    def pause_reading(self) -> None:
        """Take nothing more from the socket, control frames neither, until `resume_reading`.

        What was read and not acted on waits as well.
        """
        self._client.pause()

    def resume_reading(self) -> None:
        self._client.resume()

    def close(self, code: int | None = None, reason: str | None = None) -> None:
        """Send a close frame; cut the connection when the client answered it, or after 5 s."""
        # The answer stands behind all that was not read while reading was paused.
        self._client.resume()
        if self.before_close is not None and not self.server_terminated:
            finish, self.before_close = self.before_close, None
            finish()
        super().close(code, reason)

    def abort(self) -> None:
        """Cut the TCP connection at once, without a close frame."""
        self.server_terminated = True
        if not self.stream.closed():
            # With a plain close the kernel would hold what a client does not read for many
            # minutes of retries (nginx has reset_timedout_connection for the same reason).
            self.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self._abort()

    # What Tornado calls.

    def _parse_extensions_header(self, _headers: HTTPHeaders) -> list[tuple[str, dict[str, str]]]:
        """None is negotiated, so none is read; Tornado's parser cuts a client whose are odd."""
        return []

    def start_pinging(self) -> None:
        """Tune the stream: Tornado calls this as soon as there is one, before `open()`."""
        self._client = ClientStream.take_over(
            self.stream, self._read_watch, self._chunk_bytes, self._traffic
        )
        # It has all that Tornado asks of a stream from here on.
        self.stream = cast(IOStream, self._client)
        # Tornado's HTTP/1 server leaves Nagle's algorithm on when it hands the stream over.
        self.stream.set_nodelay(True)
        super().start_pinging()

    def _abort(self) -> None:
        # Open, and no close frame sent: `open()` raised, or the connection's task was cancelled.
        if self.stream is not None and not self.stream.closed() and not self.server_terminated:
            self.close(1011, "internal")
        super()._abort()
        # It leads back here through the writer; a dead client should not wait for the collector.
        self.before_close = None

    async def _receive_frame_loop(self) -> None:
        """Receive until the client is gone.  Tornado calls this once, after `open()`."""
        try:
            if not self._client.closed():
                self._client.start(self._receive, self._gone.set)
                await self._gone.wait()
        finally:
            self.was_lost = not (self.client_terminated or self.server_terminated)
            self._forget()
            self._abort()
            self.handler.on_ws_connection_close(self.close_code, self.close_reason)

    # Receiving.

    def _receive(self, data: bytes, until: float) -> bool:
        """Act on what the socket had, until then; whether a frame is left that can be acted on."""
        if self._failed:
            # RFC 6455 section 7.1.7: nothing more is processed.  It must be read all the same:
            # a socket closed over unread bytes sends a reset, which destroys our close frame.
            return False
        # Spelled out: mypyc has no `+=` for what is Tornado's.
        self._wire_bytes_in = self._wire_bytes_in + len(data)
        self._missing_bytes -= len(data)
        if self._pieces:
            self._pieces.append(data)
            if self._missing_bytes > 0:
                return False
            data = b"".join(self._pieces)
            self._pieces.clear()
        self._missing_bytes = 0
        try:
            at = self._take_frames(data, until)
        except Violation as violation:
            self._fail(violation)
        except StreamClosedError:
            self._abort()
        except Exception:  # noqa: BLE001 - the last stop of a handler's callback
            self.handler.log_exception(*sys.exc_info())
            self.close(1011, "internal")
        else:
            if at < len(data):
                self._pieces.append(data[at:])
                return self._missing_bytes == 0 and len(data) - at >= HEADER_BYTES
        return False

    def _take_frames(self, data: bytes, until: float) -> int:
        """Act on whole frames; return where the first that is not whole begins, or not taken."""
        at, length, taken = 0, len(data), 0
        while length - at >= HEADER_BYTES:
            begin, size = self._measure(data, at)
            end = begin + size
            if length < end:
                self._missing_bytes = end - length
                if size > COUNTED_BYTES:
                    self._keep(size)
                return at
            payload = _websocket_mask(data[begin - MASK_BYTES : begin], data[begin:end])
            if size > COUNTED_BYTES:
                self._keep(0)
            self._handle_frame(data[at] >= FINAL, data[at] & OPCODE, payload)
            if self.client_terminated or self._client.closed():
                return length
            at = end
            taken += 1
            if taken % FRAMES_AT_ONCE == 0 and time.monotonic() >= until:
                return at
        return at

    def _measure(self, data: bytes, at: int) -> tuple[int, int]:
        """Where the payload of the frame at *at* begins, and its size (RFC 6455 section 5.2).

        The size of one whose length has not come is 0: where it would begin is not there either.
        """
        first, size = data[at], data[at + 1] - MASKED
        opcode = first & OPCODE
        if size < 0 or first & RESERVED or opcode not in OPCODES:
            raise Violation.protocol_error()
        begin = at + HEADER_BYTES + MASK_BYTES
        if opcode >= CLOSE:
            if first < FINAL or size > MAX_CONTROL_BYTES:
                raise Violation.protocol_error()
            return begin, size
        if (opcode == CONTINUATION) != (self._fragments is not None):
            raise Violation.protocol_error()
        if size > MAX_CONTROL_BYTES:
            begin += 2 if size == 126 else 8
            if len(data) < begin - MASK_BYTES:
                return begin, 0
            size = int.from_bytes(data[at + HEADER_BYTES : begin - MASK_BYTES], "big")
        whole = size + len(self._fragments or b"")
        if whole > self.max_message_bytes or not self.unfinished.has_room(whole):
            raise Violation.message_too_large()
        return begin, size

    def _handle_frame(self, final: bool, opcode: int, payload: bytes) -> None:
        if opcode >= CLOSE:
            self._handle_control(opcode, payload)
            return
        if self._fragments is not None:
            self._fragments += payload
            if not final:
                self._keep(0)
                self._tell("on_fragment")
                return
            opcode, payload = self._fragments_opcode, bytes(self._fragments)
            self._fragments = None
            self._keep(0)
        elif not final:
            self._fragments_opcode, self._fragments = opcode, bytearray(payload)
            self._keep(0)
            self._tell("on_fragment")
            return
        if not self.server_terminated:  # else we have said goodbye; the client had not heard it yet
            self.handler.on_message(decode(payload) if opcode == TEXT else payload)

    def _keep(self, frame_bytes: int) -> None:
        """So much of a frame is kept, and the fragments before it."""
        self.unfinished.keep(frame_bytes + len(self._fragments or b""))

    def _forget(self) -> None:
        """No message comes whole any more."""
        self._pieces.clear()
        self._fragments = None
        self.unfinished.end()

    def _handle_control(self, opcode: int, payload: bytes) -> None:
        if opcode == CLOSE:
            self._handle_close(payload)
        elif opcode == PING:
            self._send_pong(payload)
            self.handler.on_ping(payload)
        else:
            self.handler.on_pong(payload)

    def _handle_close(self, payload: bytes) -> None:
        if payload:
            code = int.from_bytes(payload[:2], "big")
            if len(payload) < 2 or not may_be_sent(code):
                raise Violation.protocol_error()
            self.close_code, self.close_reason = code, decode(payload[2:]) or None
        self.client_terminated = True
        # RFC 6455 section 5.5.1: the answer typically echoes the code.
        self.close(self.close_code)

    # Failing.

    def _fail(self, violation: Violation) -> None:
        """Fail the WebSocket connection (RFC 6455 section 7.1.7)."""
        self._failed = True
        self._forget()
        if violation.code == 1009:
            self._tell("on_message_too_large")
        self.close(violation.code, violation.reason)
        if not self.stream.closed():
            # An empty write resolves when all before it has gone to the kernel.
            self.stream.write(b"").add_done_callback(self._half_close)

    def _tell(self, name: str) -> None:
        """Call a hook of the handler, if it has it; framing goes on whatever comes of it."""
        hook = getattr(self.handler, name, None)
        if hook is not None:
            try:
                hook()
            except Exception:  # noqa: BLE001 - a close frame may have to go out all the same
                self.handler.log_exception(*sys.exc_info())

    def _half_close(self, _written: "Future[None]") -> None:
        """End our direction, so that the client need not wait for us; it still may send."""
        if not self.stream.closed():
            with suppress(OSError):  # the client may have cut the connection this very moment
                self.stream.socket.shutdown(socket.SHUT_WR)
