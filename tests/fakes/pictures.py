"""Pictures, made byte by byte."""

import struct
import zlib


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG."""
    body = kind + data
    return struct.pack("!I", len(data)) + body + struct.pack("!I", zlib.crc32(body))


def png(width: int = 4, height: int = 2, depth: int = 8, colour: int = 2) -> bytes:
    """A black PNG, whole: any viewer opens it."""
    head = struct.pack("!IIBBBBB", width, height, depth, colour, 0, 0, 0)
    rows = zlib.compress(bytes(1 + 3 * 4) * 2)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def segment(marker: int, data: bytes) -> bytes:
    """One segment of a JPEG."""
    return bytes([0xFF, marker]) + struct.pack("!H", len(data) + 2) + data


def jpeg(width: int = 4, height: int = 2, before: bytes = b"", frame: int = 0xC0) -> bytes:
    """The headers of a JPEG around data that is none: nobody here decodes it."""
    head = struct.pack("!BHHB", 8, height, width, 1) + b"\1\x11\0"
    scan = segment(0xDA, b"\1\1\0\0\x3f\0") + b"\x12\x34"
    return (
        b"\xff\xd8" + segment(0xE0, b"JFIF\0") + before + segment(frame, head) + scan + b"\xff\xd9"
    )
