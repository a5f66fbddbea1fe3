"""Which recordings are deleted: those that are too old, and the oldest if there are too many."""

import contextlib
import fcntl
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tornado_app.recordings.spool import PART, SUFFIX
from tornado_app.settings.schema import Recordings

SUFFIXES = (".json", ".vtt", ".flac", SUFFIX)
DAY_S = 86_400.0
ROOT = Path(__file__).resolve().parents[2]


def directory(settings: Recordings) -> Path:
    return ROOT / settings.directory


@dataclass(frozen=True, slots=True)
class Kept:
    """All files of one recording."""

    name: str
    changed_at: float
    """Unix time."""
    size_bytes: int


def excess(recordings: Iterable[Kept], now: float, keep_days: float, keep_bytes: int) -> list[Kept]:
    """Those that are to go, the oldest first; *now* is Unix time.  Pure."""
    by_age = sorted(recordings, key=lambda each: each.changed_at)
    left_bytes = sum(each.size_bytes for each in by_age)
    gone = []
    for each in by_age:
        if each.changed_at >= now - keep_days * DAY_S and left_bytes <= keep_bytes:
            break
        gone.append(each)
        left_bytes -= each.size_bytes
    return gone


def kept(directory: Path) -> list[Kept]:
    """All that is there, but for calls that run."""
    found: dict[str, Kept] = {}
    for path in directory.iterdir():
        whole = path.with_suffix("") if path.suffix == PART else path
        if whole.suffix not in SUFFIXES:
            continue
        with contextlib.suppress(FileNotFoundError):
            stat = path.stat()
            before = found.get(whole.stem, Kept(whole.stem, 0.0, 0))
            changed_at = max(before.changed_at, stat.st_mtime)
            size_bytes = before.size_bytes + stat.st_size
            found[whole.stem] = Kept(whole.stem, changed_at, size_bytes)
    return [each for each in found.values() if not _runs(directory / f"{each.name}{SUFFIX}")]


def set_right(directory: Path, recordings: Iterable[Kept], now: float) -> None:
    """Have those of a time that is still to come be as old as if they were made now: the clock was
    wrong then, and by it they would be kept for years.
    """
    for each in recordings:
        if each.changed_at > now + DAY_S:
            for path in _files(directory, each.name):
                with contextlib.suppress(OSError):
                    os.utime(path, (now, now))


def remove(directory: Path, name: str) -> None:
    """Delete one recording, with what a process that was killed had half made of it.

    Raises:
        OSError: If it cannot be.
    """
    for path in _files(directory, name):
        path.unlink(missing_ok=True)


def _files(directory: Path, name: str) -> Iterator[Path]:
    """All that there may be of a recording."""
    return (directory / f"{name}{suffix}{end}" for suffix in SUFFIXES for end in ("", PART))


def _runs(spool: Path) -> bool:
    """Whether somebody writes it."""
    try:
        with spool.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False
