"""What a handler plays."""

from typing import Protocol

from local_realtime.session.outbox import Output


class Playable(Protocol):
    """A session, or a script in its place."""

    id: str

    @property
    def due(self) -> float: ...

    @property
    def has_unheard(self) -> bool: ...

    def open(self) -> list[Output]: ...

    def handle(self, frame: str | bytes, now: float) -> list[Output]: ...

    def listen(self, now: float) -> list[Output]: ...

    def tick(self, now: float) -> list[Output]: ...

    def failed(self) -> list[Output]: ...
