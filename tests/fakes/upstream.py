"""A scripted Realtime server on the test's own loop, for links and for whole calls.

    async with FakeUpstream() as fake:            # session.created, answers session.update
        ...                                       # point the gateway at fake.url
        await fake.next_event("session.update")
        await fake.send({"type": "response.created", ...})
        await fake.close(1011, "server_error")    # or fake.drop(rst=True)

`FakeUpstream(handshake=429)` refuses; `FakeUpstream(script=FAULTS["bad_opcode"])` misbehaves.
Every method belongs to the loop that started it.
"""

import asyncio
import base64
import hashlib
import itertools
import json
import secrets
import socket
import ssl
import struct
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, Self

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
WAIT_S = 30.0
KEY_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 4.2.2

Event = dict[str, Any]
Handshake = Literal["accept", "silent", "drip", "hang_up", "reset", "endless", "wrong_key"] | int


def frame(opcode: int, payload: bytes = b"", *, first: int = 0x80) -> bytes:
    """A server's frame; *first* holds FIN and RSV."""
    size = len(payload)
    if size < 126:
        header = struct.pack("!BB", first | opcode, size)
    elif size < 1 << 16:
        header = struct.pack("!BBH", first | opcode, 126, size)
    else:
        header = struct.pack("!BBQ", first | opcode, 127, size)
    return header + payload


