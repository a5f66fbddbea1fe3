"""Where a link is to be dialled, and what it may take."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Dial:
    """Where to connect, and the limits of the link."""

    url: str = field(repr=False)
    """May carry a key in its query, as Azure's does."""
    headers: tuple[str, ...] = field(repr=False)
    """Whole lines, ``Name: value``; the key is in one of them."""
    connect_timeout_s: float
    """For all of the dial: every address, proxy, TLS and the handshake."""
    write_timeout_s: float
    """How long unsent bytes may wait without any going out."""
    ping_interval_s: float
    read_timeout_s: float
    """How long the peer may say nothing, not even a pong; well over `ping_interval_s`."""
    outbox_bytes: int
    message_bytes: int = 16 << 20
    inbox_bytes: int = 8 << 20
    """How much may be posted and not yet `Link.consumed` before the thread stops reading."""
    ca_file: str | None = None
    """Certificates to trust instead of the system's."""

    def __post_init__(self) -> None:
        if any(mark in line for line in self.headers for mark in "\r\n"):
            raise ValueError("a header must not contain a line break")
