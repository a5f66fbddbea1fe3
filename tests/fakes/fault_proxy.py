"""A wire to a gateway or a model that breaks when it is told to."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal, Self, TypeAlias

from tornado.netutil import bind_sockets

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
READ_BYTES = 4096
STALL_S = 7.0
CRAWL_BYTES_PER_S = 200_000
"""Three times what speech takes as base64, so that a minute of it is heard some day."""
RECEIVE_BYTES = 16_384
Break: TypeAlias = Literal["closed", "reset", "half_open", "hangs", "stalls", "crawls"]
"""How both ends learn of it; of one that is half open he who dialled does, and the other never; of
one that hangs neither does, and what is written to it is taken.  One that stalls takes nothing for
`STALL_S` and goes on; one that crawls goes on, and slowly."""


class FaultProxy:
    """``async with FaultProxy(port, breaks) as proxy:`` dial `url`.

    *breaks*: for each connection after how many bytes of both directions it breaks, and how; when
    there is none left, they hold.
    """

    def __init__(
        self, port: int, breaks: Iterator[tuple[int, Break]], *, is_narrow: bool = False
    ) -> None:
        """*is_narrow*: its system keeps little of what the other end says."""
        self._to = port
        self._is_narrow = is_narrow
        self._breaks = breaks
        self._wires: set[asyncio.Task[None]] = set()
        self._left_open: list[asyncio.StreamWriter] = []
        self.broken = 0
        self.is_calm = False
        """Nothing breaks any more."""

    async def __aenter__(self) -> Self:
        [listener] = bind_sockets(0, "127.0.0.1")
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._connect, sock=listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for wire in list(self._wires):
            wire.cancel()
        await asyncio.gather(*self._wires, return_exceptions=True)
        for writer in self._left_open:
            writer.transport.abort()
        await asyncio.sleep(0)  # in which the transports close their sockets

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/realtime"

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._wires.add(task)
        left_bytes, how = next(self._breaks, (None, "closed"))
        wire = _Wire(left_bytes, how, lambda: self.is_calm)
        writers = [writer]
        try:
            there_reader, there_writer = await self._there()
            writers.append(there_writer)
            await wire.join((reader, there_writer), (there_reader, writer))
            if wire.is_broken and how == "hangs":
                await _taken(reader)
        except (OSError, asyncio.CancelledError):
            pass  # of a server's task asyncio says that it was cancelled as if that were a fault
        finally:
            self._wires.discard(task)
            self.broken += wire.is_broken
            if wire.is_broken and how == "half_open":
                self._left_open.append(writers.pop())
            for each in writers:
                _end(each, is_reset=wire.is_broken and how != "closed")

    async def _there(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock = socket.socket()
        try:
            if self._is_narrow:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._to))
        except BaseException:
            sock.close()
            raise
        ahead_bytes = RECEIVE_BYTES if self._is_narrow else 4 * RECEIVE_BYTES
        return await asyncio.open_connection(sock=sock, limit=ahead_bytes)


class _Wire:
    def __init__(self, left_bytes: int | None, how: Break, is_calm: Callable[[], bool]) -> None:
        self._left_bytes = left_bytes
        self._how = how
        self._is_calm = is_calm
        self.is_broken = False

    async def join(self, *ways: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> None:
        """Returns when one end has gone, or the wire is to break."""
        pumps = [asyncio.ensure_future(self._pump(*way)) for way in ways]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                if not self._breaks:
                    await self._wait_with(data)
                elif self._left_bytes is not None and not self._is_calm():
                    data = data[: self._left_bytes]
                    self._left_bytes -= len(data)
                writer.write(data)
                await writer.drain()
                if self._left_bytes == 0 and self._breaks and not self._is_calm():
                    self.is_broken = True
                    return

    @property
    def _breaks(self) -> bool:
        return self._how not in {"stalls", "crawls"}

    async def _wait_with(self, data: bytes) -> None:
        """It has not broken, and takes its time."""
        if self._left_bytes is None or self._is_calm():
            return
        self._left_bytes = max(0, self._left_bytes - len(data))
        if self._left_bytes:
            return
        if self._how == "crawls":
            await asyncio.sleep(len(data) / CRAWL_BYTES_PER_S)
            return
        await asyncio.sleep(STALL_S)
        self._left_bytes = None


async def _taken(reader: asyncio.StreamReader) -> None:
    """All that still comes, until its end."""
    with suppress(OSError):
        while await reader.read(READ_BYTES):
            pass


def _end(writer: asyncio.StreamWriter, *, is_reset: bool) -> None:
    sock = writer.get_extra_info("socket")
    if is_reset and sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.close()
