"""Frames that a client should survive: wrong as JSON, as events, or as WebSocket (RFC 6455)."""

import json
import struct
from collections.abc import Callable, Mapping

TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9
FIN, RSV1 = 0x80, 0x40
HUGE_BYTES = 200 << 20
LARGE_BYTES = 17 << 20
"""Over the 16 MiB at which clients usually draw the line."""


def frame(opcode: int, payload: bytes = b"", first_bits: int = FIN) -> bytes:
    """A server's frame; it is not masked (RFC 6455, 5.1)."""
    size = len(payload)
    first = first_bits | opcode
    if size < 126:
        return struct.pack("!BB", first, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


def _event(kind: str, **fields: object) -> bytes:
    return frame(TEXT, json.dumps({"type": kind, "event_id": "event_bad", **fields}).encode())


def _deep() -> bytes:
    return frame(TEXT, b"[" * 100_000)


def _large() -> bytes:
    return frame(TEXT, b" " * LARGE_BYTES)


def _fragments() -> bytes:
    return frame(TEXT, b"x", 0) + frame(0, b"x", 0) * 40_000


BAD_DELTA = {"response_id": "resp_bad", "item_id": "item_bad", "output_index": 0}
BAD_FRAMES: Mapping[str, Callable[[], bytes]] = {
    "invalid-json": lambda: frame(TEXT, b'{"type": '),
    "deep-json": _deep,
    "no-object": lambda: frame(TEXT, b"[]"),
    "no-type": lambda: frame(TEXT, b"{}"),
    "no-fields": lambda: _event("response.done"),
    "bad-base64": lambda: _event(
        "response.output_audio.delta", **BAD_DELTA, content_index=0, delta="!!!!"
    ),
    "binary": lambda: frame(BINARY, b"\x00\x01\x02"),
    "bad-utf8": lambda: frame(TEXT, b"\xff\xfe"),
    "bad-opcode": lambda: frame(3, b"?"),
    "reserved-bit": lambda: frame(TEXT, b"{}", FIN | RSV1),
    "masked": lambda: struct.pack("!BB4x", FIN | TEXT, 0x80 | 2) + b"{}",
    "bad-continuation": lambda: frame(0, b"more of nothing"),
    "interrupted-message": lambda: frame(TEXT, b"{", 0) + frame(TEXT, b"{}"),
    "many-fragments": _fragments,
    "large-message": _large,
    "huge-frame": lambda: struct.pack("!BBQ", FIN | TEXT, 127, HUGE_BYTES),
    "long-ping": lambda: frame(PING, b"x" * 126),
    "fragmented-ping": lambda: frame(PING, b"x", 0),
    "ping-flood": lambda: frame(PING, b"flood") * 5000,
    "close-without-code": lambda: frame(CLOSE),
    "bad-close-code": lambda: frame(CLOSE, struct.pack("!H", 999)),
    "one-byte-close": lambda: frame(CLOSE, b"\x03"),
    "garbage": lambda: b"HTTP/1.1 500 Internal Server Error\r\n\r\n",
}
"""Made when they are wanted: some are large."""
