"""What anybody may do to a client."""

from typing import Protocol

from tornado_app.protocol.close import Close


class Client(Protocol):
    """The client's WebSocket, as a connection uses it."""

    @property
    def is_full(self) -> bool:
        """It has much to read; `Connection.on_client_room` will tell when that is over."""

    @property
    def queued_bytes(self) -> int:
        """What it has not read."""

    def send(self, payload: bytes, *, binary: bool = False, urgent: bool = True) -> None: ...

    def ping(self) -> None: ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def close(self, close: Close) -> None: ...

    def replace(self, close: Close) -> None:
        """Close it, and hear no more of it: the session goes on with another WebSocket."""
