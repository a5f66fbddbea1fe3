"""How much of what waits for the model's socket is audio.

Orders lie there in the order in which they were let go.  So where a large one lies is said by how
much audio was let go before it, which is counted anyway.
"""

from collections import deque

from tornado_app.session.ledger.speech import UPSTREAM_BYTES_PER_MS

SMALL_BYTES = 512
"""Nobody misses 8 ms of audio that are none."""


class Unsent:
    """Of one link.  Positions as of `SpeechKept`.  Thread: loop."""

    __slots__ = ("_others", "bytes_per_ms")

    def __init__(self) -> None:
        self.bytes_per_ms = UPSTREAM_BYTES_PER_MS
        """Of audio, in base64."""
        self._others: deque[tuple[float, int]] = deque()
        """Where each lies that is no audio, and how large it is."""

    def note(self, size_bytes: int, position_ms: float) -> None:
        """Another order was let go, behind so much audio."""
        if size_bytes > SMALL_BYTES:
            self._others.append((position_ms, size_bytes))

    def audio_ms(self, unsent_bytes: int, end_ms: float) -> float:
        """How much audio *unsent_bytes* are, if *end_ms* of it was let go in all: what is left when
        the others are taken off, with the frames around it.
        """
        audio_bytes, left_bytes = 0.0, float(unsent_bytes)
        for at, (position_ms, size_bytes) in enumerate(reversed(self._others)):
            behind_bytes = (end_ms - position_ms) * self.bytes_per_ms
            if left_bytes <= behind_bytes:
                self._forget(at)
                break
            audio_bytes += behind_bytes
            left_bytes = max(0.0, left_bytes - behind_bytes - size_bytes)
            end_ms = position_ms
        return (audio_bytes + left_bytes) / self.bytes_per_ms

    def clear(self) -> None:
        """The link is another."""
        self._others.clear()

    def _forget(self, kept: int) -> None:
        """All but the last *kept* have left."""
        for _ in range(len(self._others) - kept):
            self._others.popleft()
