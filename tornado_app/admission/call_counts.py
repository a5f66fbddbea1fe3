"""How many calls each process of a gateway has: the next goes to the one that has fewest."""

import asyncio
import os
import struct
import time
from collections.abc import Callable

GONE = 2**31 - 1
"""The number of a process that takes nobody: it leaves, or does not listen yet."""
SENT_S = 1.0
"""For so long those that were sent to a process count as its calls, if it says nothing itself."""
BEAT_S = 1.0
"""A process that runs says so as often."""
SILENT_S = 3.0
"""One that has not said so for longer hangs, and takes nobody until it does again."""
_ROW = struct.Struct("=diid")
_OWN = struct.Struct("=di")
_SENT = struct.Struct("=id")


class CallCounts:
    """A row for each process, in a file that all of them have.  Thread: loop.

    It has when its process has said last that it runs, and how many calls it has; then how many
    were sent there since, and until when those count: of a crowd that comes at once, nobody goes
    where the one before went, and those who are refused are forgotten.  Others write the latter
    alone; of two that do at once one may be lost, for as long as those count.
    """

    def __init__(
        self, file: int, index: int, processes: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """*file* is a descriptor, open to read and write; *index* is the number of this process.

        *clock* is one that all processes of a computer have together.
        """
        self._file = file
        self._index = index
        self._processes = processes
        self._clock = clock
        self._is_leaving = False
        self._calls = GONE

    def tell(self, calls: int) -> None:
        """So many are here now."""
        if not self._is_leaving:
            self._calls = calls
            _write(self._file, self._index, calls, self._clock())

    def beat(self) -> None:
        """Say that this process runs, with as many calls as it has told."""
        if not self._is_leaving:
            own = _OWN.pack(self._clock(), self._calls)
            os.pwrite(self._file, own, self._index * _ROW.size)

    async def keep_beating(self) -> None:
        """Until it is cancelled; a loop that hangs does not."""
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def leave(self) -> None:
        """Nobody is to be sent here any more."""
        self._is_leaving = True
        _write(self._file, self._index, GONE, self._clock())

    def choose(self) -> int:
        """The number of the process for the next call: this one, unless another has fewer."""
        now, rows = self._clock(), self._read()
        counts = [
            calls + (sent if now < until else 0)
            if index == self._index or now - said_at <= SILENT_S
            else GONE
            for index, (said_at, calls, sent, until) in enumerate(rows)
        ]
        least = min(counts)
        if least >= GONE:
            return self._index
        chosen = self._index if counts[self._index] == least else counts.index(least)
        _, _, sent, until = rows[chosen]
        if now >= until:
            sent, until = 0, now + SENT_S
        row_at = chosen * _ROW.size
        os.pwrite(self._file, _SENT.pack(sent + 1, until), row_at + _OWN.size)
        return chosen

    def has_died(self, index: int) -> bool:
        """Process *index* runs no more, or not yet: none of its calls can be gone on with.

        One that hangs, or leaves, has its calls.
        """
        return self._read()[index][0] == 0.0

    def elsewhere(self) -> int:
        """How many calls the other processes have that run and take some."""
        now = self._clock()
        return sum(
            calls
            for index, (said_at, calls, _, _) in enumerate(self._read())
            if index != self._index and calls < GONE and now - said_at <= SILENT_S
        )

    def _read(self) -> list[tuple[float, int, int, float]]:
        text = os.pread(self._file, self._processes * _ROW.size, 0)
        found = [*_ROW.iter_unpack(text[: len(text) // _ROW.size * _ROW.size])]
        return found + [(0.0, GONE, 0, 0.0)] * (self._processes - len(found))


def mark_gone(file: int, index: int) -> None:
    """Of another, too: one that has died cannot say so."""
    _write(file, index, GONE, 0.0)


def _write(file: int, index: int, calls: int, said_at: float) -> None:
    os.pwrite(file, _ROW.pack(said_at, calls, 0, 0.0), index * _ROW.size)
