"""Records as lines of JSON, in a file that is renamed when it is large or its day is over.

Thread: the keeper's.
"""

import errno
import os
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tornado_app.usage.record import Record


class UsageLines:
    """``usage.jsonl`` becomes ``usage-20261201T093000Z-1234.jsonl``; raises OSError where it cannot
    be written.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most_bytes = most_bytes

    def write(self, records: Sequence[Record]) -> None:
        """In one write, so that processes that share the file do not mix their lines."""
        text = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rotate_if(len(text))
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self._path, flags, 0o600)
        try:
            begun_at = os.fstat(descriptor).st_size
            if os.write(descriptor, text) < len(text):  # the disk is full
                os.ftruncate(descriptor, begun_at)
                raise OSError(errno.ENOSPC, "the file system is full")
        finally:
            os.close(descriptor)

    def sweep(self, before_unix_ms: int) -> bool:
        """Delete files of lines that were written to last before that; False: all of them."""
        for path in self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}"):
            if path.stat().st_mtime * 1000 < before_unix_ms:
                path.unlink(missing_ok=True)
        return False

    def close(self) -> None:
        """Nothing stays open."""

    def _rotate_if(self, more_bytes: int) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return
        size = found.st_size if stat.S_ISREG(found.st_mode) else 0
        if size and size + more_bytes > self._most_bytes:
            now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
            name = f"{self._path.stem}-{now}-{os.getpid()}{self._path.suffix}"
            self._path.rename(self._path.with_name(name))
