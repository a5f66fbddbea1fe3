"""A wire to a server on which every answer is late for as long as it is told to be."""

import asyncio
from contextlib import suppress
from typing import Self

from tornado.netutil import bind_sockets

READ_BYTES = 65_536


class SlowWire:
    """``async with SlowWire(port) as wire:`` dial `port`; ``wire.slow_down(0.2)``."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._tasks: set[asyncio.Task[None]] = set()
        self._delay_s = 0.0

    def slow_down(self, by_s: float) -> None:
        """Every answer is so late from now on."""
        self._delay_s = by_s

    async def __aenter__(self) -> Self:
        [listener] = bind_sockets(0, "127.0.0.1")
        self.port = listener.getsockname()[1]
        self._server = await asyncio.start_server(self._connect, sock=listener)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # in which the transports close their sockets

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        writers = [writer]
        try:
            there, to_there = await asyncio.open_connection("127.0.0.1", self._to)
            writers.append(to_there)
            ways = [self._pass_on(reader, to_there), self._answer(there, writer)]
            pumps = [asyncio.ensure_future(way) for way in ways]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # as of `FaultProxy`
        finally:
            self._tasks.discard(task)
            for each in writers:
                each.close()

    @staticmethod
    async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                writer.write(data)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop, due = asyncio.get_running_loop(), 0.0
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                due = max(due, loop.time() + self._delay_s)  # in order, also when it gets faster
                loop.call_at(due, _write, writer, data)


def _write(writer: asyncio.StreamWriter, data: bytes) -> None:
    if not writer.is_closing():
        writer.write(data)
