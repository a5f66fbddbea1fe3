"""Writes recordings down off the loop: one thread takes what calls note, another finishes them.

Nothing of a call waits for either.  What cannot be written costs the recording and nothing else.
"""

import asyncio
import contextlib
import errno
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

from tornado_app.logs import get_logger
from tornado_app.recordings.finishing import Unusable, finish, spools
from tornado_app.recordings.keeping import directory, excess, kept, remove, set_right
from tornado_app.recordings.sound import Stopped
from tornado_app.recordings.spool import pack
from tornado_app.recordings.spooling import Spools
from tornado_app.session.record import AnswerSound, Entry, UserSound
from tornado_app.settings.schema import Recordings

QUEUE_BYTES = 32 << 20
"""A disk that takes nothing for some seconds: 500 calls note 50 MB in a second at the very most."""
ENTRY_BYTES = 256
"""An entry without its audio."""
WRITE_EACH_S = 0.25
"""So much of a call is lost if the process is killed; two calls of write(2) a second would do."""
SWEEP_S = 600.0
FINISH_S = 1.0
"""An hour of talk takes some 20 s, and who stops a process waits for it."""
LINE_EACH_S = 60.0
"""A full disk concerns every call, and is one line a minute."""
EMPTY_S = 60.0
"""A spool that holds nothing so long after it was made is nobody's."""

log = get_logger()


def new_recorder(settings: Recordings) -> "Recorder | None":
    """One that has begun, if any call is to be recorded."""
    if settings.calls == "none":
        return None
    recorder = Recorder(settings)
    recorder.start()
    return recorder


