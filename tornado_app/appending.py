"""Lines at the end of a file, which several processes may have together.  Thread: any."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path

from terminal.files import open_private


def append(path: Path, lines: bytes, *, is_kept: bool = False) -> None:
    """Write all of *lines* or nothing, and with *is_kept* onto the disk.

    Raises:
        OSError: If they could not be written.
    """
    descriptor = open_private(path, os.O_WRONLY | os.O_APPEND)
    try:
        _have_alone(descriptor)
        begun_at = os.fstat(descriptor).st_size
        if os.write(descriptor, lines) < len(lines):
            os.ftruncate(descriptor, begun_at)
            raise OSError(errno.ENOSPC, "the file system is full")
        if is_kept:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _have_alone(descriptor: int) -> None:
    """Until it is closed: what another process writes behind a piece must not be cut off with it.

    A file system that has no locks is no reason to write nothing.
    """
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
