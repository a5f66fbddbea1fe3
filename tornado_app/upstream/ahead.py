"""What a link has read while nobody takes it: behind it may be a ping, which wants its pong."""

from collections import deque


class Ahead:
    """Messages in the order in which they came.  Thread: the link's; `allow`, the loop's.

    Of `held_bytes` and of what is allowed each has one writer: no lock.
    """

    __slots__ = ("_allowed_bytes", "_frames", "_most_bytes", "held_bytes")

    def __init__(self, most_bytes: int) -> None:
        """*most_bytes*: no more is kept, whatever is allowed, than that and one message."""
        self._most_bytes = most_bytes
        self._allowed_bytes = 0
        self._frames: deque[tuple[int, bytes, int]] = deque()
        self.held_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._frames)

    @property
    def has_room(self) -> bool:
        """More may be read."""
        return self.held_bytes < self._allowed_bytes

    def allow(self, size_bytes: int) -> bool:
        """So much may be kept from now on; whether that is more than before.  Thread: loop."""
        before, self._allowed_bytes = self._allowed_bytes, min(size_bytes, self._most_bytes)
        return self._allowed_bytes > before

    def keep(self, opcode: int, data: bytes, size_bytes: int) -> None:
        """One message, which takes *size_bytes*."""
        self._frames.append((opcode, data, size_bytes))
        self.held_bytes += size_bytes

    def take(self) -> tuple[int, bytes]:
        """The first of them."""
        opcode, data, size_bytes = self._frames.popleft()
        self.held_bytes -= size_bytes
        return opcode, data
