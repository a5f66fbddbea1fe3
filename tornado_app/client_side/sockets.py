"""What the sockets of all clients share."""

import asyncio

from tornado_app.client_side.gathered_writes import GatheredWrites
from tornado_app.client_side.read_watch import new_read_watch
from tornado_app.client_side.traffic import Traffic


class Sockets:
    """Of one process.  Thread: loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, gather_s: float) -> None:
        """*gather_s*: how long who can be read may wait for others, on a busy server."""
        self.read_watch = new_read_watch(loop, gather_s)
        self.gathered_writes = GatheredWrites(loop)
        self.traffic = Traffic()

    def close(self) -> None:
        """Nobody is read any more."""
        self.read_watch.close()
