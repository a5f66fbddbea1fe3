"""Whether a request may become a WebSocket at all, before anybody asks whose it is."""

import re

from tornado.httputil import HTTPServerRequest

from tornado_app.errors import Refused

# Base64 of 16 bytes (RFC 6455, 4.2.1, number 5).
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==", re.ASCII)

_MISSING = (
    "(a proxy on the way may have taken it out; it has to pass Upgrade and Connection on, "
    "with HTTP/1.1)"
)


def wrong_handshake(request: HTTPServerRequest) -> tuple[Refused, int] | None:
    """What RFC 6455, 4.2.1, does not allow in *request*, with its HTTP status; None: all is well.

    Tornado looks at some of this, and answers some of it with 101 and a cut.
    """
    headers = request.headers
    if headers.get("Upgrade", "").strip().lower() != "websocket":
        return _wrong("This address speaks WebSocket only: Upgrade: websocket is needed", 426)
    if request.version == "HTTP/1.0":
        return _wrong("A WebSocket needs HTTP/1.1, and this request came with HTTP/1.0", 426)
    if "upgrade" not in _words(headers.get("Connection", "")):
        return _wrong(f"The header Connection must hold Upgrade {_MISSING}", 400)
    if headers.get("Sec-WebSocket-Version") != "13":
        return _wrong("The header Sec-WebSocket-Version must be 13", 426)
    if not _KEY.fullmatch(headers.get("Sec-WebSocket-Key", "")):
        return _wrong("The header Sec-WebSocket-Key must be 16 bytes in base64", 400)
    return None


def _wrong(sentence: str, status: int) -> tuple[Refused, int]:
    return Refused("invalid_message", f"{sentence}."), status


def _words(header: str) -> set[str]:
    return {word.strip().lower() for word in header.split(",")}