class FakeConnection:
    """One client of the fake, with everything it has said."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.path = ""
        self.headers: dict[str, str] = {}
        self.frames: list[tuple[int, bytes]] = []
        """Every frame received, unmasked."""
        self.events: list[Event] = []
        """Every text frame received, as JSON; what is no JSON object is left out."""
        self.unmasked = 0
        """How many frames broke RFC 6455, 5.1."""
        self.close_code: int | None = None
        self.closing = False
        self.ended = asyncio.Event()
        """The client has gone."""
        self.reading = asyncio.Event()
        self.reading.set()
        self._arrived = asyncio.Condition()
        self._seen = 0

    async def send(self, event: Event) -> None:
        await self.send_raw(frame(TEXT, json.dumps(event).encode()))

    async def send_raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame; the stream ends when the client has answered it."""
        self.closing = True
        await self.send_raw(frame(CLOSE, struct.pack("!H", code) + reason.encode()))

    def drop(self, *, rst: bool = False) -> None:
        """End the stream with no close frame: a FIN (over TLS, a cut), or a reset if *rst*."""
        if not rst and self.writer.can_write_eof():
            # Not closed yet: the kernel answers with a reset if there is something unread.
            self.writer.write_eof()
            return
        if rst:
            raw = self.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def next_event(self, kind: str | None = None, timeout_s: float = WAIT_S) -> Event:
        """The next event of type *kind* (of any, if None) that this has not returned yet.

        Events before it are passed over; they stay in `events`.
        """

        def found() -> Event | None:
            while self._seen < len(self.events):
                self._seen += 1
                if kind in {None, self.events[self._seen - 1].get("type")}:
                    return self.events[self._seen - 1]
            return None

        await self._until(found, timeout_s, f"no {kind} among {len(self.events)} events")
        return self.events[self._seen - 1]

    async def next_frame(self, opcode: int, timeout_s: float = WAIT_S) -> bytes:
        """The payload of the first frame of this kind, past or to come."""
        await self._until(
            lambda: any(opcode == code for code, _ in self.frames), timeout_s, f"no frame {opcode}"
        )
        return next(data for code, data in self.frames if code == opcode)

    async def _until(self, done: Callable[[], object], timeout_s: float, otherwise: str) -> None:
        try:
            async with asyncio.timeout(timeout_s), self._arrived:
                await self._arrived.wait_for(done)
        except TimeoutError:
            raise AssertionError(otherwise) from None

    async def read_frame(self) -> tuple[int, bytes]:
        await self.reading.wait()
        first, second = await self.reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        self.unmasked += not second & 0x80
        key = await self.reader.readexactly(4) if second & 0x80 else bytes(4)
        data = await self.reader.readexactly(size)
        pad = (key * (size // 4 + 1))[:size]
        await self.reading.wait()  # a frame that was awaited already is not read either
        return first & 0x0F, (int.from_bytes(data) ^ int.from_bytes(pad)).to_bytes(size)

    async def record(self, opcode: int, data: bytes) -> Event | None:
        """Keep a frame; returns the event in it, if any."""
        event = None
        if opcode == TEXT:
            with suppress(ValueError):
                event = json.loads(data)
        async with self._arrived:
            self.frames.append((opcode, data))
            if opcode == CLOSE:
                self.close_code = struct.unpack("!H", data[:2])[0] if data else 1005
            if isinstance(event, dict):
                self.events.append(event)
            self._arrived.notify_all()
        return event if isinstance(event, dict) else None


Script = Callable[[FakeConnection], Awaitable[None]]


async def realtime(peer: FakeConnection) -> None:
    """What the real service says first."""
    await peer.send({"type": "session.created", "event_id": "event_1", "session": {"id": "sess_1"}})


def _sends(*parts: bytes) -> Script:
    async def script(peer: FakeConnection) -> None:
        for part in parts:
            await peer.send_raw(part)

    return script


def _drops(before: bytes, *, rst: bool) -> Script:
    async def script(peer: FakeConnection) -> None:
        await peer.send_raw(before)
        await peer.next_frame(PING)  # the client has read nothing else, but it is up
        peer.drop(rst=rst)

    return script


async def _stops_reading(peer: FakeConnection) -> None:
    peer.reading.clear()


FAULTS: dict[str, Script] = {
    "rst_mid_frame": _drops(frame(TEXT, b"x" * 1000)[:500], rst=True),
    "fin_mid_frame": _drops(frame(TEXT, b"x" * 1000)[:500], rst=False),
    "fin_mid_message": _drops(frame(TEXT, b"{", first=0), rst=False),
    "close_without_code": _sends(frame(CLOSE)),
    "close_1001": _sends(frame(CLOSE, struct.pack("!H", 1001) + b"60 minutes")),
    "close_1013": _sends(frame(CLOSE, struct.pack("!H", 1013) + b"insufficient_quota")),
    "close_bad_code": _sends(frame(CLOSE, struct.pack("!H", 999))),
    "close_one_byte": _sends(frame(CLOSE, b"\x03")),
    "bad_opcode": _sends(frame(3, b"?")),
    "reserved_bit": _sends(frame(TEXT, b"{}", first=0xC0)),
    "bad_utf8": _sends(frame(TEXT, b"\xff\xfe")),
    "bad_continuation": _sends(frame(0, b"more of nothing")),
    "interrupted_message": _sends(frame(TEXT, b"{", first=0), frame(TEXT, b"{}")),
    "masked": _sends(struct.pack("!BB", 0x81, 0x82) + b"\0\0\0\0{}"),
    "long_ping": _sends(frame(PING, b"x" * 126)),
    "fragmented_ping": _sends(frame(PING, b"x", first=0)),
    "huge_frame": _sends(struct.pack("!BBQ", 0x81, 127, 200 << 20)),
    "huge_message": _sends(frame(TEXT, b"", first=0), *[frame(0, b"x" * 65536, first=0)] * 300),
    "many_fragments": _sends(frame(TEXT, b"x", first=0), frame(0, b"x", first=0) * 40_000),
    "ping_flood": _sends(frame(PING, b"flood") * 5000),
    "invalid_json": _sends(frame(TEXT, b'{"type": ')),
    "deep_json": _sends(frame(TEXT, b"[" * 100_000)),
    "binary": _sends(frame(BINARY, b"\0\1\2")),
    "stops_reading": _stops_reading,
}  # fmt: skip
"""Misbehaviour of an open upstream, by name."""


class FakeUpstream:
    """The server.  Use it as an async context manager."""

    def __init__(
        self,
        script: Script = realtime,
        *,
        handshake: Handshake = "accept",
        tls: ssl.SSLContext | None = None,
        answer_pings: bool = True,
        receive_buffer_bytes: int = 0,
        refusal_headers: str = "",
    ) -> None:
        self.script = script
        self.handshake = handshake
        self.refusal_headers = refusal_headers
        """Whole lines."""
        self.answer_pings = answer_pings
        self.connections: list[FakeConnection] = []
        self.answers: dict[str, Callable[[Event], list[Event]]] = {
            "session.update": lambda event: [
                {"type": "session.updated", "session": event["session"]}
            ]
        }
        """What to answer to which type of event; change it at will."""
        self._tls = tls
        self._receive_buffer_bytes = receive_buffer_bytes
        self._opened = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._receive_buffer_bytes:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer_bytes)
        self.port: int = listener.getsockname()[1]
        self.url = f"{'wss' if self._tls else 'ws'}://localhost:{self.port}/v1/realtime?model=fake"
        self._server = await asyncio.start_server(self._accept, sock=listener, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        await asyncio.sleep(0.01)  # an aborted transport closes its socket in a later turn

    async def connection(self, index: int = 0, timeout_s: float = WAIT_S) -> FakeConnection:
        """The client that came as number *index*, once its handshake is done."""
        async with asyncio.timeout(timeout_s), self._opened:
            await self._opened.wait_for(lambda: len(self.connections) > index)
        return self.connections[index]

    async def send(self, event: Event) -> None:
        """To the latest client, like everything below."""
        await self.connections[-1].send(event)

    async def next_event(self, kind: str | None = None, timeout_s: float = WAIT_S) -> Event:
        await self.connection()
        return await self.connections[-1].next_event(kind, timeout_s)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.connections[-1].close(code, reason)

    def drop(self, *, rst: bool = False) -> None:
        self.connections[-1].drop(rst=rst)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        peer = FakeConnection(reader, writer)
        with suppress(OSError, EOFError, asyncio.CancelledError):
            await self._shake_hands(peer)
            await self._converse(peer)
        peer.ended.set()
        writer.transport.abort()

    async def _shake_hands(self, peer: FakeConnection) -> None:
        request = (await peer.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = request.strip().split("\r\n")
        peer.path = first.split()[1]
        peer.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        match self.handshake:
            case "accept" | "drip" | "wrong_key":
                await self._switch_protocols(peer)
            case "silent":
                await peer.reader.read()
                raise EOFError
            case "hang_up" | "reset":
                peer.drop(rst=self.handshake == "reset")
                raise EOFError
            case "endless":
                while True:
                    await peer.send_raw(
                        b"HTTP/1.1 101 Switching Protocols\r\n" + b"x: y\r\n" * 1000
                    )
            case int(status):
                await peer.send_raw(
                    f"HTTP/1.1 {status} No\r\nLocation: ws://localhost:{self.port}/other\r\n"
                    f"{self.refusal_headers}"
                    'Content-Length: 4000000000\r\n\r\n{"error": {}}'.encode()
                )
                raise EOFError
        async with self._opened:
            self.connections.append(peer)
            self._opened.notify_all()

    async def _switch_protocols(self, peer: FakeConnection) -> None:
        key = peer.headers["sec-websocket-key"] if self.handshake != "wrong_key" else "wrong"
        digest = hashlib.sha1(key.encode() + KEY_SUFFIX, usedforsecurity=False).digest()
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Set-Cookie: sticky=1; Domain=localhost\r\n"
            f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n"
        ).encode()
        if self.handshake == "drip":
            for byte in answer:
                await peer.send_raw(bytes([byte]))
                await asyncio.sleep(0.02)
        await peer.send_raw(answer)

    async def _converse(self, peer: FakeConnection) -> None:
        script = asyncio.ensure_future(self.script(peer))
        try:
            while True:
                opcode, data = await peer.read_frame()
                event = await peer.record(opcode, data)
                await self._answer(peer, opcode, data, event)
        finally:
            script.cancel()
            await asyncio.gather(script, return_exceptions=True)

    async def _answer(
        self, peer: FakeConnection, opcode: int, data: bytes, event: Event | None
    ) -> None:
        if opcode == PING and self.answer_pings:
            await peer.send_raw(frame(PONG, data))
        elif opcode == CLOSE:
            if not peer.closing:
                await peer.send_raw(frame(CLOSE, data))
            raise EOFError
        elif event and (answer := self.answers.get(event.get("type", ""))):
            for each in answer(event):
                await peer.send(each)


NEVER_GIVEN = range(10_000, 32_000)
"""Ports that Linux and macOS give to nobody who does not ask for one of them."""
_places = itertools.count(secrets.randbelow(len(NEVER_GIVEN)))
"""Each process begins somewhere else."""


def unused_port() -> int:
    """A port nobody listens on: connecting is refused.

    Nor is it given to a connection of another test before whoever asked for it listens there.
    """
    while True:
        port = NEVER_GIVEN[next(_places) % len(NEVER_GIVEN)]
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextmanager
def syn_hole() -> Iterator[int]:
    """A port that drops every SYN: its backlog is full, and nobody accepts."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = int(listener.getsockname()[1])
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
        for filler in fillers:
            filler.close()


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, str]:
    """A server's context for localhost and model.test, and the path of the certificate to trust."""
    certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,DNS:model.test,IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context, certificate
