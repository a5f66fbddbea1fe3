"""Requests that cannot be read are answered in words: Tornado itself says no more than 400."""

import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.concurrent import Future
from tornado.httpserver import HTTPServer
from tornado.httputil import (
    HTTPConnection,
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream, UnsatisfiableReadError
from tornado.web import Application

UNREADABLE = (
    "This request cannot be read: it must be HTTP/1.1 with a Host and plain headers, "
    "and a body no longer than this address takes."
)
# All that Tornado says to a request that it cannot read; it closes the connection behind it.
_TORNADO_SAYS = b"HTTP/1.1 400 Bad Request\r\n\r\n"


class ExplainingStream(IOStream):
    """Says why before Tornado cuts a connection whose requests cannot be read.  Thread: loop."""

    def __init__(
        self, connection: socket.socket, spell: Callable[[str], bytes], header_bytes: int
    ) -> None:
        """*spell* makes an `error` message of a sentence."""
        super().__init__(connection)
        self._spell = spell
        self._header_bytes = header_bytes
        self._told = False

    def write(self, data: bytes | memoryview) -> "Future[None]":
        if data == _TORNADO_SAYS:
            data = self._refusal("400 Bad Request", UNREADABLE)
        return super().write(data)

    def _refusal(self, status: str, sentence: str) -> bytes:
        body = self._spell(sentence)
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body

    def _check_max_bytes(self, delimiter: Any, size: int) -> None:
        try:
            super()._check_max_bytes(delimiter, size)
        except UnsatisfiableReadError:
            # Of chunks, whose delimiter is plain, or of headers.  Tornado looks more than once, and
            # when the client has gone, too.
            if isinstance(delimiter, bytes):
                said = self._refusal("400 Bad Request", UNREADABLE)
            else:
                sentence = f"The headers of a request may have at most {self._header_bytes} bytes."
                said = self._refusal("431 Request Header Fields Too Large", sentence)
            if not self._told and not self.closed():
                self._told = True
                with contextlib.suppress(OSError):
                    self.socket.send(said)
            raise


class OneEnd(HTTPMessageDelegate):
    """Lets no request through whose end somebody on the way may see elsewhere.  Thread: loop.

    HTTP/1.0 has no chunks: a proxy that goes by that takes for the next request what is the body
    here (RFC 9112, 6.1).  What else may end in two ways Tornado refuses itself.
    """

    def __init__(self, delegate: HTTPMessageDelegate) -> None:
        self._delegate = delegate
        self._is_told = False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        if start_line.version == "HTTP/1.0" and "Transfer-Encoding" in headers:
            raise HTTPInputError("Transfer-Encoding in HTTP/1.0")
        self._is_told = True
        return self._delegate.headers_received(start_line, headers)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return self._delegate.data_received(chunk)

    def finish(self) -> None:
        self._delegate.finish()

    def on_connection_close(self) -> None:
        if self._is_told:
            self._delegate.on_connection_close()


class ExplainingServer(HTTPServer):
    """Tornado's HTTP server with such streams.  Thread: loop."""

    def initialize(  # type: ignore[override]  # what Tornado's own takes is settled by who makes it
        self, app: Application, spell: Callable[[str], bytes], header_bytes: int, **options: Any
    ) -> None:
        super().initialize(app, max_header_size=header_bytes, **options)
        self._spell = spell
        self._header_bytes = header_bytes

    def start_request(self, server_conn: object, request_conn: HTTPConnection) -> OneEnd:
        return OneEnd(super().start_request(server_conn, request_conn))

    def _handle_connection(self, connection: socket.socket, address: Any) -> None:
        try:
            stream = ExplainingStream(connection, self._spell, self._header_bytes)
            self.handle_stream(stream, address)
        except OSError:  # it was gone before it was looked at
            connection.close()
