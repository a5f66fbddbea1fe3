"""Keeps a process to one of the computer's cores, and lets what it starts have all of them.

Python runs one thread at a time, so a gateway's threads cannot use a second core for much; what
they do there is to wait for each other, and to find nothing of what they need in its cache.
"""

import asyncio
import contextlib
import os
import random
from asyncio.subprocess import Process
from collections.abc import Callable
from typing import Any

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


async def start_child(*program: str, **how: Any) -> Process:
    """Start a process that may use every core, as it has something else to compute.

    *how*: as `asyncio.create_subprocess_exec` has it.  It is in a session of its own: Ctrl-C is for
    the gateway, which drains first.

    Raises:
        OSError: If the system has no process to give.
    """
    process = await asyncio.create_subprocess_exec(  # noqa: TID251
        *program, start_new_session=True, **how
    )
    if _all:
        with contextlib.suppress(OSError):  # it has ended, or there are fewer cores than before
            os.sched_setaffinity(process.pid, _all)
    return process
