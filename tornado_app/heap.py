"""Takes memory from one pool, and gives back to the system what nobody needs any more.

The C library keeps what is freed: one small block that still lives holds all that was freed below
it, and blocks that were large once are taken from there, too (mallopt(3), M_MMAP_THRESHOLD).  After
a flood a process would stay as large as the flood was.  glibc's ``malloc_trim`` finds the free
pages in the middle as well (malloc_trim(3)); other systems give pages back by themselves or never.
"""

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from tornado_app.logs import get_logger

LOOK_S = 4.0
"""No more often: see `TRIM_BYTES`."""
TRIM_BYTES = 16 << 20
"""So much has to have been freed.  The C library takes up to 7 ms for each 10 MiB, and for a part
of them whoever needs memory waits, the loop too."""
STATM = Path("/proc/self/statm")
M_ARENA_MAX = -8
"""As in glibc's malloc.h."""


class Heap:
    """Looks every few seconds how large the process is.  Thread: loop; trims in another."""

    def __init__(
        self,
        held_bytes: Callable[[], int],
        resident_bytes: Callable[[], int],
        trim: Callable[[], object],
    ) -> None:
        """*held_bytes* is what is in use for good reason."""
        self._held_bytes = held_bytes
        self._resident_bytes = resident_bytes
        self._trim = trim
        self._base_bytes = self._unheld_bytes()
        """The least there was beside what is held; what is far beyond it was freed."""
        self._log = get_logger()

    async def keep(self) -> None:
        """Look, until it is cancelled.  Raises nothing else."""
        while True:
            await asyncio.sleep(LOOK_S)
            # The system may have no descriptor or no thread to give, now and not the next time.
            with contextlib.suppress(OSError, RuntimeError):
                if self.is_slack():
                    await self._give_back()

    def is_slack(self) -> bool:
        """Whether trimming is worth its while."""
        unheld_bytes = self._unheld_bytes()
        self._base_bytes = min(self._base_bytes, unheld_bytes)
        return unheld_bytes - self._base_bytes >= TRIM_BYTES

    async def _give_back(self) -> None:
        before_bytes = self._resident_bytes()
        await asyncio.get_running_loop().run_in_executor(None, self._trim)
        self._base_bytes = self._unheld_bytes()
        given_bytes = before_bytes - self._resident_bytes()
        self._log.debug("memory_given_back", size_bytes=given_bytes)

    def _unheld_bytes(self) -> int:
        return self._resident_bytes() - self._held_bytes()


def new_heap(held_bytes: Callable[[], int]) -> Heap | None:
    """None where the C library has no way to give memory back, or the system does not say how much
    the process has.
    """
    trim = find_trim()
    if trim is None or not STATM.exists():
        return None
    return Heap(held_bytes, resident_bytes, trim)


def take_from_one_pool(environ: Mapping[str, str]) -> bool:
    """Have each thread take memory from the same pool of the C library's (mallopt(3), M_ARENA_MAX),
    unless *environ* says how many there are.  Returns whether it does now.  Before threads start.

    glibc makes eight pools for each core, and each keeps free memory of its own: a fifth of what a
    session takes, as each has a thread.  They would not wait less for each other with more:
    Python's lock lets one of them take memory at a time.
    """
    tunables = environ.get("GLIBC_TUNABLES", "")
    if "MALLOC_ARENA_MAX" in environ or "glibc.malloc.arena_max" in tunables:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # TypeError: Windows
        return False
    return bool(mallopt(M_ARENA_MAX, 1))


def find_trim() -> Callable[[], object] | None:
    """The C library's ``malloc_trim(0)``, which gives up the interpreter's lock."""
    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):  # TypeError: Windows
        return None
    malloc_trim.argtypes = [ctypes.c_size_t]
    malloc_trim.restype = ctypes.c_int
    return lambda: malloc_trim(0)


def resident_bytes() -> int:
    """How much of the process is in memory (proc_pid_statm(5))."""
    return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
