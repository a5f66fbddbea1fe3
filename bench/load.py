"""Sends the audio of many callers at the pace of speech, and counts what comes back.

Run in a process of its own.  It prints JSON, one object a line: `{"mark": "begin", ...}` when all
sessions are running, `{"mark": "end", ...}` when the measured time is over and all of them still
run, `{"mark": "sent", ...}` when the last chunk was given to its socket, then the result.
"""

import argparse
import asyncio
import base64
import math
import os
import statistics
import sys
import time
from array import array
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

SETTLE_S = 1.0
"""Sessions run this long before the measured time begins, and half of it after its end."""

TIMER_STEP_S = 0.001
"""uvloop has no finer timer."""

CONNECT_TIMEOUT_S, CLOSE_TIMEOUT_S = 15, 5
LATE_MS = 20
KEPT_ERRORS = 5
AUDIO = ("audio", "response.output_audio.delta")
"""A piece of an answer, as Parley says it and as the model does."""


class ServerMessage(msgspec.Struct):
    """What we read of a message, Parley's or the model's; the rest of it is skipped."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")


@dataclass
class Counts:
    """What all sessions sent and received."""

    sent: int = 0
    late: int = 0
    worst_late_ms: float = 0.0
    received: Counter = field(default_factory=Counter)
    errors: int = 0
    error_texts: list[str] = field(default_factory=list)

    def add_error(self, text: str) -> None:
        self.errors += 1
        if len(self.error_texts) < KEPT_ERRORS:
            self.error_texts.append(text)


class Caller(WSListener):
    """One session, from the caller's side."""

    def __init__(self, counts: Counts, raw: bool, stamps: bool) -> None:
        self.counts = counts
        self.raw = raw
        self.stamps = stamps
        self.heard_ns: list[int] = []
        self.connected: asyncio.Future = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.closing = False
        self.decoder = msgspec.json.Decoder(ServerMessage)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        if not self.closing:
            self.counts.add_error("the server closed the connection")
        self.gone.set()
        self.mark_connected()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        match frame.msg_type:
            case WSMsgType.TEXT:
                self.read(frame)
            case WSMsgType.BINARY:
                self.counts.received["binary"] += 1
            case WSMsgType.CLOSE:
                if not self.closing:
                    self.counts.add_error(f"closed: {frame.get_close_message()!r}")
                self.closing = True
                transport.disconnect()

    def read(self, frame: WSFrame) -> None:
        message = self.decoder.decode(frame.get_payload_as_memoryview())
        self.counts.received[message.type] += 1
        if self.stamps and message.type in AUDIO:
            self.heard_ns.append(time.monotonic_ns())
        if message.type == "error":
            self.counts.add_error(frame.get_payload_as_utf8_text())
        elif self.raw or says_connected(message):
            self.mark_connected()

    def mark_connected(self) -> None:
        if not self.connected.done():
            self.connected.set_result(time.monotonic_ns())

    def close(self) -> None:
        """Say so, and leave when it is answered.

        A socket that is closed with something unread in it takes back what was said last, and the
        call would be kept for a client that may come back.
        """
        if not self.closing:
            self.closing = True
            self.transport.send_close(1000)


def says_connected(message: ServerMessage) -> bool:
    if message.type != "connection_status":
        return False
    return msgspec.json.decode(message.data).get("status") == "connected"


def tone_chunks(rate_hz: int, chunk_ms: int) -> list[bytes]:
    """One second of a quiet tone, pcm16, cut into chunks."""
    wave = (int(8000 * math.sin(2 * math.pi * 440 * n / rate_hz)) for n in range(rate_hz))
    audio = array("h", wave).tobytes()
    size = rate_hz * chunk_ms // 1000 * 2
    return [audio[at : at + size] for at in range(0, len(audio) - size + 1, size)]


def as_text(chunk: bytes, kind: str) -> bytes:
    return b'{"type":"%b","audio":"%b"}' % (kind.encode(), base64.b64encode(chunk))


