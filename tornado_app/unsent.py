"""How much of what was written to a socket the system keeps before it says that it is full.

Linux lets it grow to 4 MB (tcp(7), tcp_wmem), a minute of audio, and says that there is room again
when a third of that has gone.  So a model that is a minute behind would pass for one that keeps up,
and who reads more slowly than is spoken, for one that has stopped: nothing is seen to go for longer
than the seconds after which that is believed.
"""

import contextlib
import fcntl
import socket
import struct
import sys
import termios

UNSENT_BYTES = 65_536
"""A second of audio to the model.  What is under way does not count, so a long way is no slower."""
_OPTION = getattr(socket, "TCP_NOTSENT_LOWAT", None)
"""Linux (tcp(7)) and macOS; elsewhere the system keeps what it likes."""


def bound(sock: socket.socket) -> None:
    """Have *sock* be full when `UNSENT_BYTES` are not under way, and have room at half of them.

    Thread: any.
    """
    if _OPTION is not None:
        with contextlib.suppress(OSError):  # not TCP, or it has ended
            sock.setsockopt(socket.IPPROTO_TCP, _OPTION, UNSENT_BYTES)


def held_bytes(sock: socket.socket) -> int:
    """What the system has taken and the other end has not; 0 where it does not tell.

    Thread: any.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, ValueError):  # it is closed
            return int(struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0])
    return 0
