"""Lines at the end of a file, which several processes may have together.  Thread: any."""

import contextlib
import errno
import os
import stat
from pathlib import Path

from terminal.files import have_alone, open_private


def append(path: Path, lines: bytes, *, is_kept: bool = False) -> None:
    """Write all of *lines* or nothing, behind whole lines, and with *is_kept* onto the disk.

    Raises:
        OSError: If they could not be written.
    """
    descriptor = open_private(path, os.O_WRONLY | os.O_APPEND)
    try:
        _begin(descriptor)
        found = os.fstat(descriptor)
        begun_at = found.st_size
        if lines and stat.S_ISREG(found.st_mode) and _is_torn(path, begun_at):
            lines = b"\n" + lines
        if os.write(descriptor, lines) < len(lines):
            os.ftruncate(descriptor, begun_at)
            raise OSError(errno.ENOSPC, "the file system is full")
        if is_kept:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_torn(path: Path, size: int) -> bool:
    """Whether the last line has no end: who wrote it was killed.

    A file that may not be read is no reason to write nothing.
    """
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, size - 1))
        return file.read(1) not in {b"", b"\n"}
    return False


def _begin(descriptor: int) -> None:
    """Until it is closed: what others write behind a piece must not be cut off with it."""
    try:
        have_alone(descriptor)
    except TimeoutError:
        raise
    except OSError:
        return  # a file system that has no locks is no reason to write nothing
