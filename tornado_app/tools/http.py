"""Tools over HTTP: one request for each call, to an address that the operator has written down."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import msgspec

from parley_tools import Caller
from terminal.addresses import NO_PROXY_HERE, is_name
from tornado_app.protocol.realtime.functions import Function
from tornado_app.tools.arguments import BadArguments, Schema
from tornado_app.tools.certificates import trusted
from tornado_app.tools.encoding import is_encoded
from tornado_app.tools.result import Result
from tornado_app.tools.signature import SIGNATURE, TIMESTAMP, signature

Method = Literal["GET", "POST", "PUT", "PATCH"]

CONNECT_TIMEOUT_S = 5.0
KEEP_ALIVE_S = 30.0
CONNECTIONS = 100
IDLE_CONNECTIONS = 20
READ_BYTES = 65_536

_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)

_encoder = msgspec.json.Encoder()


async def stay_here(response: httpx2.Response) -> None:
    """A hook: the library builds the request that a redirect asks for, though nobody follows it,
    and breaks at an address that is none.
    """
    response.headers.pop("location", None)


def was_sent(error: Exception) -> bool:
    """Whether somebody may have begun with the request: done again, it could be done twice."""
    return not isinstance(error, _NEVER_SENT)


class HttpClient:
    """The connections to all endpoints, reused.  Thread: loop.

    Reading the certificates of the system takes a tenth of a second: it is made at the start.
    """

    def __init__(self, *, uses_environment: bool = False) -> None:
        """*uses_environment*: proxies and certificates of HTTPS_PROXY, SSL_CERT_FILE and such."""
        self.client = httpx2.AsyncClient(
            # One caller's cookies would be sent with the next one's request.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            headers={"User-Agent": "parley"},
            trust_env=uses_environment,
            verify=trusted(uses_environment=uses_environment),
            mounts=NO_PROXY_HERE,
            follow_redirects=False,
            event_hooks={"response": [stay_here]},
            # How long all of it may take, the session decides, which cancels it.
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
            limits=httpx2.Limits(
                max_connections=CONNECTIONS,
                max_keepalive_connections=IDLE_CONNECTIONS,
                keepalive_expiry=KEEP_ALIVE_S,
            ),
        )

    async def close(self) -> None:
        await self.client.aclose()


@dataclass(frozen=True)
class HttpTool:
    """Thread: loop."""

    function: Function
    scopes: frozenset[str]
    method: Method
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    signing_key: bytes = field(repr=False)
    """Empty: requests are not signed."""
    result_bytes: int
    http: HttpClient = field(repr=False)
    unix_s: Callable[[], float] = time.time  # noqa: TID251  endpoints compare it with their clock

    @property
    def name(self) -> str:
        return self.function.name

    @cached_property
    def schema(self) -> Schema:
        return Schema(self.function.parameters)

    async def call(self, arguments: str, caller: Caller) -> Result:
        try:
            request = self._request(self.schema.read(arguments), caller)
        except BadArguments as bad:
            return Result.fault(str(bad), "invalid_arguments")
        try:
            response = await self.http.client.send(request, stream=True)
        except httpx2.HTTPError as error:
            return _unanswered(error)
        try:
            return await self._read(response)
        except httpx2.HTTPError as error:
            return _unanswered(error)
        finally:
            await response.aclose()

    def _request(self, arguments: dict[str, Any], caller: Caller) -> httpx2.Request:
        headers = dict(self.headers) | {"Accept-Encoding": "identity"}
        if caller.traceparent is not None:
            headers.setdefault("traceparent", caller.traceparent)
        if self.method == "GET":
            url = _with_query(httpx2.URL(self.url), arguments)
            return self.http.client.build_request("GET", url, headers=headers)
        body = _encoder.encode(
            {
                "call_id": caller.call_id,
                "session_id": caller.session_id,
                "user_id": caller.user_id,
                "name": self.function.name,
                "arguments": arguments,
            }
        )
        headers["Content-Type"] = "application/json"
        if self.signing_key:
            timestamp = int(self.unix_s())
            headers[TIMESTAMP] = str(timestamp)
            headers[SIGNATURE] = signature(self.signing_key, timestamp, body)
        return self.http.client.build_request(self.method, self.url, headers=headers, content=body)

    async def _read(self, response: httpx2.Response) -> Result:
        status = response.status_code
        if 300 <= status < 400:
            sentence = "The tool sent the request elsewhere, where it may not go."
            return Result.fault(sentence, detail=f"http_{status}")
        if not 200 <= status < 300:
            sentence = f"The tool answered with status {status}."
            return Result.fault(sentence, detail=f"http_{status}")
        if is_encoded(response.headers):
            return Result.fault("The tool answered in an encoding.", detail="encoded")
        body = bytearray()
        async for piece in response.aiter_raw(READ_BYTES):
            body += piece
            if len(body) > self.result_bytes:
                return Result.fault("The result of the tool is too large.", "too_large")
        return _result(bytes(body), response.headers.get("content-type", ""))


def _unanswered(error: httpx2.HTTPError) -> Result:
    """A model that reads that nobody was there may well call again."""
    sentence = (
        "The tool broke off its answer." if was_sent(error) else "The tool cannot be reached."
    )
    return Result.fault(sentence, detail=type(error).__name__)


def is_address(url: str) -> bool:
    """Whether *url* can be asked: http or https, a host, and no user in it."""
    try:
        # Each finds what the other lets pass.
        read, split = httpx2.URL(url), urlsplit(url)
        is_whole = bool(read.host) and is_name(split.hostname or "") and split.port != 0
    except (httpx2.InvalidURL, ValueError):
        return False
    return read.scheme in {"http", "https"} and is_whole and not read.userinfo and " " not in url


def _with_query(url: httpx2.URL, arguments: Mapping[str, Any]) -> httpx2.URL:
    """*url* and the arguments; what the operator wrote into it, a model may not write over."""
    if taken := sorted(arguments.keys() & url.params.keys()):
        raise BadArguments(f"{taken[0]}: is not for you to say.")
    try:
        return url.copy_merge_params({name: _in_query(of) for name, of in arguments.items()})
    except httpx2.InvalidURL:  # of at most 64 KiB, where a character may take nine
        raise BadArguments("The arguments are too long.") from None


def _in_query(value: Any) -> str:
    return value if isinstance(value, str) else _encoder.encode(value).decode()


def _result(body: bytes, content_type: str) -> Result:
    """JSON or text as it is, and nothing else."""
    kind = content_type.partition(";")[0].strip().lower()
    is_json = kind == "application/json" or kind.endswith("+json")
    if body and not is_json and not kind.startswith("text/"):
        sentence = "The tool answered with something that is neither JSON nor text."
        return Result.fault(sentence, detail="content_type")
    try:
        # Some programs begin with a mark, which a reader may pass over (RFC 8259, 8.1).
        text = body.decode("utf-8-sig")
        if is_json and text:
            msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        named = "JSON" if is_json else "text in UTF-8"
        return Result.fault(f"The tool answered with what is no {named}.", detail="broken")
    return Result(text)
