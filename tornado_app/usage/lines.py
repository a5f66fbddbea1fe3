"""Records as lines of JSON, in a file that is renamed when it is large.

Thread: the keeper's.
"""

import os
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tornado_app.appending import append
from tornado_app.usage.record import Record

RENAMED = r"[0-9]{8}T[0-9]{12}Z-[0-9]+"
"""When, and by which process."""


class UsageLines:
    """``usage.jsonl`` becomes ``usage-20261201T093000Z-1234.jsonl``; raises OSError where it cannot
    be written.
    """

    def __init__(self, path: Path, most_bytes: int) -> None:
        self._path = path
        self._most_bytes = most_bytes

    def write(self, records: Sequence[Record]) -> None:
        """All of them, or none."""
        text = b"".join(msgspec.json.encode(record) + b"\n" for record in records)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._rotate_if(len(text))
        append(self._path, text)

    def sweep(self, before_unix_ms: int) -> bool:
        """Delete files of lines that were written to last before that; False: all of them.

        One that cannot be deleted keeps no other.
        """
        wrong: OSError | None = None
        for path in filter(self._is_renamed, self._path.parent.iterdir()):
            try:
                if path.stat().st_mtime * 1000 < before_unix_ms:
                    path.unlink()
            except FileNotFoundError:
                continue  # another process deletes them as well
            except OSError as error:
                wrong = error
        if wrong is not None:
            raise wrong
        return False

    def close(self) -> None:
        """Nothing stays open."""

    def _is_renamed(self, path: Path) -> bool:
        """Whether it is one of lines that is written no more."""
        begin, end = re.escape(self._path.stem), re.escape(self._path.suffix)
        return re.fullmatch(rf"{begin}-{RENAMED}{end}", path.name) is not None

    def _rotate_if(self, more_bytes: int) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return
        size = found.st_size if stat.S_ISREG(found.st_mode) else 0
        if size and size + more_bytes > self._most_bytes:
            now = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
            name = f"{self._path.stem}-{now}-{os.getpid()}{self._path.suffix}"
            with suppress(FileNotFoundError):  # another process has
                self._path.rename(self._path.with_name(name))
