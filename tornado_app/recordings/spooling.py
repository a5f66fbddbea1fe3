"""The spools of the calls that run, as the thread that writes them has them."""

import os
from pathlib import Path

from terminal.files import check_writable, have_alone, open_private
from tornado_app.recordings.spool import SUFFIX


class Spools:
    """Open files by session.  Thread: the writer's."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, int] = {}
        self._given_up: set[str] = set()

    def prepare(self) -> None:
        """Make the directory, before any call needs it.

        Raises:
            OSError: If there is none, or nothing can be written there.
        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_writable(self._directory)

    def append(self, session_id: str, data: bytes) -> None:
        """Write *data* behind what is there of the session; nothing, if it was given up.

        Raises:
            OSError: If it cannot be written.  The session is given up, and what is there stays.
        """
        if session_id in self._given_up:
            return
        try:
            file = self._files.get(session_id)
            if file is None:
                file = self._files[session_id] = self._open(session_id)
            view = memoryview(data)
            while view:
                view = view[os.write(file, view) :]
        except OSError:
            self.give_up(session_id)
            raise

    def give_up(self, session_id: str) -> None:
        """Write no more of this session."""
        self.close(session_id)
        self._given_up.add(session_id)

    def close(self, session_id: str) -> None:
        """The session is over."""
        self._given_up.discard(session_id)
        file = self._files.pop(session_id, None)
        if file is not None:
            os.close(file)

    def close_all(self) -> None:
        for session_id in [*self._files]:
            self.close(session_id)

    def _open(self, session_id: str) -> int:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._directory / f"{session_id}{SUFFIX}"
        file = open_private(path, os.O_WRONLY | os.O_EXCL | os.O_APPEND)
        try:
            have_alone(file)  # whoever finishes looks at an empty file but for a moment
        except OSError:
            os.close(file)
            raise
        return file
