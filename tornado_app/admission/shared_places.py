"""Who is connected, counted over all processes of one computer that share a file."""

import errno
import fcntl
import hashlib
import os
import struct
import sys
from bisect import bisect_left, insort
from collections.abc import Callable
from functools import partial

from tornado_app.admission.counting import Lease, Refusal, Seat

# A place is a lock on one byte of a file that has none; the kernel takes it back with its process,
# however that ends, and nobody ever waits for one.  The bytes of a limit, and of a user or an
# address under it, begin where a hash says.
SPARE = 1024
"""Bytes behind a limit, for calls that take the place of another for a moment."""
LIMIT_BYTES = 1 << 21
"""More than any limit may be."""
OTHERS_FROM = 1 << 40
HASH_BYTES = 5

# struct flock of the two systems (fcntl(2)): type, whence, start, length, process.
_IS_LINUX = sys.platform == "linux"
_FLOCK = "hh4xqqi4x" if _IS_LINUX else "qqihh"


class SharedPlaces:
    """As `PlacesHere`, among processes.  Thread: loop; each call takes some microseconds.

    A process that has the file open twice loses its locks with the first that it closes.
    """

    def __init__(
        self,
        file: int,
        later: Callable[[float, Callable[[], None]], object],
        tell: Callable[[int], None] = lambda _here: None,
    ) -> None:
        """*file* is a descriptor, open to write, of a file that nobody locks but these.

        *later* calls a function after so many seconds, as a loop does; *tell* hears how many this
        process has, whenever that has changed.
        """
        self._file = file
        self._later = later
        self._tell = tell
        self._leases: set[Lease] = set()
        self._held: dict[int, list[int]] = {}
        """In order, by the byte where they begin."""

    @property
    def here(self) -> int:
        """How many this process has."""
        return len(self._leases)

    def used(self, seat: Seat) -> int:
        byte = first = _first_byte(seat)
        end, used = first + seat.allowed + SPARE, len(self._held.get(first, ()))
        while (other := self._next(byte, end)) is not None:
            used += min(other[1], end) - max(other[0], byte)
            byte = other[1]
        return used

    def admit(self, lease: Lease, *, takes_over: bool = False) -> Refusal | None:
        """As `Places.admit`."""
        taken: list[Seat] = []
        for seat in lease.seats:
            if not self._take(_first_byte(seat), seat.allowed, takes_over=takes_over):
                for each in taken:
                    self._give_back(_first_byte(each))
                return Refusal.of(seat, self.used(seat))
            taken.append(seat)
        for seat in taken:
            if seat.lasts_s is not None:
                self._later(seat.lasts_s, partial(self._give_back, _first_byte(seat)))
        self._leases.add(lease)
        self._tell(self.here)
        return None

    def release(self, lease: Lease) -> None:
        """As `Places.release`."""
        self._leases.remove(lease)
        for seat in lease.kept:
            self._give_back(_first_byte(seat))
        self._tell(self.here)

    def _take(self, first: int, limit: int, *, takes_over: bool) -> bool:
        """One byte of the *limit* from *first* on, or, to take over, of those behind."""
        held = self._held.get(first, [])
        bound, beyond = first + limit, first + limit + SPARE
        own_end = held[-1] + 1 if held else first
        is_crowded = own_end > bound or self._next(bound, beyond) is not None
        if is_crowded and not takes_over:
            return False
        end = beyond if takes_over else bound
        byte = self._lock_one(own_end, end, held)
        if byte is None:
            byte = self._lock_one(first, min(own_end, end), held)
        if byte is None:
            return False
        insort(self._held.setdefault(first, held), byte)
        return True

    def _lock_one(self, byte: int, end: int, held: list[int]) -> int | None:
        """The first from *byte* on that nobody has; *held* are those of this process."""
        place = bisect_left(held, byte)
        while byte < end:
            if place < len(held) and held[place] == byte:
                byte, place = byte + 1, place + 1
            elif self._lock(byte):
                return byte
            else:
                other = self._next(byte, end)
                byte = byte if other is None else other[1]
                place = bisect_left(held, byte)
        return None

    def _give_back(self, first: int) -> None:
        """The last: so what is beyond a limit goes first."""
        held = self._held[first]
        byte = held.pop()
        if not held:
            del self._held[first]
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, byte)

    def _lock(self, byte: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.EACCES}:
                return False
            raise
        return True

    def _next(self, byte: int, end: int) -> tuple[int, int] | None:
        """The first bytes that another process has from *byte* on: from, and up to."""
        if byte >= end:
            return None
        found = fcntl.fcntl(self._file, fcntl.F_GETLK, _flock(byte, end - byte))
        kind, start, length = _read_flock(found)
        return None if kind == fcntl.F_UNLCK else (start, start + length)


def new_file() -> int:
    """A descriptor of a file without a name, to be inherited by those who are to share it."""
    if hasattr(os, "memfd_create"):  # the file system may be read-only, as the image's is
        number = os.memfd_create("parley-places")
    else:
        import tempfile  # noqa: PLC0415  by the parent alone

        with tempfile.TemporaryFile() as file:
            number = os.dup(file.fileno())
    os.set_inheritable(number, True)
    return number


def _first_byte(seat: Seat) -> int:
    if not seat.whose and seat.limit == "connections":
        return 0
    text = f"{seat.limit} {seat.whose}".encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=HASH_BYTES)
    return OTHERS_FROM + int.from_bytes(digest.digest()) * LIMIT_BYTES


def _flock(start: int, length: int) -> bytes:
    if _IS_LINUX:
        return struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, start, length, 0)
    return struct.pack(_FLOCK, start, length, 0, fcntl.F_WRLCK, os.SEEK_SET)


def _read_flock(text: bytes) -> tuple[int, int, int]:
    values = struct.unpack(_FLOCK, text)
    return (values[0], values[2], values[3]) if _IS_LINUX else (values[3], values[0], values[1])
