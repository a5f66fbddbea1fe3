"""Bans written down, so that all processes of this machine, and the next start, know of them.

Thread: any but the loop's; who reads them is `trust`.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from terminal.files import have_alone, open_private, read_whole
from tornado_app.admission.bans import NOBODY, Bans, read_bans


def change(path: Path, how: Callable[[Bans], Bans]) -> Bans:
    """Have what *how* makes of those in the file at *path* in their place, whole or not at all.

    Whatever *how* raises goes on.

    Raises:
        OSError: If it cannot be written.
        ValueError: With a sentence, if what stands there is none of ours, or *how* cannot be.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _one_at_a_time(path.with_suffix(".lock")):
        bans = _written(path)
        changed = how(bans)
        if changed == bans:
            return changed
        new = path.with_suffix(".new")
        with open(open_private(new, os.O_WRONLY | os.O_TRUNC), "wb") as file:  # noqa: PTH123  of a descriptor
            file.write(msgspec.json.encode(changed))
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        return changed


def _written(path: Path) -> Bans:
    try:
        return read_bans(read_whole(path))
    except FileNotFoundError:
        return NOBODY
    except ValueError as error:
        raise ValueError(f"Nothing has changed, as {path.name} cannot be read: {error}.") from None


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Among all processes."""
    with open(open_private(path, os.O_WRONLY), "wb") as lock:  # noqa: PTH123  of a descriptor
        have_alone(lock.fileno())
        yield
