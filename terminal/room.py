"""Whether somebody reads what is written to a pipe or a terminal."""

import select
from typing import TextIO

WAIT_MS = 100
"""A reader that is busy gets so long; one that has not read in that time, none until it does."""
PIECE_BYTES = 4096
"""A pipe that has room takes as much without a wait (pipe(7), PIPE_BUF)."""


class Room:
    """Of one stream.  Thread: one at a time.

    A pipe that nobody reads, as of a log driver that hangs or a terminal that is held (Ctrl-S),
    takes 64 KB, and then has whoever writes wait for ever: here the loop with all calls.
    """

    def __init__(self, stream: TextIO) -> None:
        self._poll: select.poll | None = None
        self._is_full = False
        try:
            number = stream.fileno()
        except (OSError, ValueError):  # no file of the system's
            return
        self._poll = select.poll()
        self._poll.register(number, select.POLLOUT)

    def is_there(self) -> bool:
        """`PIECE_BYTES` can be written now, or it fails at once; waits for it once at the most."""
        if self._poll is None:
            return True
        self._is_full = not self._poll.poll(0 if self._is_full else WAIT_MS)
        return not self._is_full
