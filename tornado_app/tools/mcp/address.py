"""Where an MCP server is, and what it has said: values that both threads may hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from msgspec import Struct


@dataclass(frozen=True)
class Address:
    """How a server is asked."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    signing_key: bytes = field(repr=False)
    """Empty: requests are not signed."""
    result_bytes: int
    """The longest result that the model is told."""
    uses_environment: bool = False
    """Proxies and certificates of HTTPS_PROXY, SSL_CERT_FILE and such."""


class ListedTool(Struct, frozen=True):
    """One tool as a server lists it."""

    name: str
    description: str
    parameters: dict[str, Any]
    """A JSON Schema, of whatever quality."""


class Listed(Struct, frozen=True):
    """The server is there, and has these tools of those that were asked for."""

    tools: tuple[ListedTool, ...]


class Away(Struct, frozen=True):
    """The server cannot be asked."""

    reason: str
    """A word for the log."""