class Recorder:
    """Thread: loop, but for what says otherwise."""

    def __init__(self, settings: Recordings) -> None:
        self._directory = directory(settings)
        self._settings = settings
        self._spools = Spools(self._directory)
        self._queue: deque[tuple[str, list[Entry] | None]] = deque()
        self._lock = threading.Lock()
        self._queued_bytes = 0
        self._too_much: set[str] = set()
        """Sessions of which something did not go into the queue."""
        self._wake = threading.Event()
        self._look = threading.Event()
        self._stopping = threading.Event()
        self._hurried = threading.Event()
        self.failed = 0
        """Recordings that are not whole, or not finished, since the start."""
        self._said_at = -LINE_EACH_S
        self._unfinished: dict[Path, float] = {}
        """When a spool that could not be finished was last tried."""
        self._writer = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._finisher = threading.Thread(target=self._finish, name="recording-finisher")
        self._finisher.daemon = True

    @property
    def queued_bytes(self) -> int:
        """What waits to be written.  Thread: any."""
        return self._queued_bytes

    def start(self) -> None:
        """Begin with what an earlier process has left."""
        self._writer.start()
        self._finisher.start()

    def put(self, session_id: str, entries: list[Entry]) -> None:
        """Have *entries* written behind those before; never waits."""
        size_bytes = _size(entries)
        with self._lock:
            if session_id in self._too_much:
                return
            if self._queued_bytes + size_bytes > QUEUE_BYTES:
                self._too_much.add(session_id)
                self._queue.append((session_id, None))
            else:
                self._queued_bytes += size_bytes
                self._queue.append((session_id, entries))

    def end(self, session_id: str) -> None:
        """The session is over, and so is what is written of it."""
        with self._lock:
            self._too_much.discard(session_id)
            self._queue.append((session_id, []))
        self._wake.set()

    async def stop(self, timeout_s: float) -> None:
        """Write what is left, and finish what can be in a moment; the next start does the rest.

        Every session has to have ended.
        """
        loop = asyncio.get_running_loop()
        self._stopping.set()
        self._wake.set()
        await loop.run_in_executor(None, self._writer.join, timeout_s)
        self._look.set()
        await loop.run_in_executor(None, self._finisher.join, FINISH_S)
        self._hurried.set()
        self._look.set()
        await loop.run_in_executor(None, self._finisher.join, timeout_s)

    def _write(self) -> None:
        """Thread: recorder."""
        try:
            self._spools.prepare()
        except OSError as error:  # by this line, and not by a call that is lost
            self._say_failed(_word(error))
        is_last = False
        while not is_last:
            self._wake.wait(WRITE_EACH_S)
            self._wake.clear()
            is_last = self._stopping.is_set()
            self._write_queued()
            self._stopping.wait(WRITE_EACH_S)
        self._spools.close_all()

    def _write_queued(self) -> None:
        """Thread: recorder.  What there is of each session is one write."""
        with self._lock:
            queued, self._queue = self._queue, deque()
            self._queued_bytes = 0
        data: dict[str, bytearray] = {}
        for session_id, entries in queued:
            if entries:
                data.setdefault(session_id, bytearray()).extend(b"".join(map(pack, entries)))
            else:
                self._append(session_id, data.pop(session_id, b""))
                if entries is None:
                    self._spools.give_up(session_id)
                    self._say_failed("queue_full", session_id)
                else:
                    self._spools.close(session_id)
                    self._look.set()
        for session_id, more in data.items():
            self._append(session_id, more)

    def _append(self, session_id: str, data: bytes | bytearray) -> None:
        if not data:
            return
        try:
            self._spools.append(session_id, bytes(data))
        except OSError as error:
            self._say_failed(_word(error), session_id)

    def _finish(self) -> None:
        """Thread: recording-finisher."""
        while not self._hurried.is_set():
            is_last = self._stopping.is_set() and not self._writer.is_alive()
            try:
                self._finish_all()
                self._keep()
            except Stopped:
                return
            except OSError as error:  # the directory itself
                self._say_failed(_word(error))
            if is_last:
                return
            self._look.wait(SWEEP_S)
            self._look.clear()

    def _finish_all(self) -> None:
        now = time.monotonic()
        found = spools(self._directory)
        self._unfinished = {path: at for path, at in self._unfinished.items() if path in found}
        for spool in found:
            if now - self._unfinished.get(spool, -SWEEP_S) < SWEEP_S:
                continue
            try:
                about = self._finish_one(spool)
            except OSError as error:
                self._unfinished[spool] = now
                self._say_failed(_word(error), spool.stem)
                continue
            if about is not None:
                log.info(
                    "recording_made",
                    session_id=about["session_id"],
                    duration_ms=about["duration_ms"],
                    is_whole=about["is_whole"],
                )

    def _finish_one(self, spool: Path) -> dict[str, Any] | None:
        try:
            return finish(spool, self._hurried.is_set)
        except Unusable:
            _remove_empty(spool)
            return None

    def _keep(self) -> None:
        if not self._directory.is_dir():
            return
        now = time.time()  # noqa: TID251  files bear the date that people know
        settings = self._settings
        gone, found = [], kept(self._directory)
        set_right(self._directory, found, now)
        for each in excess(found, now, settings.keep_days, settings.keep_bytes):
            try:
                remove(self._directory, each.name)
            except OSError as error:  # the others are to go all the same
                self._say_failed(_word(error), each.name)
            else:
                gone.append(each)
        if gone:
            size_bytes = sum(each.size_bytes for each in gone)
            log.info("recordings_removed", count=len(gone), size_bytes=size_bytes)

    def _say_failed(self, why: str, session_id: str = "") -> None:
        """Thread: either of the two."""
        with self._lock:
            self.failed += 1
            now = time.monotonic()
            is_told = now - self._said_at >= LINE_EACH_S
            if is_told:
                self._said_at = now
        if is_told:
            log.warning("recording_failed", why=why, session_id=session_id, failed=self.failed)


def _size(entries: list[Entry]) -> int:
    size_bytes = ENTRY_BYTES * len(entries)
    for entry in entries:
        if isinstance(entry, UserSound):
            size_bytes += len(entry.audio)
        elif isinstance(entry, AnswerSound):
            size_bytes += len(entry.pcm)
    return size_bytes


def _word(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, type(error).__name__)


def _remove_empty(spool: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if time.time() - spool.stat().st_mtime > EMPTY_S:  # noqa: TID251  as of files
            spool.unlink()
