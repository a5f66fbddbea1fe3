"""Sends a client to the process that has its call, or has fewest, before its request is read."""

import contextlib
import errno
import os
import re
import socket
from asyncio import AbstractEventLoop
from collections.abc import Callable, Sequence

from tornado_app.client_side.acceptor import Acceptor

SILENT_BYTES = 131_072
"""More than anybody sends who has not been answered, and no more than a socket has room for."""
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
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
        self,
        index: int,
        inbox: int,
        outboxes: Sequence[int],
        choose: Callable[[], int],
        *,
        has_died: Callable[[int], bool],
        header_bytes: int,
    ) -> None:
        """*inbox* and *outboxes*, one for each process, are ends of pairs of datagram sockets.

        *choose* says which process is to have the next call that begins, *has_died* of which there
        is none any more; *header_bytes* is how large the headers of a request may be.
        """
        self._index = index
        self._header_bytes = header_bytes
        self._choose = choose
        self._has_died = has_died
        self._inbox = Inbox(inbox)
        self._outboxes = [socket.socket(fileno=number) for number in outboxes]
        for each in self._outboxes:
            each.setblocking(False)
        self._waiting: dict[int, list[socket.socket]] = {}
        """Those for whom a process had no room, by its index."""

    def start(
        self,
        take: Callable[[socket.socket, None], None],
        on_shortage: Callable[[OSError], None],
        loop: AbstractEventLoop,
    ) -> None:
        """*take* gets each connection that another process has handed over; *on_shortage* as of
        `Acceptor`.
        """
        self._loop = loop
        self._acceptor = Acceptor(self._inbox, take, on_shortage, loop)

    def stop(self) -> None:
        self._acceptor.stop()
        for index in [*self._waiting]:
            self._look_again(index)

    def hand_over(self, connection: socket.socket) -> bool | None:
        """Whether it was for another process, and has gone there; its owner here closes it.

        None: that cannot be known, or done, yet.  There will be something to read when it can.
        """
        try:
            peeked = connection.recv(self._header_bytes, socket.MSG_PEEK)
            if not self._is_enough(connection, peeked):
                return None
        except BlockingIOError:  # what comes a moment later is looked at before it is read
            return None
        except OSError:
            return False
        resumes = _RESUMES.match(peeked)
        index = int(resumes[1]) if resumes else self._next(peeked)
        if index == self._index or index >= len(self._outboxes):
            return False
        if resumes and self._has_died(index):  # the next of that number knows no more than we do
            return False
        try:
            socket.send_fds(self._outboxes[index], [b"\0"], [connection.fileno()])
        except BlockingIOError:  # a call that begins may as well begin here
            return None if resumes and self._waits(index, connection) else False
        except OSError:  # the system lends it none
            return False
        return True

    def _is_enough(self, connection: socket.socket, peeked: bytes) -> bool:
        """Whether all headers are there, or more than there may be, or nothing more will come.

        What is not read would be told of for ever, so the system is asked (SO_RCVLOWAT, socket(7))
        to speak of more only.  If it speaks of no more, that is the end, or it cannot do that.
        """
        least = connection.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)
        may_go = peeked.startswith(b"GET ") or b"GET ".startswith(peeked[:4])
        is_whole = len(peeked) >= self._header_bytes or _HEAD_ENDS.search(peeked)
        if may_go and peeked and not is_whole and len(peeked) >= least:
            _speak_from(connection, len(peeked) + 1)
            return False
        if least > 1:
            _speak_from(connection, 1)
        return True

    def _waits(self, index: int, connection: socket.socket) -> bool:
        """Silently, until process *index* has room; False: it has spoken all the same, which is
        the end of it, or its system cannot be silent.
        """
        waiting = self._waiting.setdefault(index, [])
        if connection in waiting:
            waiting.remove(connection)
            return False
        waiting.append(connection)
        _speak_from(connection, SILENT_BYTES)
        self._loop.add_writer(self._outboxes[index].fileno(), self._look_again, index)
        return True

    def _look_again(self, index: int) -> None:
        self._loop.remove_writer(self._outboxes[index].fileno())
        for connection in self._waiting.pop(index, ()):
            with contextlib.suppress(OSError):  # it has gone meanwhile
                _speak_from(connection, 1)

    def _next(self, peeked: bytes) -> int:
        return self._choose() if _BEGINS.match(peeked) else self._index


class Inbox:
    """What other processes hand over, as a listening socket gives it."""

    def __init__(self, number: int) -> None:
        self._socket = socket.socket(fileno=number)
        self._socket.setblocking(False)

    def accept(self) -> tuple[socket.socket, None]:
        """The next connection; its address is asked of itself.

        Raises:
            OSError: If there is none, or no descriptor for one.
        """
        # The system would close a connection for which there is none, and say nothing.
        os.close(os.dup(self._socket.fileno()))
        _, numbers, *_ = socket.recv_fds(self._socket, 1, 1)
        if not numbers:  # another thread was faster
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        connection = socket.socket(fileno=numbers[0])
        connection.setblocking(False)
        return connection, None

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()


def _speak_from(connection: socket.socket, least_bytes: int) -> None:
    """Have the system say that there is something to read when there is so much."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, least_bytes)
