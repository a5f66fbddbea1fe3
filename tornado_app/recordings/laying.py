"""When the user said what: each chunk's place in time, found from when the chunks came.  Pure.

A chunk comes some time after it was spoken, and that time changes: networks hold back, and then
give all at once.  But no chunk was spoken later than it came, and none overlaps the one before.  So
a chunk is where the least delayed of those that follow it would have it, if all were spoken without
a pause.  A pause of the client's own shows in all that follow it, and stays.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

HORIZON_MS = 20_000.0
"""So much of what follows a chunk is looked at: a client that was lost says when it is back what it
has kept, mostly 15 s of it, and clocks that differ by 500 ppm differ by 10 ms in it."""
GAP_MS = 10.0
"""A shorter pause is none: the clocks differ, and silence put into a word is heard."""


class Chunk(NamedTuple):
    end_ms: float
    """When it had been spoken, at the latest."""
    duration_ms: float
    place: int
    """Where its audio is, for whoever reads it."""


class Laid(NamedTuple):
    begin_ms: float
    chunk: Chunk


class _Low(NamedTuple):
    content_ms: float
    offset_ms: float


def lay_speech(chunks: Iterable[Chunk]) -> Iterator[Laid]:
    """Each chunk with its place; holds no more of them than `HORIZON_MS`.

    None overlaps another, and none begins before the call.
    """
    waiting: deque[tuple[float, Chunk]] = deque()
    lows: deque[_Low] = deque()
    """Offsets of what waits, each lower than all behind it: the first is the least."""
    content_ms = cursor_ms = 0.0
    for chunk in chunks:
        content_ms += chunk.duration_ms
        offset_ms = chunk.end_ms - content_ms
        while lows and lows[-1].offset_ms >= offset_ms:
            lows.pop()
        lows.append(_Low(content_ms, offset_ms))
        waiting.append((content_ms, chunk))
        while content_ms - waiting[0][0] >= HORIZON_MS:
            laid = _lay(waiting.popleft(), lows, cursor_ms)
            cursor_ms = laid.begin_ms + laid.chunk.duration_ms
            yield laid
    while waiting:
        laid = _lay(waiting.popleft(), lows, cursor_ms)
        cursor_ms = laid.begin_ms + laid.chunk.duration_ms
        yield laid


def _lay(first: tuple[float, Chunk], lows: deque[_Low], cursor_ms: float) -> Laid:
    content_ms, chunk = first
    begin_ms = lows[0].offset_ms + content_ms - chunk.duration_ms
    if lows[0].content_ms <= content_ms:
        lows.popleft()
    return Laid(begin_ms if begin_ms - cursor_ms > GAP_MS else cursor_ms, chunk)
