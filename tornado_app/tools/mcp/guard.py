"""The way of all requests to an MCP server: signed, bounded, and never sent elsewhere.

The package takes a failed request for the end of the session.  So what fails is answered here, with
an error of JSON-RPC that only the call that asked is told.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx2
import msgspec

from terminal.addresses import NO_PROXY_HERE
from tornado_app.admission.limits import Bucket
from tornado_app.tools.certificates import trusted
from tornado_app.tools.encoding import is_encoded
from tornado_app.tools.http import stay_here, was_sent
from tornado_app.tools.mcp.address import Address
from tornado_app.tools.signature import SIGNATURE, TIMESTAMP, signature

CONNECT_TIMEOUT_S = 5.0
GOODBYE_TIMEOUT_S = 1.0
SILENCE_S = 330.0
"""Longer than any call may take; a listing and a call have deadlines of their own."""
NOTE_S = 2.0
"""What answers nobody's request is sent one by one, and calls wait behind it."""
CONNECTIONS = 100
IDLE_CONNECTIONS = 20
KEEP_ALIVE_S = 30.0
ENVELOPE_BYTES = 1 << 20
"""What may be read of one answer beyond a result: a listing, or the same as text and as JSON."""

EVENT_BYTES = 1024
"""What an event costs beside what it says: it is read, and some are answered."""
EVENTS_BYTES_PER_S = 65_536.0
"""How fast events are read behind the first ones, which may be as much as an answer."""
STREAMS_PER_S = 1.0
STREAMS_AT_ONCE = 5
"""How often a server's own events are asked for, however often it ends them."""

# Error codes of JSON-RPC for what the package is told in place of a failure.  A server may use them
# as well, so they count only with `OURS`, which none knows.
FAULTS = range(7001, 7009)
UNREACHABLE, BROKEN_OFF, ELSEWHERE, TOO_LARGE, REFUSED, STRANGER, ENCODED, NO_JSON = FAULTS
OURS = secrets.token_hex(16)
NOT_PERFORMED = (UNREACHABLE, STRANGER)
"""Nobody was there, or whoever was did not know the session: it may be asked once more."""

SESSION = "mcp-session-id"
EVENTS = "text/event-stream"
KEPT = ("content-type", SESSION)


class _Message(msgspec.Struct):
    """As much of JSON-RPC as is looked at."""

    id: int | str | None = None
    method: str = ""
    error: dict[str, Any] | None = None


class _PacedEvents(httpx2.AsyncByteStream):
    """Events of a server, which may say as many as it likes: it is read no faster than that.

    Its thread has the calls of all servers, and the interpreter is also that of the audio.
    """

    def __init__(self, stream: AsyncIterable[bytes], bucket: Bucket) -> None:
        self._stream = stream
        self._bucket = bucket

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            events = 1 + max(map(piece.count, (b"\n\n", b"\r\r", b"\r\n\r\n")))
            cost = len(piece) + EVENT_BYTES * events
            await asyncio.sleep(self._bucket.spend(time.monotonic(), cost))
            yield piece

    async def aclose(self) -> None:
        if isinstance(self._stream, httpx2.AsyncByteStream):
            await self._stream.aclose()


def read_bytes(address: Address) -> int:
    """How much of one answer is read at most."""
    return ENVELOPE_BYTES + 2 * address.result_bytes


