"""A FLAC file with the user left and the model right, out of a spool.

Nothing is held but a block: where each piece of audio lies in the spool is known, and it is read
when its time comes.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from io import RawIOBase
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tornado_app.recordings.hearing import Clip
from tornado_app.recordings.laying import Laid
from tornado_app.recordings.spool import MODEL_BYTES_PER_MS

RATE_HZ = 24_000
BLOCK_BYTES = MODEL_BYTES_PER_MS * 4000
SAMPLE_BYTES = 2
LEAST_MS = 10.0


class Stopped(Exception):
    """The process ends: the spool stays, and is finished when there is one again."""


class Stretch(NamedTuple):
    """Audio in the spool, and where on its side of the recording it begins."""

    begin: int
    place: int
    size_bytes: int


class Index:
    """Where in the spool the sound of each item is."""

    def __init__(self) -> None:
        self._items: dict[str, tuple[list[int], list[int]]] = {}
        """For each piece where in the item it ends, and where it ends in the spool; in bytes."""

    def add(self, item_id: str, place: int, size_bytes: int) -> None:
        ends, places = self._items.setdefault(item_id, ([], []))
        ends.append((ends[-1] if ends else 0) + size_bytes)
        places.append(place + size_bytes)

    def find(self, item_id: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Places and sizes of what lies between two bytes of the item, as far as it is there."""
        ends, places = self._items.get(item_id, ([], []))
        number = bisect_right(ends, begin)
        while begin < end and number < len(ends):
            stop = min(end, ends[number])
            yield places[number] - (ends[number] - begin), stop - begin
            begin, number = stop, number + 1


def speech_stretches(laid: Iterable[Laid]) -> Iterator[Stretch]:
    for begin_ms, chunk in laid:
        size_bytes = SAMPLE_BYTES * round(chunk.duration_ms * RATE_HZ / 1000)
        yield Stretch(_byte(begin_ms), chunk.place, size_bytes)


def answer_stretches(clips: Sequence[Clip], index: Index) -> Iterator[Stretch]:
    for clip in clips:
        begin, offset = _byte(clip.begin_ms), _byte(clip.offset_ms)
        end = offset + _byte(clip.begin_ms + clip.duration_ms) - begin
        for place, size_bytes in index.find(clip.item_id, offset, end):
            yield Stretch(begin, place, size_bytes)
            begin += size_bytes


class Side:
    """One side of the recording, read from the front; silence where there is nothing."""

    def __init__(self, stretches: Iterator[Stretch], spool: BinaryIO) -> None:
        self._stretches = stretches
        self._spool = spool
        self._at = 0
        self._next = next(stretches, None)

    @property
    def has_more(self) -> bool:
        return self._next is not None

    def take(self, size_bytes: int) -> bytearray:
        block, end = bytearray(size_bytes), self._at + size_bytes
        while self._next is not None and self._next.begin < end:
            begin, place, left = self._next
            skipped = max(0, self._at - begin)  # rounding may have two meet in a sample
            count = min(left, end - begin) - skipped
            if count > 0:
                self._spool.seek(place + skipped)
                first = begin + skipped - self._at
                block[first : first + count] = self._spool.read(count)
            if begin + left > end:
                done = end - begin
                self._next = Stretch(end, place + done, left - done)
            else:
                self._next = next(self._stretches, None)
        self._at = end
        return block


class _Checked:
    """A file whose errors are kept: libsndfile asks through C, where an exception is lost."""

    def __init__(self, file: RawIOBase) -> None:
        self.error: OSError | None = None
        self.seek, self.tell = self._checked(file.seek), self._checked(file.tell)
        self.readinto = self._checked(file.readinto)
        self._write_all = self._checked(partial(write_all, file))

    def write(self, data: bytes) -> int:
        self._write_all(data)
        return len(data)

    def _checked(self, do: Callable[..., int | None]) -> Callable[..., int]:
        def checked(*arguments: Any) -> int:
            try:
                return do(*arguments) or 0
            except OSError as error:
                self.error = self.error or error
                return 0

        return checked


def write_all(file: RawIOBase, data: bytes) -> None:
    """Raises OSError where the system takes no more."""
    view = memoryview(data)
    while view:
        view = view[file.write(view) or 0 :]


def write_flac(
    file: RawIOBase, user: Side, model: Side, least_ms: float, stopped: Callable[[], bool]
) -> float:
    """Write both sides, for at least so long; return how long they are, in ms.

    Raises:
        OSError: If the file cannot be written.
        Stopped: If *stopped* says so meanwhile.
    """
    import soundfile  # noqa: PLC0415  for those alone who record

    # Of nothing at all libsndfile makes a file that it does not read itself.
    checked, done, least_bytes = _Checked(file), 0, _byte(max(least_ms, LEAST_MS))
    with soundfile.SoundFile(checked, "w", RATE_HZ, 2, "PCM_16", format="FLAC") as out:
        while user.has_more or model.has_more or done < least_bytes:
            if stopped():
                raise Stopped
            more = user.has_more or model.has_more
            size_bytes = BLOCK_BYTES if more else min(BLOCK_BYTES, least_bytes - done)
            sides = [np.frombuffer(side.take(size_bytes), "<i2") for side in (user, model)]
            if not (user.has_more or model.has_more):
                sides = [_until(side, max(0, least_bytes - done)) for side in sides]
                size = max(map(len, sides))
                sides = [np.pad(side, (0, size - len(side))) for side in sides]
            out.write(np.column_stack(sides))
            if checked.error is not None:
                raise checked.error
            done += SAMPLE_BYTES * len(sides[0])
    if checked.error is not None:
        raise checked.error
    return done / MODEL_BYTES_PER_MS


def _until(side: np.ndarray, least_bytes: int) -> np.ndarray:
    """*side* without the silence behind *least_bytes*, which was only there to fill a block."""
    sounds = np.flatnonzero(side)
    end = max(least_bytes // SAMPLE_BYTES, sounds[-1] + 1 if len(sounds) else 0)
    return side[:end]


def _byte(ms: float) -> int:
    return SAMPLE_BYTES * round(ms * RATE_HZ / 1000)
