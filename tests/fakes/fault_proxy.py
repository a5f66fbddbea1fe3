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
Break: TypeAlias = Literal["closed", "reset", "half_open", "hangs"]
"""How both ends learn of it; of one that is half open he who dialled does, and the other never; of
one that hangs neither does, and what is written to it is taken."""


class FaultProxy:
    """``async with FaultProxy(port, breaks) as proxy:`` dial `url`.

    *breaks*: for each connection after how many bytes of both directions it breaks, and how; when
    there is none left, they hold.
    """

    def __init__(self, port: int, breaks: Iterator[tuple[int, Break]]) -> None:
        self._to = port
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
        wire = _Wire(left_bytes, lambda: self.is_calm)
        writers = [writer]
        try:
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self._to)
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


class _Wire:
    def __init__(self, left_bytes: int | None, is_calm: Callable[[], bool]) -> None:
        self._left_bytes = left_bytes
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
                if self._left_bytes is not None and not self._is_calm():
                    data = data[: self._left_bytes]
                    self._left_bytes -= len(data)
                writer.write(data)
                await writer.drain()
                if self._left_bytes == 0 and not self._is_calm():
                    self.is_broken = True
                    return


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
