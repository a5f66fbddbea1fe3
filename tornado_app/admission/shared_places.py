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
"""More than any limit may be, and what is behind it.  All of them are looked at: of one limit
callers may have different numbers, by their plans, or since the operator has written another."""
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
        return self._count(_first_byte(seat))

    def admit(self, lease: Lease, *, takes_over: bool = False) -> Refusal | None:
        """As `Places.admit`."""
        taken: list[Seat] = []
        for seat in lease.seats:
            is_one_more = takes_over and not seat.is_new
            if not self._take(_first_byte(seat), seat.allowed, takes_over=is_one_more):
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
        """One byte of the *limit* from *first* on, or, to take over, of those behind.

        While nobody has one behind, that is all: there are no more bytes than the limit.  Otherwise
        all are counted, with the byte that was taken: of two who come at once one sees the other.
        """
        most = limit + SPARE if takes_over else limit
        held, bound = self._held.get(first, []), first + most
        own_end = held[-1] + 1 if held else first
        byte = self._lock_one(own_end, bound, held)
        if byte is None:
            byte = self._lock_one(first, min(own_end, bound), held)
        if byte is None:
            return False
        insort(self._held.setdefault(first, held), byte)
        is_alone = own_end <= bound and self._other(bound, first + LIMIT_BYTES) is None
        if is_alone or self._count(first, most) <= most:
            return True
        self._give_back(first, byte)
        return False

    def _count(self, first: int, enough: int = LIMIT_BYTES) -> int:
        """How many bytes from *first* on are held; no further than to more than *enough*."""
        used = len(self._held.get(first, ()))
        ranges = [(first, first + LIMIT_BYTES)]
        while ranges and used <= enough:
            byte, end = ranges.pop()
            if (other := self._other(byte, end)) is not None:
                begins, ends = max(other[0], byte), min(other[1], end)
                used += ends - begins
                ranges += [(ends, end), (byte, begins)]
        return used

    def _lock_one(self, byte: int, end: int, held: list[int]) -> int | None:
        """The first from *byte* on that nobody has; *held* are those of this process."""
        place = bisect_left(held, byte)
        while byte < end:
            if place < len(held) and held[place] == byte:
                byte, place = byte + 1, place + 1
            elif self._lock(byte):
                return byte
            elif (other := self._other(byte, byte + 1)) is not None:
                byte = other[1]
                place = bisect_left(held, byte)
        return None

    def _give_back(self, first: int, byte: int | None = None) -> None:
        """That *byte*, or the last: so what is beyond a limit goes first."""
        held = self._held[first]
        byte = held.pop() if byte is None else held.pop(bisect_left(held, byte))
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

    def _other(self, byte: int, end: int) -> tuple[int, int] | None:
        """Some bytes that another process has, of those from *byte* up to *end*: from, and up to.

        They may go on before and behind; of several the kernel names any, and not the first.
        """
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
