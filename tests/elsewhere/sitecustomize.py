"""Takes away what Linux has and macOS has not, for every Python that finds this on its path.

`make elsewhere` does, so that the ways round what is missing are run: polling in place of epoll,
asyncio's own loop, a process whose address space has no limit, sockets without Linux's options.
"""

import os
import resource
import select
import selectors
import socket
import sys


class _NoUvloop:
    """On macOS it can be had, but a gateway has to do without it."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "uvloop":
            raise ImportError("uvloop is not here")


def _take_away(module, *names):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)


# Something may have imported selectors already, with its choice made.
selectors.DefaultSelector = selectors.PollSelector
_take_away(selectors, "EpollSelector")
_take_away(select, "epoll")
_take_away(os, "sched_getaffinity", "sched_setaffinity", "pidfd_open", "eventfd", "memfd_create")
_take_away(os, "pipe2", "posix_fadvise", "accept4")
_take_away(socket, "TCP_KEEPIDLE", "TCP_USER_TIMEOUT", "TCP_QUICKACK", "SO_PEERCRED")
_take_away(resource, "prlimit")

_setrlimit = resource.setrlimit


def _setrlimit_elsewhere(what, limits):
    """RLIMIT_AS can be named there, and not be set."""
    if what == resource.RLIMIT_AS:
        raise ValueError("current limit exceeds maximum limit")
    _setrlimit(what, limits)


resource.setrlimit = _setrlimit_elsewhere
sys.meta_path.insert(0, _NoUvloop())
