"""Takes new connections from a listening socket, and rests when the system has none to give."""

import errno
import socket
from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Callable
from typing import Any, Protocol

AT_ONCE = 64
"""Connections that are taken before everybody else has a turn."""
REST_S = 0.1
"""A system without descriptors says so again and again, as fast as it is asked."""

# accept(2) tells of some errors that happened to one connection before it was taken.
_OF_ONE_CONNECTION = {
    errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETDOWN, errno.ENOPROTOOPT,
    errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EOPNOTSUPP, errno.ENETUNREACH,
}  # fmt: skip


class Door(Protocol):
    """Where connections come from: a listening socket, or what is like one."""

    def accept(self) -> tuple[socket.socket, Any]: ...

    def fileno(self) -> int: ...


class Acceptor:
    """One listening socket, or other `Door`.  Thread: loop.

    Tornado's own lets an error of accept escape, with its trace, and is called again at once:
    a thousand traces a second and a busy core for as long as descriptors are short.
    """

    def __init__(
        self,
        sock: Door,
        take: Callable[[socket.socket, Any], None],
        on_shortage: Callable[[OSError], None],
        loop: AbstractEventLoop,
    ) -> None:
        """*take* gets each connection and its address.

        *on_shortage* is called each time that none could be had; it may make room.
        """
        self._sock = sock
        self._take = take
        self._on_shortage = on_shortage
        self._loop = loop
        self._rest: TimerHandle | None = None
        self._watch()

    def stop(self) -> None:
        """Take no more; the socket is its owner's."""
        if self._rest is not None:
            self._rest.cancel()
        self._loop.remove_reader(self._sock.fileno())

    def _watch(self) -> None:
        self._rest = None
        self._loop.add_reader(self._sock.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(AT_ONCE):
            try:
                connection, address = self._sock.accept()
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in _OF_ONE_CONNECTION:
                    continue
                self._loop.remove_reader(self._sock.fileno())
                self._rest = self._loop.call_later(REST_S, self._watch)
                self._on_shortage(error)
                return
            self._take(connection, address)