class Load:
    """All sessions of one run."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.counts = Counts()
        self.callers: list[Caller] = []
        self.connect_ms: list[float] = []
        self.sent_ns: list[int] = []
        self.running = True
        chunks = tone_chunks(options.rate, options.chunk_ms)
        self.frame_type = WSMsgType.BINARY if options.binary else WSMsgType.TEXT
        if options.binary:
            self.frames = chunks
        else:
            self.frames = [as_text(chunk, options.message_type) for chunk in chunks]

    async def open_all(self) -> None:
        """Open the sessions in a row, so that session n here is connection n upstream."""
        headers = [("Authorization", f"Bearer {self.options.token}")] if self.options.token else []
        for _ in range(self.options.sessions):
            opened_ns = time.monotonic_ns()
            _, caller = await ws_connect(
                lambda: Caller(self.counts, self.options.raw, self.options.stamps),
                self.options.url,
                extra_headers=headers,
            )
            self.callers.append(caller)
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connected_ns = await caller.connected
            self.connect_ms.append((connected_ns - opened_ns) / 1e6)

    async def send_paced(self) -> None:
        """Send chunk after chunk, each session's at its own place within the interval.

        A session sends a chunk every `chunk_ms`; together they send one every `step_s`.
        """
        step_s = self.options.chunk_ms / 1000 / len(self.callers)
        start_s = time.monotonic()
        number = 0
        while self.running:
            now_s = time.monotonic()
            while start_s + number * step_s <= now_s:
                self.note_lateness((now_s - start_s - number * step_s) * 1000)
                self.send(number)
                number += 1
            next_s = start_s + number * step_s
            await asyncio.sleep(max(next_s - now_s, TIMER_STEP_S))

    def note_lateness(self, late_ms: float) -> None:
        self.counts.late += late_ms > LATE_MS
        self.counts.worst_late_ms = max(self.counts.worst_late_ms, late_ms)

    def send(self, number: int) -> None:
        turn, place = divmod(number, len(self.callers))
        caller = self.callers[place]
        if self.options.stamps:
            self.sent_ns.append(time.monotonic_ns())
        if not caller.closing:
            caller.transport.send(self.frame_type, self.frames[turn % len(self.frames)])
            self.counts.sent += 1

    async def run(self) -> dict:
        await self.open_all()
        sending = asyncio.ensure_future(self.send_paced())
        await asyncio.sleep(SETTLE_S)
        self.print_mark("begin")
        await asyncio.sleep(self.options.seconds)
        self.print_mark("end")
        await asyncio.sleep(SETTLE_S / 2)
        self.running = False
        await sending
        if self.options.commit:
            self.commit()
        self.print_mark("sent")
        await self.until_delivered()
        await self.close_all()
        return self.result()

    async def close_all(self) -> None:
        for caller in self.callers:
            caller.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                for caller in self.callers:
                    await caller.gone.wait()
        for caller in self.callers:
            caller.transport.disconnect()

    def commit(self) -> None:
        """Ask for what a resampler holds back, so that all that was sent can be counted."""
        for caller in self.callers:
            if not caller.closing:
                caller.transport.send(WSMsgType.TEXT, b'{"type":"commit_audio"}')

    async def until_delivered(self) -> None:
        """Keep the sessions: whoever closes throws away what is still on its way."""
        if self.options.hold:
            await asyncio.to_thread(sys.stdin.readline)
        else:
            await asyncio.sleep(SETTLE_S / 2)

    def print_mark(self, name: str) -> None:
        now_ns = time.monotonic_ns()
        print_json({"mark": name, "sent": self.counts.sent, "monotonic_ns": now_ns})

    def result(self) -> dict:
        received = self.counts.received
        return {
            "sessions": len(self.callers),
            "sent": self.counts.sent,
            "acks": received["audio_received"],
            "audio": sum(received[kind] for kind in AUDIO),
            "received": dict(received),
            "errors": self.counts.errors,
            "error_texts": self.counts.error_texts,
            "late": self.counts.late,
            "worst_late_ms": round(self.counts.worst_late_ms, 1),
            "connect_ms_median": round(statistics.median(self.connect_ms), 2),
            "connect_ms_worst": round(max(self.connect_ms), 2),
            "sent_ns": self.sent_ns,
            "heard_ns": [caller.heard_ns for caller in self.callers] if self.options.stamps else [],
        }


def print_json(value: object) -> None:
    """A line of it, whole: with PYTHONUNBUFFERED, `print` loses what a full pipe does not take."""
    left = memoryview(msgspec.json.encode(value) + b"\n")
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--token", default="", help="sent as Authorization: Bearer")
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=8, help="the measured time")
    parser.add_argument("--chunk-ms", type=int, default=20)
    parser.add_argument("--rate", type=int, default=48_000, help="of the audio sent, in Hz")
    parser.add_argument("--binary", action="store_true", help="binary frames, not JSON")
    parser.add_argument("--message-type", default="audio_data", help="of a chunk as JSON")
    parser.add_argument("--commit", action="store_true", help="commit_audio after the last chunk")
    parser.add_argument(
        "--hold", action="store_true", help="close only after a line on standard input"
    )
    parser.add_argument("--raw", action="store_true", help="any first message means connected")
    parser.add_argument(
        "--stamps", action="store_true", help="report the time of every chunk and answer"
    )
    return parser.parse_args()


def main() -> None:
    print_json(uvloop.run(Load(parse_options()).run()))


if __name__ == "__main__":
    main()
