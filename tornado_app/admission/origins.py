"""Which web pages may connect.

A browser lets any page open a WebSocket and names its origin (RFC 6454); the server chooses.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Self

DEFAULT_PORTS = {"http": 80, "https": 443}

_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>\[[0-9a-f:.]+\]|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
)

# A domain name is at most 253 characters (RFC 1035); schemes are short.
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Origin:
    """An origin in its one normal form; as a pattern, *host* may begin with ``*.``."""

    scheme: str
    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what a browser would send, or that with ``*.`` before the host, or return None."""
        if len(text) > _LONGEST or not text.isascii():
            return None
        match = _ORIGIN.fullmatch(text.lower())
        if match is None:
            return None
        scheme, host = match["scheme"], match["host"]
        if host.startswith("["):
            try:
                host = f"[{IPv6Address(host[1:-1])}]"
            except AddressValueError:
                return None
        port = int(match["port"]) if match["port"] else DEFAULT_PORTS.get(scheme)
        return None if port is not None and port > 65535 else cls(scheme, host, port)

    def covers(self, other: "Origin") -> bool:
        """Whether *other* is this origin or, of a wildcard, any number of whole labels below it."""
        if (self.scheme, self.port) != (other.scheme, other.port):
            return False
        if self.host.startswith("*."):
            return other.host.endswith(self.host[1:])
        return self.host == other.host


@dataclass(frozen=True, slots=True)
class OriginRules:
    """The origins that may connect; *everything* lets any of them (development)."""

    patterns: tuple[Origin, ...]
    everything: bool = False

    @classmethod
    def read(cls, patterns: Iterable[str], *, everything: bool = False) -> Self:
        """Read patterns as an operator writes them.

        Raises:
            ValueError: With one sentence for each pattern that cannot be used.
        """
        texts = tuple(patterns)
        if wrong := problems(texts):
            raise ValueError("\n".join(wrong))
        return cls(tuple(filter(None, map(Origin.parse, texts))), everything=everything)

    def allows(self, origin: str | None) -> bool:
        """Whether a page of this origin may connect.  None is no page but a program."""
        if origin is None or self.everything:
            return True
        parsed = Origin.parse(origin)
        if parsed is None or "*" in parsed.host:
            return False
        return any(pattern.covers(parsed) for pattern in self.patterns)


def problems(patterns: Iterable[str]) -> list[str]:
    """One sentence for each pattern that cannot be used."""
    return [sentence for pattern in patterns if (sentence := _problem(pattern))]


def _problem(pattern: str) -> str | None:
    if pattern == "null":
        return '"null" is every page that wants it: a sandboxed frame, a file; name the origins'
    if pattern == "*":
        return '"*" would let every web page in; name the origins'
    shown = f'"{pattern[:80]}"' if pattern.isprintable() else "an origin with control characters"
    origin = Origin.parse(pattern)
    if origin is None:
        return (
            f"{shown} is no origin; write https://example.com or https://*.example.com, "
            "with a port unless it is the usual one, without a path, other letters as xn--"
        )
    if origin.host.startswith("*.") and origin.host.count(".") < 2:
        return f"{shown} is too wide; name at least two labels after the *"
    return None
