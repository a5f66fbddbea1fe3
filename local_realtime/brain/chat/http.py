"""One request whose answer is read as it comes.  Thread: loop.

Tornado's own parser, under its client: `AsyncHTTPClient` cannot end a request that nobody waits
for any more, nor slow down a server that sends faster than is read.
"""

import asyncio
import ssl
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from functools import cache

from tornado.http1connection import HTTP1Connection, HTTP1ConnectionParameters
from tornado.httputil import (
    HTTPHeaders,
    HTTPMessageDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import IOStream
from tornado.tcpclient import TCPClient

from local_realtime.brain.chat.endpoint import ChatEndpoint, ChatFailed

MAX_ANSWER_BYTES = 8 * 1024 * 1024
"""A piece of a few letters comes in some 300 bytes: 20 000 of them, more than is ever spoken."""

MAX_HEADER_BYTES = 64 * 1024
WHOLE_TIMEOUT_S = 600.0
"""For servers that never stall and never end."""

QUEUED_PIECES = 4
OK = 200
STATUS_MEANINGS = {
    400: "it does not take the request; the model's name may be wrong",
    401: "it does not accept the key",
    403: "it does not accept the key",
    404: "there is no such address or model",
    429: "it has no room for more requests now",
}


class Reception(HTTPMessageDelegate):
    """Hands the body on; the connection waits while the queue is full."""

    def __init__(self) -> None:
        self.status = 0
        self.is_whole = False
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue(QUEUED_PIECES)

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        del headers
        if isinstance(start_line, ResponseStartLine):
            self.status = start_line.code

    async def data_received(self, chunk: bytes) -> None:
        await self.pieces.put(chunk)

    def finish(self) -> None:
        self.is_whole = True

    async def read(self, connection: HTTP1Connection) -> None:
        """Read the answer; an empty piece is its end, whatever the reason."""
        with suppress(OSError):  # how Tornado says that a connection is gone
            await connection.read_response(self)
        await self.pieces.put(b"")


async def post(endpoint: ChatEndpoint, body: bytes) -> AsyncGenerator[bytes, None]:
    """The body of the answer, as it comes.  To close the generator is to end the connection.

    Raises:
        ChatFailed: If there is none, or not all of it.
    """
    stream = await _connect(endpoint)
    reception = Reception()
    work = _exchange(stream, reception, endpoint, body)
    exchange = asyncio.get_running_loop().create_task(work)
    try:
        async with aclosing(_pieces(reception, endpoint)) as pieces:
            async for piece in pieces:
                yield piece
    finally:
        stream.close()
        exchange.cancel()
        await asyncio.wait([exchange])


@cache
def _trust() -> ssl.SSLContext:
    """The system's certificates; to read them takes tens of milliseconds."""
    return ssl.create_default_context()


async def _connect(endpoint: ChatEndpoint) -> IOStream:
    client = TCPClient()
    try:
        return await client.connect(
            endpoint.host,
            endpoint.port,
            ssl_options=_trust() if endpoint.is_secure else None,
            timeout=endpoint.connect_timeout_s,
        )
    except OSError:  # the deadline, too
        raise ChatFailed("chat_unreachable") from None
    finally:
        client.close()


async def _exchange(
    stream: IOStream, reception: Reception, endpoint: ChatEndpoint, body: bytes
) -> None:
    parameters = HTTP1ConnectionParameters(
        # Tornado's own bound says less of what was wrong than ours.
        no_keep_alive=True,
        max_header_size=MAX_HEADER_BYTES,
        max_body_size=sys.maxsize,
    )
    connection = HTTP1Connection(stream, is_client=True, params=parameters)
    headers = HTTPHeaders({**endpoint.headers, "Content-Length": str(len(body))})
    start_line = RequestStartLine("POST", endpoint.target, "HTTP/1.1")
    with suppress(OSError):  # what was answered meanwhile is read all the same
        await connection.write_headers(start_line, headers, body)
        connection.finish()
    await reception.read(connection)


async def _pieces(reception: Reception, endpoint: ChatEndpoint) -> AsyncGenerator[bytes, None]:
    now = asyncio.get_running_loop().time
    begin = now()
    whole_until, until, size_bytes = begin + WHOLE_TIMEOUT_S, begin + endpoint.first_timeout_s, 0
    while True:
        try:
            async with asyncio.timeout_at(min(until, whole_until)):
                piece = await reception.pieces.get()
        except TimeoutError:
            raise ChatFailed("chat_timeout") from None
        if reception.status not in {0, OK}:
            raise refused(reception.status)
        size_bytes += len(piece)
        if size_bytes > MAX_ANSWER_BYTES:
            raise ChatFailed("chat_too_long")
        if not piece:
            break
        yield piece
        until = now() + endpoint.stall_timeout_s
    if not reception.is_whole:
        raise ChatFailed("chat_broken")


def refused(status: int) -> ChatFailed:
    meaning = STATUS_MEANINGS.get(status)
    why = f": {meaning}" if meaning else ""
    return ChatFailed("chat_refused", f"The chat endpoint answered with HTTP {status}{why}.")
