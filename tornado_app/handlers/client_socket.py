"""A client's WebSocket, as its connection uses it."""

from collections.abc import Callable
from typing import Protocol

from tornado_app.client_side.writer import ClientWriter
from tornado_app.protocol.close import Close


class Reader(Protocol):
    """What it needs of a `StrictWebSocketProtocol`, which says what each is."""

    @property
    def was_lost(self) -> bool: ...

    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


class ClientSocket:
    """What a `Connection` may do to its client.  Thread: loop."""

    __slots__ = ("_on_replaced", "_protocol", "_writer")

    def __init__(
        self,
        protocol: Reader,
        writer: ClientWriter,
        on_replaced: Callable[[], None],
    ) -> None:
        self._protocol = protocol
        self._writer = writer
        self._on_replaced = on_replaced

    @property
    def was_lost(self) -> bool:
        """It is closed, and nobody had closed it."""
        return self._protocol.was_lost

    @property
    def is_full(self) -> bool:
        return self._writer.is_full

    @property
    def queued_bytes(self) -> int:
        return self._writer.queued_bytes

    def send(self, payload: bytes, *, binary: bool = False, urgent: bool = True) -> None:
        self._writer.send(payload, binary=binary, urgent=urgent)

    def ping(self) -> None:
        self._writer.ping()

    def pause(self) -> None:
        self._protocol.pause_reading()

    def resume(self) -> None:
        self._protocol.resume_reading()

    def replace(self, close: Close) -> None:
        self._on_replaced()
        self.close(close)

    def close(self, close: Close) -> None:
        self._writer.close(close.code, close.reason)