class GuardedClient(httpx2.AsyncClient):
    """The connections to one server.  Thread: the one of MCP."""

    def __init__(self, address: Address, on_doubt: Callable[[], None]) -> None:
        """*on_doubt* is called if the server may be gone, or may have forgotten the session."""
        super().__init__(
            # What one caller's request brought would be sent with the next one's.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "parley", **address.headers},
            trust_env=address.uses_environment,
            verify=trusted(uses_environment=address.uses_environment),
            mounts=NO_PROXY_HERE,
            follow_redirects=False,
            event_hooks={"response": [stay_here]},
            timeout=httpx2.Timeout(CONNECT_TIMEOUT_S, read=SILENCE_S, pool=SILENCE_S),
            limits=httpx2.Limits(
                max_connections=CONNECTIONS,
                max_keepalive_connections=IDLE_CONNECTIONS,
                keepalive_expiry=KEEP_ALIVE_S,
            ),
        )
        self._signing_key = address.signing_key
        self._read_bytes = read_bytes(address)
        self._on_doubt = on_doubt
        self._streams = Bucket(STREAMS_PER_S, STREAMS_AT_ONCE)

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Never raises for a fault of the server's, and follows no redirect."""
        request.headers["Accept-Encoding"] = "identity"
        if request.method == "DELETE":
            request.extensions["timeout"] = httpx2.Timeout(GOODBYE_TIMEOUT_S).as_dict()
        if self._signing_key and request.method == "POST":
            timestamp = int(time.time())  # noqa: TID251  servers compare it with their clock
            request.headers[TIMESTAMP] = str(timestamp)
            request.headers[SIGNATURE] = signature(self._signing_key, timestamp, request.content)
        if request.method == "GET":
            await asyncio.sleep(self._streams.spend(time.monotonic(), 1))
        try:
            async with asyncio.timeout(NOTE_S if _is_note(request) else None):
                return await self._answer(request, options)
        except (httpx2.TransportError, TimeoutError) as error:
            self._on_doubt()
            code = BROKEN_OFF if was_sent(error) else UNREACHABLE
            return _fault(request, code, type(error).__name__)

    async def _answer(self, request: httpx2.Request, options: dict[str, Any]) -> httpx2.Response:
        response = await super().send(request, **options | {"stream": True})
        is_plain = response.is_success and not is_encoded(response.headers)
        if is_plain and _is(EVENTS, response):  # the package bounds each of them
            bucket = Bucket(EVENTS_BYTES_PER_S, self._read_bytes)
            response.stream = _PacedEvents(response.stream, bucket)  # type: ignore[arg-type]
            return response
        try:
            return await self._whole(request, response)
        finally:
            await response.aclose()

    async def _whole(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        """What is no stream of events, read to its end."""
        status = response.status_code
        if 300 <= status < 400:
            return _fault(request, ELSEWHERE, f"http_{status}")
        if status == 404 and SESSION in request.headers:
            self._on_doubt()
            return _fault(request, STRANGER, f"http_{status}")
        if is_encoded(response.headers):
            return _fault(request, ENCODED, "encoded")
        if status >= 400 and not _is("application/json", response):
            return _fault(request, REFUSED, f"http_{status}")
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > self._read_bytes:
                return _fault(request, TOO_LARGE, "too_large")
        if status >= 400 and _read(body).error is None:
            return _fault(request, REFUSED, f"http_{status}")
        if body and not _is("application/json", response):
            return _fault(request, NO_JSON, "content_type")
        headers = {name: response.headers[name] for name in KEPT if name in response.headers}
        return httpx2.Response(status, headers=headers, content=bytes(body), request=request)


def believed(code: int, data: object) -> int:
    """The code of an error; 0, if a server has used one of ours."""
    is_forged = code in FAULTS and data != OURS
    return 0 if is_forged else code


def _is_note(request: httpx2.Request) -> bool:
    """Whether it has no result: a notification, or what a server has asked for."""
    message = _read(request.content) if request.method == "POST" else _Message(0, "request")
    return message.id is None or not message.method


def _read(body: bytes | bytearray) -> _Message:
    try:
        return msgspec.json.decode(body, type=_Message)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return _Message()


def _is(kind: str, response: httpx2.Response) -> bool:
    found = response.headers.get("content-type", "").partition(";")[0]
    return bool(found.strip().lower() == kind)


def _fault(request: httpx2.Request, code: int, word: str) -> httpx2.Response:
    """An answer that the package hands to whoever asked, and to nobody else."""
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": word, "data": OURS}}
    return httpx2.Response(502, json=error, request=request)
