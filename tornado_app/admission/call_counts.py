"""How many calls each process of a gateway has: the next goes to the one that has fewest."""

import os
import struct
import time
from collections.abc import Callable

GONE = 2**31 - 1
"""The number of a process that takes nobody: it leaves, or does not listen yet."""
SENT_S = 1.0
"""For so long those that were sent to a process count as its calls, if it says nothing itself."""
_ROW = struct.Struct("=iid")


class CallCounts:
    """A row for each process, in a file that all of them have.  Thread: loop.

    It has the number that its process has said last, how many were sent there since, and until when
    those count: of a crowd that comes at once, nobody goes where the one before went, and those who
    are refused are forgotten.  Of two processes that write at once one may be lost, which the next
    call that begins or ends there puts right.
    """

    def __init__(
        self, file: int, index: int, processes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """*file* is a descriptor, open to read and write; *index* is the number of this process.

        *clock* is one that all processes have.
        """
        self._file = file
        self._index = index
        self._processes = processes
        self._clock = clock
        self._is_leaving = False

    def tell(self, calls: int) -> None:
        """So many are here now."""
        if not self._is_leaving:
            _write(self._file, self._index, calls)

    def leave(self) -> None:
        """Nobody is to be sent here any more."""
        self._is_leaving = True
        mark_gone(self._file, self._index)

    def choose(self) -> int:
        """The number of the process for the next call: this one, unless another has fewer."""
        now, rows = self._clock(), self._read()
        counts = [calls + (sent if now < until else 0) for calls, sent, until in rows]
        least = min(counts)
        if least >= GONE:
            return self._index
        chosen = self._index if counts[self._index] == least else counts.index(least)
        calls, sent, until = rows[chosen]
        if now >= until:
            sent, until = 0, now + SENT_S
        _write(self._file, chosen, calls, sent + 1, until)
        return chosen

    def _read(self) -> list[tuple[int, int, float]]:
        text = os.pread(self._file, self._processes * _ROW.size, 0)
        found = [*_ROW.iter_unpack(text[: len(text) // _ROW.size * _ROW.size])]
        return found + [(GONE, 0, 0.0)] * (self._processes - len(found))


def mark_gone(file: int, index: int) -> None:
    """Of another, too: one that has died cannot say so."""
    _write(file, index, GONE)


def _write(file: int, index: int, calls: int, sent: int = 0, until: float = 0.0) -> None:
    os.pwrite(file, _ROW.pack(calls, sent, until), index * _ROW.size)
