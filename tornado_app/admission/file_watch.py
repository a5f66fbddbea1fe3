"""Files that may change while the gateway runs, read again by a thread when they do."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from terminal.files import read_whole

LOOK_S = 0.25
SETTLED_S = 1.0
"""Of a file that was written less long ago, two states may have one time (a tick is some ms)."""
JOIN_S = 5.0

Stamp = tuple[int, int, int] | None
"""Time of the last change, size and number of a file; None: it is not there."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that cannot be used now; what was read of it before goes on to count."""

    reason: str


@dataclass(slots=True)
class _Watched:
    path: Path
    read: Callable[[bytes], Any]
    tell: Callable[[Any], None]
    stamp: Stamp
    told: Any
    seen_at: float
    """When it was last read, or was as it had been read."""


class FileWatch:
    """Looks at all its files every `LOOK_S`.  Thread: the gateway's loop."""

    def __init__(self, post: Callable[..., None]) -> None:
        """*post* is safe from any thread."""
        self._post_threadsafe = post
        self._files: list[_Watched] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._turn, name="file-watch", daemon=True)

    def add(
        self, path: Path, read: Callable[[bytes], Any], tell: Callable[[Any], None], known: Any
    ) -> None:
        """Before `start`: *tell* gets what *read* makes of a content that is not as *known*.

        *read* is called in the thread and may raise ValueError with a reason; *tell* is called on
        the loop, and gets an `Unreadable` then, once.
        """
        self._files.append(_Watched(path, read, tell, None, known, time.monotonic()))

    def start(self) -> None:
        if self._files:
            self._thread.start()

    def age_s(self, path: Path) -> float | None:
        """How long ago that file was last seen to be as it was read; None: it is not watched.

        Thread: any.
        """
        seen_at = [file.seen_at for file in self._files if file.path == path]
        return time.monotonic() - seen_at[0] if seen_at else None

    async def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            await asyncio.get_running_loop().run_in_executor(None, self._thread.join, JOIN_S)

    def _turn(self) -> None:
        """Thread: its own."""
        while not self._ended.is_set():
            for file in self._files:
                self._look(file)
            self._ended.wait(LOOK_S)

    def _look(self, file: _Watched) -> None:
        try:
            status = file.path.stat()
            stamp: Stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            age_s = time.time() - status.st_mtime  # noqa: TID251  files have the wall clock's
        except OSError:
            stamp, age_s = None, 0.0
        if stamp == file.stamp and not 0 <= age_s < SETTLED_S:
            if not isinstance(file.told, Unreadable):
                file.seen_at = time.monotonic()
            return
        file.stamp = stamp
        found = self._found(file)
        if not isinstance(found, Unreadable):
            file.seen_at = time.monotonic()
        if found != file.told:
            file.told = found
            self._post_threadsafe(file.tell, found)

    @staticmethod
    def _found(file: _Watched) -> Any:
        try:
            return file.read(read_whole(file.path))
        except OSError as error:
            return Unreadable(error.strerror or type(error).__name__)
        except ValueError as error:
            return Unreadable(str(error))
