"""A Realtime server that costs next to nothing: it answers audio with the same length of audio.

Run in a process of its own; it prints its URL when it is ready.  `GET /stats` tells what came in
`GET /arrivals` when it came, `GET /departures` when an answer went out (with `--stamps`);
with `?first=7` each of them counts the connections from number 7 on.  Connections of the models
below have no number: they are beside what is measured, and may come in the middle of it.
"""

import argparse
import asyncio
import base64
import itertools
import math
import time
from array import array

import msgspec
import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

RATE_HZ = 24_000
BYTES_PER_MS = RATE_HZ * 2 // 1000
DELTA_MS = 100
RESPONSE_DELTAS = 50  # an answer of 5 s: whoever is measured also pays for ends and beginnings


def tone_base64(length_ms: int) -> str:
    """A quiet 440 Hz tone, pcm16 at 24 kHz."""
    count = RATE_HZ * length_ms // 1000
    wave = (int(8000 * math.sin(2 * math.pi * 440 * n / RATE_HZ)) for n in range(count))
    return base64.b64encode(array("h", wave).tobytes()).decode()


DEAF, HASTY, ABSENT, ASIDE = b"model=deaf", b"model=hasty", b"model=absent", b"model=aside"
"""In the path.  One reads nothing any more from the first audio on, one talks too much, one takes
the connection and says nothing, one is like any other."""

HASTE = 10

DELTA_AUDIO = tone_base64(DELTA_MS)


class ClientEvent(msgspec.Struct):
    """What we read of an event; the rest of it is skipped."""

    type: str
    audio: str = ""
    session: dict | None = None


class Totals:
    """What came in over all connections."""

    def __init__(self, stamps: bool) -> None:
        self.stamps = stamps
        self.open_now = 0
        self.appends = 0
        self.audio_bytes: list[int] = []
        """By connection."""
        self.deaf: list[UpstreamSession] = []
        self.arrivals: list[tuple[int, int, int]] = []
        """(connection, audio bytes of it so far, monotonic nanoseconds)"""
        self.departures: list[tuple[int, int]] = []
        """(connection, monotonic nanoseconds) of each piece of an answer"""

    def as_json(self, first: int) -> bytes:
        return msgspec.json.encode(
            {
                "opened": len(self.audio_bytes),
                "open_now": self.open_now,
                "appends": self.appends,
                "audio_ms": sum(self.audio_bytes[first:]) / BYTES_PER_MS,
            }
        )


