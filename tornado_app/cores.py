"""Keeps a process to one of the computer's cores, and lets what it starts have all of them.

Python runs one thread at a time, so a gateway's threads cannot use a second core for much; what
they do there is to wait for each other, and to find nothing of what they need in its cache.
"""

import os
import random
from collections.abc import Callable

POSSIBLE = hasattr(os, "sched_setaffinity")
"""Linux; macOS has nothing like it."""

_all: set[int] = set()
"""Those that the process could use before it was kept to one; empty: it is not."""


def keep_to_one(
    number: int | None = None, choose: Callable[[list[int]], int] = random.choice
) -> int:
    """Keep the calling thread, and those that it starts, to one core; which one it is.

    *number* is that of one of several processes, which take turns; None: any, as other programs on
    this computer may choose as well.

    Raises:
        OSError: If the system does not allow it (sched_setaffinity(2)).
    """
    found = sorted(os.sched_getaffinity(0))
    core = choose(found) if number is None else found[number % len(found)]
    os.sched_setaffinity(0, {core})
    _all.update(found)
    return core


def give_all(pid: int) -> None:
    """A process that was just started has something else to compute: let it use every core."""
    if _all:
        try:
            os.sched_setaffinity(pid, _all)
        except OSError:  # it has ended, or the system has fewer cores for us than before
            return
