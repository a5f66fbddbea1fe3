"""The Tornado shell of a session that may have faults.  Thread: loop."""

import asyncio
import socket
import struct
from collections.abc import Coroutine
from contextlib import suppress
from http import HTTPStatus
from ipaddress import ip_address
from typing import Any, Literal

import msgspec
from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketProtocol, WebSocketProtocol13

from local_realtime.errors import Fatal
from local_realtime.handlers.opening import unix_now
from local_realtime.handlers.realtime import RealtimeHandler, loop_now
from local_realtime.handlers.registry import Registry
from local_realtime.rehearsal.bad_frames import TEXT, frame
from local_realtime.rehearsal.fault_errors import in_band_refusal
from local_realtime.rehearsal.faults import Faults, InvalidFault, parse_faults
from local_realtime.rehearsal.faulty import (
    Faulty,
    Step,
    Unanswered,
    Untranscribed,
)
from local_realtime.rehearsal.told import is_of_answer, is_of_transcript, words_of
from local_realtime.session.outbox import Cut, Output, Raw

FAULT_HEADER = "X-Parley-Fault"
HeaderFaults = Literal["local", "always", "never"]
"""Who may ask for faults by that header: clients on this computer, all, or none."""
MAX_WAITING_EVENTS = 16
"""Events of answers that wait for a pause to pass; beyond them, the session waits."""
PAUSES = ("slow-answers", "slow-events", "first-delta-delay", "done-delay")
LINGER_SECONDS = 1.0
"""How long a client may take to answer a FIN with its own."""
DRIPS_PER_SECOND = 10
RECEIVE_BUFFER_BYTES = 4096
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, zero seconds: close(2) resets
PONG = 10


