"""Sends a client to the process that has its call, or has fewest, before its request is read."""

import contextlib
import re
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence

PEEKED_BYTES = 8192
_RESUMES = re.compile(rb"GET [^ ?]*\?(?:[^ ]*&)?resume=(\d{1,3})\.")
_BEGINS = re.compile(rb"GET [^\r\n]*\r\n(?:[^\r\n]+\r\n)*?upgrade: *websocket\r\n", re.IGNORECASE)


def ticket_prefix(index: int) -> str:
    """What resume tokens begin with that process *index* gives."""
    return f"{index}."


class Routing:
    """Hands connections to the other processes of a gateway, and takes theirs.  Thread: loop.

    What a client has sent stays in its socket: it is looked at there, and read by whom it is for.
    """

    def __init__(
        self, index: int, inbox: int, outboxes: Sequence[int], choose: Callable[[], int]
    ) -> None:
        """*inbox* and *outboxes*, one for each process, are ends of pairs of datagram sockets.

        *choose* says which process is to have the next call that begins.
        """
        self._index = index
        self._choose = choose
        self._inbox = socket.socket(fileno=inbox)
        self._outboxes = [socket.socket(fileno=number) for number in outboxes]
        for each in (self._inbox, *self._outboxes):
            each.setblocking(False)

    def start(self, take: Callable[[socket.socket], None], loop: AbstractEventLoop) -> None:
        """*take* gets each connection that another process has handed over."""
        self._loop = loop
        loop.add_reader(self._inbox.fileno(), self._receive, take)

    def stop(self) -> None:
        self._loop.remove_reader(self._inbox.fileno())

    def hand_over(self, connection: socket.socket) -> bool:
        """Whether it was for another process, and has gone there; its owner here closes it."""
        try:
            peeked = connection.recv(PEEKED_BYTES, socket.MSG_PEEK)
        except OSError:
            return False
        index = self._wanted(peeked)
        if index == self._index or index >= len(self._outboxes):
            return False
        try:
            socket.send_fds(self._outboxes[index], [b"\0"], [connection.fileno()])
        except OSError:  # it takes none at the moment: the call begins anew here
            return False
        return True

    def _wanted(self, peeked: bytes) -> int:
        if found := _RESUMES.match(peeked):
            return int(found[1])
        return self._choose() if _BEGINS.match(peeked) else self._index

    def _receive(self, take: Callable[[socket.socket], None]) -> None:
        with contextlib.suppress(OSError):
            _, numbers, *_ = socket.recv_fds(self._inbox, 1, 1)
            for number in numbers:
                connection = socket.socket(fileno=number)
                connection.setblocking(False)
                take(connection)
