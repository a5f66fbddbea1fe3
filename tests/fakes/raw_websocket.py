"""A WebSocket client that may break every rule: it sends the bytes it is told to."""

import asyncio
import struct
from contextlib import suppress
from typing import NamedTuple

from tornado.util import _websocket_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x37\xfa\x21\x3d"  # RFC 6455 section 5.7
DEADLINE_S = 30.0


class Frame(NamedTuple):
    """One frame as the server sent it."""

    opcode: int
    payload: bytes
    final: bool = True

    @property
    def close_code(self) -> int:
        return int.from_bytes(self.payload[:2], "big")

    @property
    def close_reason(self) -> str:
        return self.payload[2:].decode()


def client_frame(
    opcode: int, payload: bytes = b"", *, final: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """One frame as a client sends it, or as it must not."""
    first, mask_bit = (0x80 if final else 0) | reserved << 4 | opcode, 0x80 if masked else 0
    size = len(payload)
    if size < 126:
        header = struct.pack("!BB", first, mask_bit | size)
    elif size < 65536:
        header = struct.pack("!BBH", first, mask_bit | 126, size)
    else:
        header = struct.pack("!BBQ", first, mask_bit | 127, size)
    return header + (MASK + _websocket_mask(MASK, payload) if masked else payload)


def close_payload(code: int, reason: str = "") -> bytes:
    return struct.pack("!H", code) + reason.encode()


class RawClient:
    """The client's end of one connection.  Every wait has a deadline."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.response = b""

    @classmethod
    async def connect(cls, port: int, path: str = "/", headers: str = "", sock=None) -> "RawClient":
        """Open a connection, over *sock* if it is given, and pass the handshake."""
        where = {"sock": sock} if sock else {"host": "127.0.0.1", "port": port}
        client = cls(*await asyncio.open_connection(**where))
        client.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n".encode()
        )
        client.response = await client._within_deadline(client.reader.readuntil(b"\r\n\r\n"))
        assert client.response.startswith(b"HTTP/1.1 101 ")
        return client

    async def _within_deadline(self, awaitable):
        async with asyncio.timeout(DEADLINE_S):
            return await awaitable

    def send(self, *frames: bytes) -> None:
        """Send bytes as they are, in one write."""
        self.writer.write(b"".join(frames))

    async def send_in_pieces(self, data: bytes, sizes: list[int]) -> None:
        """Send *data* cut into pieces of *sizes*, letting the server run after each."""
        position = 0
        for size in [*sizes, len(data)]:
            self.writer.write(data[position : position + size])
            position += size
            await asyncio.sleep(0)

    async def receive(self) -> Frame:
        """The next frame."""
        first, second = await self._read(2)
        assert not second & 0x80, "a server must not mask (RFC 6455 section 5.1)"
        size = second
        if size == 126:
            size = int.from_bytes(await self._read(2), "big")
        elif size == 127:
            size = int.from_bytes(await self._read(8), "big")
        return Frame(first & 0x0F, await self._read(size), bool(first & 0x80))

    async def _read(self, size: int) -> bytes:
        return await self._within_deadline(self.reader.readexactly(size))

    async def received_to_the_end(self) -> bytes:
        """All bytes up to the end of the connection, which may be a reset."""
        try:
            return await self._within_deadline(self.reader.read())
        except ConnectionResetError:
            return b""

    async def close(self) -> None:
        """Cut the connection."""
        self.writer.close()
        with suppress(OSError):
            await self._within_deadline(self.writer.wait_closed())
