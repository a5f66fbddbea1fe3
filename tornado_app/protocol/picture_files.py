"""What a picture says of itself in its header; nothing of it is decoded.

PNG: https://www.w3.org/TR/png-3/, sections 5.2, 11.2.1.  JPEG: ITU-T T.81, annex B.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Literal, NamedTuple, get_args

PictureFormat = Literal["png", "jpeg"]
FORMATS: tuple[PictureFormat, ...] = get_args(PictureFormat)

SEGMENTS_MAX = 1024
"""Before the size of a JPEG: profiles and previews of cameras are some dozens."""

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"\0\0\0\0IEND\xaeB\x60\x82"
_PNG_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""Bits of a sample, by type of colour."""
_JPEG = b"\xff\xd8\xff"
_JPEG_END = b"\xff\xd9"
# Start of frame, in all its ways of coding; the other three of these numbers are tables.
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})

_BEGINNINGS = {
    "PNG": _PNG,
    "JPEG": _JPEG,
    "GIF": b"GIF8",
    "TIFF": b"II*\0",
    "BMP": b"BM",
    "PDF": b"%PDF",
    "SVG": b"<svg",
}


class Size(NamedTuple):
    width_px: int
    height_px: int


class NoPicture(ValueError):
    """Why it is none, to end a sentence that begins with "it"."""


def looks_like(data: bytes) -> str:
    """What a file seems to be, in a word for people; empty if nobody knows."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[4:8] == b"ftyp":
        return "HEIC" if data[8:10] in {b"he", b"mi"} else "AVIF or MP4"
    return next((name for name, begins in _BEGINNINGS.items() if data.startswith(begins)), "")


def size_of(kind: PictureFormat, data: bytes) -> Size:
    """How large the picture is.  Bounded: the header and a look for the end.

    Raises:
        NoPicture: If *data* is no picture of this kind, or its end is missing.
    """
    begins = _PNG if kind == "png" else _JPEG
    if not data.startswith(begins):
        seems = looks_like(data)
        also = f"; it looks like {seems}" if seems else ""
        raise NoPicture(f"does not begin as a {kind.upper()} does{also}")
    size = _png_size(data) if kind == "png" else _jpeg_size(data)
    if not size.width_px or not size.height_px:
        raise NoPicture("has a width or a height of 0")
    if data.rfind(_PNG_END if kind == "png" else _JPEG_END) < 0:
        raise NoPicture("is cut: its end is missing")
    return size


def _png_size(data: bytes) -> Size:
    head = data[8:33]
    if len(head) < 25 or head[:8] != b"\0\0\0\rIHDR":
        raise NoPicture("has no header")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(
        "!IIBBBBB", head[8:21]
    )
    if zlib.crc32(head[4:21]) != int.from_bytes(head[21:25]):
        raise NoPicture("has a header that is damaged")
    is_known = compression == filtering == 0 and interlace in {0, 1}
    if depth not in _PNG_DEPTHS.get(colour, ()) or not is_known or max(width, height) >= 1 << 31:
        raise NoPicture("has a header that no PNG has")
    return Size(width, height)


def _jpeg_size(data: bytes) -> Size:
    for marker, start, end in _segments(data):
        if marker in _FRAMES:
            if end - start < 6:
                raise NoPicture("has a header that is damaged")
            _, height, width = struct.unpack("!BHH", data[start : start + 5])
            return Size(width, height)
    raise NoPicture("has no header that says how large it is")


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment up to the image's own data."""
    at = 2
    for _ in range(SEGMENTS_MAX):
        # Any number of 0xFF may stand before a marker (B.1.1.2); a camera writes one.
        if len(data) < at + 4 or data[at] != 0xFF:
            return
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in {0x00, 0xD9, 0xDA}:
            return
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
            if end > len(data) or end < at + 4:
                return
            yield marker, at + 4, end
            at = end
