"""Holds processes to a share of a core each, so that there is time left for the tools that measure.

By the kernel's groups of processes (Linux, cgroup v1 or v2), for root alone.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PERIOD_US = 10_000
"""A process that has used its share waits for the rest of this: it is a part of every latency."""
WEIGHT = 10_000
"""Ten times (a hundred, with v2) that of other programs: they are not to keep it from its share."""
GROUPS = Path("/sys/fs/cgroup")
REMOVE_TIMEOUT_S = 10


class NotPossible(Exception):
    """There are no such groups here, or no right to make one; the message says which."""


@contextmanager
def held(pids: list[int], share: float) -> Iterator[None]:
    """Hold each of these, with the threads it has and will have, to this share of one core.

    Raises:
        NotPossible: If that cannot be had here.
    """
    made: list[Path] = []
    try:
        for pid in pids:
            made.append(_new_group(f"parley-bench-{pid}", share))
            (made[-1] / "cgroup.procs").write_text(str(pid))
        yield
    except PermissionError as exc:
        raise NotPossible(f"only root may hold a process to a share of a core: {exc}") from exc
    finally:
        for group in made:
            _remove(group)


def _new_group(name: str, share: float) -> Path:
    quota_us = round(share * PERIOD_US)
    first, second = GROUPS / "cpu", GROUPS / "cgroup.subtree_control"
    if (first / "cpu.cfs_quota_us").exists():
        group = first / name
        bounds = {"cfs_period_us": PERIOD_US, "cfs_quota_us": quota_us, "shares": WEIGHT}
    elif second.exists() and "cpu" in second.read_text().split():
        group, bounds = GROUPS / name, {"max": f"{quota_us} {PERIOD_US}", "weight": WEIGHT}
    else:
        raise NotPossible(f"{GROUPS} has no groups of processes with a bound of CPU")
    group.mkdir()
    for bound, value in bounds.items():
        (group / f"cpu.{bound}").write_text(str(value))
    return group


def _remove(group: Path) -> None:
    """As soon as it is empty: who was in it goes back to where all are."""
    deadline_s = time.monotonic() + REMOVE_TIMEOUT_S
    home = group.parent / "cgroup.procs"
    while True:
        with suppress(OSError):
            for pid in (group / "cgroup.procs").read_text().split():
                home.write_text(pid)
        try:
            group.rmdir()
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)
        else:
            return
