"""Bans written down, so that all processes of this machine, and the next start, know of them.

Thread: any but the loop's; who reads them is `trust`.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from tornado_app.admission.bans import NOBODY, Bans, read_bans


def change(path: Path, how: Callable[[Bans], Bans]) -> Bans:
    """Have what *how* makes of those in the file at *path* in their place, whole or not at all.

    Whatever *how* raises goes on.

    Raises:
        OSError: If it cannot be written.
        ValueError: If what stands there is none of ours, or *how* cannot be.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _one_at_a_time(path.with_suffix(".lock")):
        try:
            bans = read_bans(path.read_bytes())
        except FileNotFoundError:
            bans = NOBODY
        changed = how(bans)
        if changed == bans:
            return changed
        new = path.with_suffix(".new")
        with new.open("wb") as file:
            file.write(msgspec.json.encode(changed))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        return changed


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Among all processes; the kernel gives it up with the descriptor."""
    with path.open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
