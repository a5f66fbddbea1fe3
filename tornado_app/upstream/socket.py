"""WebSocket frames over a `Wire`, with limits, and the handshake before them.

Leans on names that websocket-client 1.9.2 (pinned) does not promise: `WebSocket._recv` and
`_send`, `frame_buffer.header`, `length` and `recv_length`, and the parts of its handshake
imported below.  `WebSocket.connect` itself is not used: its timeout is per system call, it
follows redirects (with the API key), reads any body, and keeps cookies for the whole process.
"""

import functools
import os
import ssl
import struct
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from typing import Any

from tornado.util import _websocket_mask as mask  # in C: 7 times as fast as websocket-client's
from websocket import ABNF, WebSocket, WebSocketBadStatusException, WebSocketException
from websocket._abnf import frame_buffer
from websocket._handshake import _get_handshake_headers, _validate
from websocket._http import _tunnel, read_headers
from websocket._url import get_proxy_info, parse_url

from tornado_app.settings.shapes import is_loopback
from tornado_app.upstream.wire import Broken, Wire

# 16 MiB in pieces of 4 KiB; the real service sends none.
MAX_FRAGMENTS = 4096
FINAL_TEXT = 0x81  # FIN and the opcode of text: RFC 6455, 5.2
MASK_BLOCK_BYTES = 4096
CONTROL_BYTES = 125  # RFC 6455, 5.5
NAME_HEADER, NAME_LONGEST = "x-realtime-model", 64
"""Of a server that answers by another model than the one that is asked for, as our own does."""


class MaskKeys:
    """Fresh random masks (RFC 6455, 5.3), drawn from the system in blocks.  Thread: any.

    Each draw gives up the interpreter's lock, which costs more than the bytes do.  Two threads may
    both find the block used up: each draws one, and what is left of the first is never used.  No
    key is given out twice, because ``next`` on an iterator in C is one step of the interpreter.
    """

    __slots__ = ("_keys",)

    def __init__(self) -> None:
        self._keys: Iterator[tuple[bytes]] = iter(())

    def take(self) -> bytes:
        for (key,) in self._keys:
            return key
        self._keys = struct.iter_unpack("4s", os.urandom(MASK_BLOCK_BYTES))
        return self.take()


_mask_keys = MaskKeys()


def masked_text_frame(payload: bytes) -> bytes:
    """One whole text frame, masked."""
    size = len(payload)
    if size <= CONTROL_BYTES:
        header = struct.pack("!BB", 0x81, 0x80 | size)
    elif size < 1 << 16:
        header = struct.pack("!BBH", 0x81, 0x80 | 126, size)
    else:
        header = struct.pack("!BBQ", 0x81, 0x80 | 127, size)
    key = _mask_keys.take()
    return b"".join((header, key, mask(key, payload)))


@functools.lru_cache(maxsize=4)
def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """One context for all links: loading the system's certificates takes milliseconds and 1 MB."""
    return ssl.create_default_context(cafile=ca_file)


class Frames(frame_buffer):
    """websocket-client's frame parser, which refuses before it allocates.  Thread: the link's."""

    def __init__(self, recv: Callable[[int], bytes], message_bytes: int) -> None:
        super().__init__(recv, skip_utf8_validation=True)
        self.room_bytes = message_bytes

    @property
    def is_inside(self) -> bool:
        """A frame has begun and not ended."""
        return self.header is not None or bool(self.recv_buffer and any(self.recv_buffer))

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
        self.served_by = ""
        """When the last frame of any kind was whole."""
        self._wire = wire
        self._frames = Frames(self._recv, message_bytes)
        self._message_bytes = message_bytes
        self._clock = clock
        self._opcode = 0
        self._pieces: list[bytes] = []

    def dial(self, url: str, headers: Sequence[str], ca_file: str | None) -> None:
        """Connect, through the proxy that the environment names if any, and shake hands.

        No proxy finds this computer, which is where our own model is.
        """
        wire: Any = self._wire
        host, port, resource, is_secure = parse_url(url)
        here = [host] if is_loopback(url) else None
        proxy, proxy_port, proxy_auth = get_proxy_info(host, is_secure, no_proxy=here)
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
            raise WebSocketBadStatusException("", status, resp_headers=answer)
        if not _validate(answer, key, None)[0]:
            raise WebSocketException("not an answer to our handshake")
        wire.uncork()
        name = answer.get(NAME_HEADER, "")
        self.served_by = "".join(filter(str.isprintable, name))[:NAME_LONGEST]
        self.heard_at = self._clock()

    def release(self) -> None:
        """Let go of the parsers, which hold this socket: nothing more is read."""
        self._frames.recv = self.frame_buffer.recv = _no_more

    def arrived(self) -> Iterator[tuple[int, bytes]]:
        """Every message, ping, pong and close that is whole, in order; pings are answered."""
        while True:
            while (text := self._whole_text()) is not None:
                self.heard_at = self._clock()
                yield ABNF.OPCODE_TEXT, text
            if not self._wire.has_unread or (frame := self._next_frame()) is None:
                return
            self.heard_at = self._clock()
            data: Any = frame.data
            if frame.opcode < ABNF.OPCODE_CLOSE:
                yield from self._assemble(frame.opcode, data, is_last=bool(frame.fin))
            else:
                if frame.opcode == ABNF.OPCODE_PING:
                    self.pong(data)
                yield frame.opcode, data

    def _whole_text(self) -> bytes | None:
        """The next message, if it is text in one frame, and that has come as a whole.

        Nearly all are.  websocket-client's parser, which takes many small steps, has the others and
        all that is wrong.
        """
        if self._pieces or self._frames.is_inside:
            return None
        data, at = self._wire.unread
        if len(data) - at < 4 or data[at] != FINAL_TEXT:
            return None
        size, begin = data[at + 1], at + 2
        if size == 126:
            size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
        elif size > 126:  # more than 64 KiB, or masked
            return None
        end = begin + size
        if end > len(data) or size > self._message_bytes:
            return None
        self._wire.skip(end - at)
        return data[begin:end]

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


def _no_more(_: int) -> bytes:
    return b""
