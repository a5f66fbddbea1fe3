"""Whether a request comes from a page of this server's own, in a browser that got it here.

A browser lets a page of anybody send requests to this computer, and a page that has its own name
point to this computer (DNS rebinding) is of one origin with it.  So a request has to name a host
that nobody else can have: this computer by its own names, or an origin that the operator has named.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from tornado_app.admission.origins import DEFAULT_PORTS, Origin, OriginRules

NOT_A_PAGE = "This address is for the console's own page."
OTHER_PAGE = "Only the console's own page may ask here, not a page of another origin."
UNKNOWN_HOST = (
    "This server makes tokens for the page on its own computer, at http://localhost or "
    "http://127.0.0.1. For another address, name it in server.allowed_origins."
)
ELSEWHERE = (
    "This server makes tokens for the page on its own computer only. For a page that comes another "
    "way, name its address in server.allowed_origins."
)

# Of a request that somebody has passed on; what it says of the client need not be true.
_PASSED_ON = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What counts of a request."""

    headers: Mapping[str, str]
    """By their names as HTTP has them."""
    peer: str
    """The address at the other end of the connection."""


def objection(request: PageRequest, named: OriginRules) -> str | None:
    """Why this is no page of ours, as a sentence, or None if it is one.

    *named* are the origins of `server.allowed_origins`.
    """
    headers = request.headers
    # Sec-Fetch-* cannot be set by a page; browsers leave them out where there is no TLS and the
    # host is not this computer, and old ones altogether.
    if headers.get("Sec-Fetch-Site", "same-origin") != "same-origin":
        return OTHER_PAGE
    if headers.get("Sec-Fetch-Dest", "empty") != "empty":
        return NOT_A_PAGE
    text = headers.get("Origin")
    if text is None:
        return NOT_A_PAGE
    origin = Origin.parse(text)
    if origin is None or origin.scheme not in DEFAULT_PORTS or not _is_host_of(origin, headers):
        return OTHER_PAGE
    if named.allows(text):
        return None
    if not _is_this_computer(origin.host):
        return UNKNOWN_HOST
    passed_on = any(name in headers for name in _PASSED_ON)
    return ELSEWHERE if passed_on or not _is_loopback(request.peer) else None


def is_of_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether the page that asks came from where it asks, by its browser's word.

    Enough where a request has to bear a key that no browser adds by itself: a page that has its
    own name point to this computer has none.
    """
    if (site := headers.get("Sec-Fetch-Site")) is not None:
        return site == "same-origin"
    origin = Origin.parse(headers.get("Origin", ""))
    return origin is not None and _is_host_of(origin, headers)


def _is_host_of(origin: Origin, headers: Mapping[str, str]) -> bool:
    host = Origin.parse(f"{origin.scheme}://{headers.get('Host', '')}")
    return host == origin and "*" not in origin.host


def _is_this_computer(host: str) -> bool:
    """By a name that no name server can give to another one."""
    return host == "localhost" or _is_loopback(host.strip("[]"))


def _is_loopback(address: str) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_loopback