class UpstreamSession(WSListener):
    """One connection.  Those that count are numbered from 0 in the order of their opening."""

    def __init__(self, totals: Totals, path: bytes) -> None:
        self.totals = totals
        self.stops_reading = DEAF in path
        self.is_absent = ABSENT in path
        self.pace = HASTE if HASTY in path else 1
        self.counts = not any(name in path for name in (DEAF, HASTY, ABSENT, ASIDE))
        self.number = len(totals.audio_bytes)
        if self.counts:
            totals.audio_bytes.append(0)
        self.event_ids = itertools.count()
        self.audio_bytes = 0
        self.deltas = 0
        self.session = default_session(self.number)
        self.decoder = msgspec.json.Decoder(ClientEvent)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport
        self.totals.open_now += 1
        if not self.is_absent:
            self.send("session.created", session=self.session)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002
        self.totals.open_now -= 1

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), b"")
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT and not self.is_absent:
            self.answer(self.decoder.decode(frame.get_payload_as_memoryview()))

    def answer(self, event: ClientEvent) -> None:
        match event.type:
            case "input_audio_buffer.append" if self.stops_reading:
                self.transport.underlying_transport.pause_reading()
                # The loop holds no transport that does not read; collected, it would be closed.
                self.totals.deaf.append(self)
            case "input_audio_buffer.append":
                self.count(len(event.audio) * 3 // 4 - event.audio[-2:].count("="))
                due = self.audio_bytes * self.pace // (DELTA_MS * BYTES_PER_MS)
                for _ in range(self.deltas, due):
                    self.talk()
            case "session.update":
                merge(self.session, event.session or {})
                self.send("session.updated", session=self.session)
            case "input_audio_buffer.clear":
                self.send("input_audio_buffer.cleared")
            case "input_audio_buffer.commit":
                item_id = f"item_user_{self.number}_{self.deltas}"
                self.send("input_audio_buffer.committed", item_id=item_id, previous_item_id=None)

    def count(self, size: int) -> None:
        self.audio_bytes += size
        if not self.counts:
            return
        self.totals.audio_bytes[self.number] = self.audio_bytes
        self.totals.appends += 1
        if self.totals.stamps:
            stamp = (self.number, self.audio_bytes, time.monotonic_ns())
            self.totals.arrivals.append(stamp)

    def talk(self) -> None:
        """Send the next 100 ms of the answer, with what belongs before and after it."""
        turn, place = divmod(self.deltas, RESPONSE_DELTAS)
        if place == 0:
            self.begin_response(f"{self.number}_{turn}")
        if self.counts and self.totals.stamps:
            self.totals.departures.append((self.number, time.monotonic_ns()))
        head = (
            f'{{"type":"response.output_audio.delta",{self.delta_ids},"event_id":"{self.next_id()}'
        )
        self.transport.send(WSMsgType.TEXT, f'{head}","delta":"{DELTA_AUDIO}"}}'.encode())
        self.deltas += 1
        if place == RESPONSE_DELTAS - 1:
            self.end_response(f"{self.number}_{turn}")

    def begin_response(self, name: str) -> None:
        ids = part_ids(name)
        self.delta_ids = msgspec.json.encode(ids).decode()[1:-1]
        item = assistant_item(name, "in_progress")
        place = {"response_id": ids["response_id"], "output_index": 0}
        self.send("response.created", response=response(name, "in_progress"))
        self.send("response.output_item.added", **place, item=item)
        self.send("conversation.item.added", item=item, previous_item_id=None)
        self.send("response.content_part.added", **ids, part={"type": "audio", "transcript": ""})

    def end_response(self, name: str) -> None:
        ids = part_ids(name)
        item = assistant_item(name, "completed")
        place = {"response_id": ids["response_id"], "output_index": 0}
        self.send("response.output_audio.done", **ids)
        self.send("response.output_audio_transcript.done", **ids, transcript="la")
        self.send("response.content_part.done", **ids, part={"type": "audio", "transcript": "la"})
        self.send("conversation.item.done", item=item, previous_item_id=None)
        self.send("response.output_item.done", **place, item=item)
        self.send("response.done", response=response(name, "completed"))

    def send(self, kind: str, **fields: object) -> None:
        event = {"type": kind, "event_id": self.next_id(), **fields}
        self.transport.send(WSMsgType.TEXT, msgspec.json.encode(event))

    def next_id(self) -> str:
        return f"event_{self.number}_{next(self.event_ids)}"


def default_session(number: int) -> dict:
    audio_format = {"type": "audio/pcm", "rate": RATE_HZ}
    return {
        "type": "realtime",
        "object": "realtime.session",
        "id": f"sess_{number}",
        "model": "gpt-realtime",
        "output_modalities": ["audio"],
        "audio": {
            "input": {"format": audio_format, "turn_detection": {"type": "server_vad"}},
            "output": {"format": audio_format, "voice": "alloy", "speed": 1.0},
        },
    }


def part_ids(name: str) -> dict:
    ids = {"response_id": f"resp_{name}", "item_id": f"item_{name}"}
    return ids | {"output_index": 0, "content_index": 0}


def assistant_item(name: str, status: str) -> dict:
    content = [{"type": "output_audio", "transcript": "la"}] if status == "completed" else []
    return {
        "id": f"item_{name}",
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    }


def response(name: str, status: str) -> dict:
    finished = status == "completed"
    tokens = {"input_tokens": 50, "output_tokens": 50, "total_tokens": 100}
    return {
        "object": "realtime.response",
        "id": f"resp_{name}",
        "status": status,
        "status_details": None,
        "output": [assistant_item(name, status)] if finished else [],
        "conversation_id": "conv_bench",
        "output_modalities": ["audio"],
        "usage": tokens if finished else None,
        "metadata": None,
    }


def merge(target: dict, change: dict) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(target.get(key), dict):
            merge(target[key], value)
        else:
            target[key] = value


def stamps_from(stamps: list[tuple[int, ...]], first: int) -> bytes:
    return msgspec.json.encode([stamp for stamp in stamps if stamp[0] >= first])


async def serve(port: int, stamps: bool) -> None:
    totals = Totals(stamps)

    def route(request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        path, _, query = request.path.partition(b"?")
        if path not in (b"/stats", b"/arrivals", b"/departures"):
            return UpstreamSession(totals, request.path)
        first = int(query.removeprefix(b"first=") or 0)
        match path:
            case b"/arrivals":
                body = stamps_from(totals.arrivals, first)
            case b"/departures":
                body = stamps_from(totals.departures, first)
            case _:
                body = totals.as_json(first)
        return WSUpgradeResponseWithListener(WSUpgradeResponse.create_ok_response(body), None)

    server = await ws_create_server(route, "127.0.0.1", port, max_frame_size=16 * 1024 * 1024)
    print(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/realtime", flush=True)
    await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--stamps", action="store_true", help="keep the time of every append and delta"
    )
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.stamps))


if __name__ == "__main__":
    main()
