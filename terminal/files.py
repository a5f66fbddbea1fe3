"""Files: what a person or an operator has named, read as a whole; and what is nobody else's."""

import errno
import fcntl
import os
import time
from pathlib import Path

MOST_BYTES = 64 * 1024 * 1024
"""Far more than any of them has; a disk image, or a device that never ends, is named by mistake."""
PRIVATE = 0o600
LOCK_S = 2.0
"""A file is held while something is written; who has it for longer has been stopped with it."""
LOOKS_S = 0.005


def read_whole(path: Path) -> bytes:
    """All of it.

    Raises:
        OSError: If it cannot be read, or is too large to be what was meant.
    """
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise _refused(errno.EFBIG, path)
    return content


def open_private(path: Path, flags: int) -> int:
    """A descriptor; the file is made if it is not there, for its owner alone, whatever the umask.

    What names users, or has their words, is made so; one that is there stays as it is.

    Raises:
        OSError: If it cannot be.
    """
    return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, PRIVATE)


def have_alone(descriptor: int) -> None:
    """Among all processes, until it is closed; the kernel takes it back from those that die.

    Raises:
        TimeoutError: If another process has had it for `LOCK_S`.
        OSError: If the file system has no locks.
    """
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                held = "another process does not let go of the file"
                raise TimeoutError(errno.ETIMEDOUT, held) from None
            time.sleep(LOOKS_S)
        else:
            return


def check_writable(directory: Path) -> None:
    """Whether files can be made in it, which is only looked at.

    Raises:
        OSError: If not, with the system's reason.
    """
    if not directory.is_dir():
        raise _refused(errno.ENOTDIR, directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        is_read_only = os.statvfs(directory).f_flag & os.ST_RDONLY
        raise _refused(errno.EROFS if is_read_only else errno.EACCES, directory)


def _refused(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
