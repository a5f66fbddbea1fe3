"""A wire between gateway and model that breaks when it is told to."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Self

from tornado.netutil import bind_sockets

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
READ_BYTES = 4096


class FaultProxy:
    """``async with FaultProxy(port, breaks) as proxy:`` dial `url`.

    *breaks*: for each connection after how many bytes of both directions it breaks, and whether
    with an RST; when there is none left, they hold.
    """

    def __init__(self, port: int, breaks: Iterator[tuple[int, bool]]) -> None:
        self._to = port
        self._breaks = breaks
        self._wires: set[asyncio.Task[None]] = set()
        self.broken = 0

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

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/v1/realtime"

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._wires.add(task)
        left_bytes, is_reset = next(self._breaks, (None, False))
        try:
            model_reader, model_writer = await asyncio.open_connection("127.0.0.1", self._to)
            wire = _Wire(left_bytes)
            pumps = [
                asyncio.ensure_future(wire.pump(reader, model_writer)),
                asyncio.ensure_future(wire.pump(model_reader, writer)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.broken += wire.is_broken
            for each in (writer, model_writer):
                _end(each, is_reset=is_reset and wire.is_broken)
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._wires.discard(task)


class _Wire:
    def __init__(self, left_bytes: int | None) -> None:
        self._left_bytes = left_bytes
        self.is_broken = False

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Returns when one end has gone, or the wire is to break."""
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                if self._left_bytes is not None:
                    data = data[: self._left_bytes]
                    self._left_bytes -= len(data)
                writer.write(data)
                await writer.drain()
                if self._left_bytes == 0:
                    self.is_broken = True
                    return


def _end(writer: asyncio.StreamWriter, *, is_reset: bool) -> None:
    sock = writer.get_extra_info("socket")
    if is_reset and sock is not None:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.close()
