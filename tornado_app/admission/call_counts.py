"""How many calls each process of a gateway has: the next goes to the one that has fewest."""

import os
import struct

GONE = 2**31 - 1
"""The number of a process that takes nobody: it leaves, or does not listen yet."""
_COUNT = struct.Struct("=i")


class CallCounts:
    """A number for each process, in a file that all of them have.  Thread: loop.

    It is what that process has said last, and one more for each that was sent there since: of a
    crowd that comes at once, nobody goes where the one before went.  Of two processes that write at
    once one may be lost; the next call that begins or ends there puts that right.
    """

    def __init__(self, file: int, index: int, processes: int) -> None:
        """*file* is a descriptor, open to read and write; *index* is the number of this process."""
        self._file = file
        self._index = index
        self._processes = processes
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
        counts = self._read()
        least = min(counts)
        if least == GONE:
            return self._index
        chosen = self._index if counts[self._index] == least else counts.index(least)
        _write(self._file, chosen, least + 1)
        return chosen

    def _read(self) -> list[int]:
        text = os.pread(self._file, self._processes * _COUNT.size, 0)
        found = [number for (number,) in _COUNT.iter_unpack(text)]
        return found + [GONE] * (self._processes - len(found))


def mark_gone(file: int, index: int) -> None:
    """Of another, too: one that has died cannot say so."""
    _write(file, index, GONE)


def _write(file: int, index: int, number: int) -> None:
    os.pwrite(file, _COUNT.pack(number), index * _COUNT.size)
