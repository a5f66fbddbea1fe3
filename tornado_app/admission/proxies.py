"""Who is calling, when a load balancer stands in between.

Anybody can send X-Forwarded-For, so an entry counts only if whoever appended it is trusted.
X-Real-IP is not read: it cannot be told who set it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# Traefik says ws and wss of an upgrade.
_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

# A client can write thousands of trusted addresses into the header; no real chain is this long.
LONGEST_CHAIN = 16


@dataclass(frozen=True, slots=True)
class ClientAddress:
    """Where the client is, and whether it came by "http" or "https"."""

    ip: str
    scheme: str


def networks(cidrs: Iterable[str]) -> tuple[Network, ...]:
    """Read trusted networks as an operator writes them.

    Raises:
        ValueError: If one is no network.
    """
    return tuple(ip_network(cidr) for cidr in cidrs)


def problems(cidrs: Iterable[str]) -> list[str]:
    """One sentence for each that is no network."""
    wrong = []
    for cidr in cidrs:
        try:
            ip_network(cidr)
        except ValueError:
            wrong.append(
                f"{cidr[:80]!r} is no network; write 10.0.0.0/8 or fd00::/8, host bits zero"
            )
    return wrong


def client_address(
    peer: str,
    scheme: str,
    forwarded_for: Iterable[str],
    forwarded_proto: Iterable[str],
    trusted: Sequence[Network],
) -> ClientAddress:
    """Find the client behind the trusted hops that lead to it.

    *peer* and *scheme* are those of the connection itself, *forwarded_for* and *forwarded_proto*
    all the X-Forwarded-For and X-Forwarded-Proto headers in the order received.  A peer without an
    IP address (a Unix socket) is nobody's proxy and returned as it is.
    """
    address = _address(peer)
    if address is None:
        return ClientAddress(peer, scheme)
    if not _is_trusted(address, trusted):
        return ClientAddress(str(address), scheme)
    for entry in reversed(_entries(forwarded_for)[-LONGEST_CHAIN:]):
        hop = _hop(entry)
        if hop is None:
            break
        address = hop
        if not _is_trusted(address, trusted):
            break
    proto = (_entries(forwarded_proto) or [""])[-1].lower()
    return ClientAddress(str(address), _SCHEMES.get(proto, scheme))


def neighbourhood(peer: str, trusted: Sequence[Network]) -> str | None:
    """The network that one caller has to itself; None: of a trusted proxy, or of no address.

    An IPv4 address, or the 64 bits of an IPv6 address that a provider gives to a household: it has
    2**64 addresses of its own (RFC 4291, 2.5.4).
    """
    address = _address(peer)
    if address is None or _is_trusted(address, trusted):
        return None
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address) >> 64 << 64, 64)))
    return str(address)


def _entries(headers: Iterable[str]) -> list[str]:
    return [entry.strip() for header in headers for entry in header.split(",")]


def _is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    return any(address in network for network in trusted)


def _hop(entry: str) -> Address | None:
    """Read ``1.2.3.4``, ``1.2.3.4:5678``, ``::1``, ``[::1]`` or ``[::1]:5678``."""
    host, port = entry, ""
    if entry.startswith("["):
        host, bracket, port = entry[1:].partition("]")
        if not bracket or (port and not port.startswith(":")):
            return None
    elif entry.count(":") == 1:
        host, _, port = entry.partition(":")
        port = f":{port}"
    if port and not (port[1:].isascii() and port[1:].isdecimal()):
        return None
    # A zone (fe80::1%eth0) means nothing on another computer, and may be any text.
    return None if "%" in host else _address(host)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    # A socket that listens on IPv6 shows IPv4 as ::ffff:10.0.0.1.
    return getattr(address, "ipv4_mapped", None) or address
