"""Ogg files as their streams (RFC 3533; Vorbis I, annex A.2; RFC 7845 for Opus)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from workers.opus_packets import SAMPLES_PER_MS, duration_ms

CAPTURE = b"OggS"
BEGINS_STREAM = b"OggS\x00\x02"
HEAD = struct.Struct("<4sBBqIIIB")
"""Capture, version, flags, granule position, serial, sequence, CRC, segments (RFC 3533, 6)."""
CONTINUED, FIRST, LAST = 1, 2, 4
CRC_POLYNOMIAL = 0x04C11DB7
OPUS_HEAD = b"OpusHead"
HEAD_PACKETS = {OPUS_HEAD: 2, b"\x01vorbis": 3}
"""How many packets there are before the audio, by how the first begins."""


@dataclass(frozen=True, slots=True)
class _Page:
    flags: int
    granule: int
    serial: int
    sequence: int
    lacing: bytes
    """The sizes of its segments; a packet ends with the first that is not full (255)."""
    body: bytes

    def packets(self) -> list[bytes]:
        """Its packets, and last what belongs to one that ends in a later page, or nothing."""
        found, at, begin = list[bytes](), 0, 0
        for size in self.lacing:
            at += size
            if size < 255:
                found.append(self.body[begin:at])
                begin = at
        return [*found, self.body[begin:at]]

    def whole(self) -> "_Page":
        """What is left of it if its body was cut: the packets that are there to their ends."""
        at = segments = end = 0
        for number, size in enumerate(self.lacing, 1):
            at += size
            if size < 255 and at <= len(self.body):
                segments, end = number, at
        # It is not the last page any more: that would have the decoder believe the length.
        return replace(
            self,
            flags=self.flags & ~LAST,
            lacing=self.lacing[:segments],
            body=self.body[:end],
        )

    def pack(self) -> bytes:
        fields = (CAPTURE, 0, self.flags, self.granule, self.serial, self.sequence)
        blank = HEAD.pack(*fields, 0, len(self.lacing)) + self.lacing + self.body
        return HEAD.pack(*fields, _crc(blank), len(self.lacing)) + self.lacing + self.body


def streams(data: bytes) -> Iterator[bytes]:
    """Give each stream in *data*, one behind the other ("chained"), as an Ogg file of its own.

    A page that was cut keeps the packets that are whole: a decoder throws away the page, which may
    be a second of audio, or all of a short file.

    Parameters
    ----------
    data : bytes
        One Ogg file, or several joined.

    Yields
    ------
    file : bytes
        Streams that lie between each other ("multiplexed") stay together.  One that was cut before
        its audio is left out.
    """
    link = _Link()
    at = data.find(CAPTURE)
    while at >= 0:
        page, end = _page(data, at)
        if page is not None:
            if link.is_over_at(page):
                yield from link.files()
                link = _Link()
            if len(page.body) == sum(page.lacing):
                link.add(page, data[at:end])
            else:
                link.add_cut(page)
        at = data.find(CAPTURE, end)
    yield from link.files()


class _Link:
    """One stream of a chain."""

    def __init__(self) -> None:
        self._pages: list[bytes] = []
        self._first = b""
        self._packets = 0
        self._granule = 0
        self._unfinished = b""
        self._has_begun = False
        """It has more than the pages that all begin with."""

    def is_over_at(self, page: _Page) -> bool:
        """Whether another stream begins, and not beside this one.

        Two that can both be heard are not put beside each other: the first was cut.
        """
        both_heard = _head_packets(self._first) and _head_packets(page.body)
        return bool(page.flags & FIRST and (self._has_begun or both_heard))

    def add(self, page: _Page, packed: bytes) -> None:
        self._count(page)
        self._pages.append(packed)

    def add_cut(self, page: _Page) -> None:
        left = page.whole()
        if left.lacing:
            self._count(replace(left, granule=-1))
            # libsndfile takes an Opus page at its word; Vorbis counts for itself.
            granule = self._granule if self._is_opus else page.granule
            self._pages.append(replace(left, granule=granule).pack())

    def files(self) -> Iterator[bytes]:
        if self._packets > _head_packets(self._first):
            yield b"".join(self._pages)

    @property
    def _is_opus(self) -> bool:
        return self._first.startswith(OPUS_HEAD)

    def _count(self, page: _Page) -> None:
        self._has_begun = self._has_begun or not page.flags & FIRST
        self._first = self._first or page.body[:8]
        *packets, unfinished = page.packets()
        if page.flags & CONTINUED and packets:
            packets[0] = self._unfinished + packets[0]
        self._unfinished = unfinished if packets else self._unfinished + unfinished
        self._packets += len(packets)
        if page.granule > 0:
            self._granule = page.granule
        elif self._is_opus and self._packets > HEAD_PACKETS[OPUS_HEAD]:
            self._granule += round(sum(map(duration_ms, packets)) * SAMPLES_PER_MS)


def _head_packets(first: bytes) -> int:
    """How many are before the audio of a stream that begins with *first*; 0: none is known."""
    return next((count for name, count in HEAD_PACKETS.items() if first.startswith(name)), 0)


def _page(data: bytes, at: int) -> tuple[_Page | None, int]:
    """Read a page, whose body may be cut, and where it ends; None if its head is not all there."""
    if len(data) < at + HEAD.size:
        return None, len(data)
    _, _, flags, granule, serial, sequence, _, segments = HEAD.unpack_from(data, at)
    begin = at + HEAD.size + segments
    lacing = data[at + HEAD.size : begin]
    end = begin + sum(lacing)
    # The next file of a chain may stand where this one was cut, be it a byte before its end.
    behind = data.find(BEGINS_STREAM, at + len(CAPTURE), end + len(BEGINS_STREAM) - 1)
    end = min(end, len(data)) if behind < 0 else behind
    if end < begin:
        return None, end
    return _Page(flags, granule, serial, sequence, lacing, data[begin:end]), end


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ CRC_POLYNOMIAL if crc >> 31 else crc << 1) & 0xFFFFFFFF
        table.append(crc)
    return table


CRC_TABLE = _crc_table()


def _crc(page: bytes) -> int:
    """Of a page whose own CRC is 0."""
    crc = 0
    for byte in page:
        crc = crc << 8 & 0xFFFFFFFF ^ CRC_TABLE[crc >> 24 ^ byte]
    return crc