class WithoutPongs(WebSocketProtocol13):
    """Answers no ping.

    Tornado answers each by itself, and has no public way to be kept from it: it is stopped where
    all that it sends goes through.  A Tornado without that place fails the test of "no-pongs".
    """

    def _write_frame(
        self, fin: bool, opcode: int, data: bytes, flags: int = 0
    ) -> "asyncio.Future[None]":
        if opcode != PONG:
            return super()._write_frame(fin, opcode, data, flags)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class FaultyHandler(RealtimeHandler):
    """One client's WebSocket, with the faults of the server and of the client's own header.

    Without any it is a `RealtimeHandler`.  With some, every output goes through a `Faulty`, and
    the events of answers, and those of transcripts, wait in a queue of their own if pauses are
    wanted.
    """

    def initialize(  # type: ignore[override]
        self, registry: Registry, faults: Faults, header_faults: HeaderFaults
    ) -> None:
        super().initialize(registry)
        self._standing_faults = faults
        self._header_faults = header_faults
        self._faults: Faults = {}
        self._faulty: Faulty | None = None
        self._order = asyncio.Lock()  # batches of outputs: `_perform` waits inside of one
        self._wire = asyncio.Lock()  # single steps: a frame that drips must not be interrupted
        self._answers: asyncio.Queue[Output] | None = None
        self._transcripts: asyncio.Queue[Output] | None = None

    async def get(self, *args: Any, **kwargs: Any) -> None:
        try:
            self._faults = {**self._standing_faults, **self._asked_for()}
        except InvalidFault as exc:
            await self._refuse(400, "invalid_request_error", "invalid_fault", str(exc))
            return
        except PermissionError as exc:
            await self._refuse(403, "invalid_request_error", "fault_not_allowed", str(exc))
            return
        number = self._registry.count_connection()
        most = self._faults.get("first-connections")
        if most and number > float(most.value or 0):
            self._faults = {}
        if self._faults:
            self._faulty = Faulty(self._faults, unix_now())
            delay_ms = self._faulty.number("handshake-delay")
            if delay_ms and not await self._unless_cut(asyncio.sleep(delay_ms / 1000)):
                return
            if status := self._faulty.number("http-status"):
                await self._refuse_with(int(status))
                return
        await super().get(*args, **kwargs)

    def on_connection_close(self) -> None:
        """The client has not waited for the upgrade."""
        super().on_connection_close()
        self._end_tasks()

    async def _unless_cut(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do *work* in a task, so that the end of the connection ends it; whether it was done."""
        task = self._spawn(work)
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
        return not task.cancelled()

    def _asked_for(self) -> Faults:
        """The faults of the header.

        Raises:
            InvalidFault: If one of them is none.
            PermissionError: If this client may not ask for any.
        """
        header = ",".join(self.request.headers.get_list(FAULT_HEADER))
        if not header:
            return {}
        if self._header_faults == "never" or (
            self._header_faults == "local" and not self._is_local
        ):
            message = f"{FAULT_HEADER} is not accepted here; see the option --header-faults."
            raise PermissionError(message)
        return parse_faults(header)

    @property
    def _is_local(self) -> bool:
        """Whether the connection came in over the loopback interface."""
        connection: Any = self.request.connection
        return ip_address(connection.stream.socket.getsockname()[0]).is_loopback

    async def _refuse_with(self, status: int) -> None:
        phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Refused"
        kind = "server_error" if status >= 500 else "invalid_request_error"
        code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}.get(status)
        if status in {429, 503}:
            self.set_header("Retry-After", "1")
        await self._refuse(status, kind, code, f"{phrase} (on demand).")

    async def _refuse(self, status: int, kind: str, code: str | None, message: str) -> None:
        self.set_status(status, reason=None if status in set(HTTPStatus) else "Refused")
        with suppress(StreamClosedError):
            error = {"type": kind, "code": code, "message": message, "param": None}
            await self.finish({"error": error})

    @property
    def _is_mute(self) -> bool:
        # A pong in the middle of a frame that drips would break it.
        return "no-pongs" in self._faults or "slow-writer" in self._faults

    @property
    def is_pinged(self) -> bool:
        """Not where the client's pongs go unread, too: they must not end the session."""
        return not self._is_mute and "slow-reader" not in self._faults

    def get_websocket_protocol(self) -> WebSocketProtocol | None:
        protocol = super().get_websocket_protocol()
        if isinstance(protocol, WebSocketProtocol13) and self._is_mute:
            return WithoutPongs(self, mask_outgoing=False, params=protocol.params)
        return protocol

    def _refusal(self) -> Fatal | None:
        return in_band_refusal(self._faults) or super()._refusal()

    async def _begin(self) -> None:
        faulty, stream = self._faulty, self._stream
        if faulty is None or stream is None:
            await super()._begin()
            return
        stream.set_close_callback(self._hang_up)
        await self._unless_cut(self._begin_with(faulty, stream))

    async def _begin_with(self, faulty: Faulty, stream: IOStream) -> None:
        if "slow-reader" in faulty:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        if any(name in faulty for name in PAUSES):
            self._answers = asyncio.Queue(MAX_WAITING_EVENTS)
            self._spawn(self._give(faulty, self._answers))
        if "late-transcripts" in faulty:
            self._transcripts = asyncio.Queue(MAX_WAITING_EVENTS)
            self._spawn(self._give(faulty, self._transcripts))
        for step in faulty.open():
            await self._take_step(step)
        if faulty.is_over:
            return
        await super()._begin()
        if expiry_s := faulty.number("session-expiry"):
            self._spawn(self._expire(faulty, expiry_s))

    def _hang_up(self) -> None:
        """End whatever waits: Tornado calls `on_close` only when `on_message` has returned."""
        self._session = None
        self._end_tasks()

    async def on_message(self, message: str | bytes) -> None:
        if self._faulty is None:
            await super().on_message(message)
            return
        if self._session is None:
            return
        await self._unless_cut(self._hear(self._faulty, message))

    async def _hear(self, faulty: Faulty, message: str | bytes) -> None:
        rate = faulty.number("slow-reader")
        if rate == 0:
            await asyncio.Event().wait()  # until the connection ends
        if rate:
            await asyncio.sleep(len(message) / rate)
        await super().on_message(message)

    async def _expire(self, faulty: Faulty, after_s: float) -> None:
        await asyncio.sleep(after_s)
        async with self._wire:
            for step in faulty.expire():
                await self._take_step(step)

    async def _give(self, faulty: Faulty, waiting: asyncio.Queue[Output]) -> None:
        while True:
            output = await waiting.get()
            parts: list[Output] = [output]
            if isinstance(output, dict) and waiting is self._transcripts:
                parts = [*words_of(output)]
            for part in parts:
                await asyncio.sleep(faulty.pause_ms(part) / 1000)
                await self._send(faulty, part)

    async def _perform(self, outputs: list[Output]) -> None:
        faulty = self._faulty
        if faulty is None:
            await super()._perform(outputs)
            return
        async with self._order:
            for output in outputs:
                waiting = self._queue_of(output)
                if waiting is None:
                    await self._send(faulty, output)
                else:
                    await waiting.put(output)

    def _queue_of(self, output: Output) -> asyncio.Queue[Output] | None:
        """Where it waits and others may overtake it, if it does."""
        if is_of_transcript(output):
            return self._transcripts
        return self._answers if is_of_answer(output) else None

    async def _send(self, faulty: Faulty, output: Output) -> None:
        async with self._wire:
            for step in faulty.pass_on(output):
                await self._take_step(step)

    async def _take_step(self, step: Step) -> None:
        rate = self._faulty and self._faulty.number("slow-writer")
        match step:
            case Raw():
                await self._write_raw(step.data)
            case Cut():
                self._cut(step)
            case Unanswered():
                if session := self._asking:
                    self._perform_later(session.unanswered(step.response_id, loop_now()))
            case Untranscribed():
                if session := self._asking:
                    self._perform_later(session.transcribed(step.item_id, step.seconds, None))
            case dict() if rate:
                await self._drip(frame(TEXT, msgspec.json.encode(step)), rate)
            case _:
                await super()._perform([step])

    def _perform_later(self, outputs: list[Output]) -> None:
        self._spawn(self._perform(outputs))

    async def _drip(self, data: bytes, bytes_per_second: float) -> None:
        size = max(1, int(bytes_per_second / DRIPS_PER_SECOND))
        for start in range(0, len(data), size):
            drop = data[start : start + size]
            await self._write_raw(drop)
            await asyncio.sleep(len(drop) / bytes_per_second)

    async def _write_raw(self, data: bytes) -> None:
        if self._stream:
            with suppress(StreamClosedError):
                await self._stream.write(data)

    def _cut(self, cut: Cut) -> None:
        self._session = None
        stream = self._stream
        if stream is None or stream.closed():
            return
        if cut.with_reset:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            stream.close()
            return
        with suppress(OSError):
            stream.socket.shutdown(socket.SHUT_WR)
        # Closed now, the kernel would answer with a reset what the client still sends.
        asyncio.get_running_loop().call_later(LINGER_SECONDS, stream.close)
