"""FLAC files as their streams (RFC 9639)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

MARKER = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22", re.DOTALL)
"""The marker and the head of the block that comes first, which is always of one size (8.2)."""
MARKER_BYTES = 4
SYNC = re.compile(rb"\xff[\xf8\xf9]")
"""What a frame begins with (9.1)."""
BLOCK_HEAD_BYTES = 4
STREAMINFO_BYTES = 34
LAST_BLOCK = b"\x80\x00\x00\x22"
COUNTS_FROM = 13
"""Where in STREAMINFO the number of samples begins, with the low half of a byte; the MD5 sum of the
audio is behind it.  Both may be zero, and then are not known."""

BLOCK_SIZES = {1: 192, **{n: 144 << n for n in range(2, 6)}, **{n: 1 << n for n in range(8, 16)}}
"""Of a frame, by the bits that say it (9.1.1); 6 and 7 say that it stands at the end."""
CRC8_POLYNOMIAL = 0x07
FIXED_SIZE = 0xF8
FRAMES_AT = MARKER_BYTES + BLOCK_HEAD_BYTES + STREAMINFO_BYTES
"""In a file of `streams`."""
HEAD_BYTES_MAX = 16
"""Of a frame."""


def streams(data: bytes) -> Iterator[bytes]:
    """Give each stream in *data* as a FLAC file of its own that says nothing of its length.

    A decoder then goes on to the end of the audio, whatever the header said: zero if it was written
    into a pipe, or more than there is.

    Parameters
    ----------
    data : bytes
        One FLAC file, or several joined.

    Yields
    ------
    file : bytes
        Its STREAMINFO and its frames; without pictures and comments.
    """
    first = MARKER.search(data)  # behind an ID3 tag, which some programs put in front
    at = first.start() if first else len(data)
    while at < len(data):
        info_at = at + MARKER_BYTES + BLOCK_HEAD_BYTES
        info = data[info_at : info_at + STREAMINFO_BYTES]
        begin = _frames_at(data, at + MARKER_BYTES)
        # Metadata may hold what looks like a file, but frames stand behind it, unless it was cut.
        has_frames = SYNC.match(data, begin)
        behind = MARKER.search(data, begin if has_frames else at + MARKER_BYTES)
        at = behind.start() if behind else len(data)
        if begin < at:
            low_half = bytes([info[COUNTS_FROM] & 0xF0])
            unknown = info[:COUNTS_FROM] + low_half
            yield b"fLaC" + LAST_BLOCK + unknown.ljust(STREAMINFO_BYTES, b"\0") + data[begin:at]


@dataclass(frozen=True, slots=True)
class FrameHead:
    """Where a frame lies in its stream, in samples."""

    begin: int
    end: int


def last_frame(stream: bytes) -> FrameHead | None:
    """Find the last frame that begins in a file of `streams`, be it whole or cut."""
    block_size = int.from_bytes(stream[8:10], "big")
    heads = (_frame_head(stream[at : at + HEAD_BYTES_MAX], block_size) for at in _syncs(stream))
    found = None
    for head in heads:
        found = head or found
    return found


def ends_at(stream: bytes, frames: int) -> bool:
    """Whether a file of `streams` has no whole frame beyond *frames* samples: cut, not damaged."""
    last = last_frame(stream)
    return last is not None and frames in {last.begin, last.end}


def _syncs(stream: bytes) -> Iterator[int]:
    """Where a frame may begin: what cannot differ between frames is as in the first."""
    first = stream[FRAMES_AT : FRAMES_AT + 4]
    if len(first) < 4:
        return
    thirds, fourths = (_same_low_half(byte) for byte in first[2:])
    pattern = re.escape(first[:2]) + b"[" + thirds + b"][" + fourths + b"]"
    for sync in re.finditer(pattern, stream[FRAMES_AT:], re.DOTALL):
        yield FRAMES_AT + sync.start()


def _same_low_half(byte: int) -> bytes:
    return re.escape(bytes(high << 4 | byte & 0x0F for high in range(16)))


def _frames_at(data: bytes, at: int) -> int:
    """Where the frames of the stream begin whose metadata is at *at*."""
    is_last = False
    while not is_last and at < len(data):
        is_last = bool(data[at] & 0x80)
        at += BLOCK_HEAD_BYTES + int.from_bytes(data[at + 1 : at + 4], "big")
    return at


def _frame_head(data: bytes, block_size: int) -> FrameHead | None:
    """Read a frame's header (9.1), or say that this is none."""
    number, at = _coded_number(data, 4)
    bits = data[2] >> 4 if len(data) > 2 else 0
    if number is None or not bits:
        return None
    rate_bits = data[2] & 0x0F
    size = BLOCK_SIZES.get(bits, 0)
    if bits in {6, 7}:
        width = bits - 5
        size = int.from_bytes(data[at : at + width], "big") + 1
        at += width
    at += {12: 1, 13: 2, 14: 2}.get(rate_bits, 0)
    if at >= len(data) or _crc8(data[: at + 1]):
        return None
    begin = number * block_size if data[1] == FIXED_SIZE else number
    return FrameHead(begin, begin + size)


def _coded_number(data: bytes, at: int) -> tuple[int | None, int]:
    """Read a number that is coded as in UTF-8, but longer (9.1.5); and where it ends."""
    if at >= len(data):
        return None, at
    first = data[at]
    more = 0
    while first & 0x80 >> more:
        more += 1
    if more in {1, 8}:
        return None, at
    number = first & 0x7F >> more
    end = at + max(more, 1)
    for byte in data[at + 1 : end]:
        number = number << 6 | byte & 0x3F
    return number, end


def _crc8(data: bytes) -> int:
    """0 if the last byte is the CRC of those before it (9.1.8)."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ CRC8_POLYNOMIAL if crc & 0x80 else crc << 1) & 0xFF
    return crc
