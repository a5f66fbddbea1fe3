"""Ogg files as their streams (RFC 3533; Vorbis I, annex A.2; RFC 7845 for Opus)."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate, islice

from workers.mending import vorbis
from workers.opus_packets import SAMPLES_PER_MS, duration_ms

CAPTURE = b"OggS"
BEGINS_STREAM = b"OggS\x00\x02"
HEAD = struct.Struct("<4sBBqIIIB")
"""Capture, version, flags, granule position, serial, sequence, CRC, segments (RFC 3533, 6)."""
CONTINUED, FIRST, LAST = 1, 2, 4
CRC_POLYNOMIAL = 0x04C11DB7
OPUS_HEAD = b"OpusHead"
VORBIS_HEAD = b"\x01vorbis"
HEAD_PACKETS = {OPUS_HEAD: 2, VORBIS_HEAD: 3}
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
        Without the streams that lie between its pages ("multiplexed") and cannot be heard.  One
        that was cut before its audio is left out.
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
        self._pages: list[tuple[_Page, bytes]] = []
        """And what each was in the file; nothing, if it was another."""
        self._heard: _Page | None = None
        """The first page of what can be heard."""
        self._has_begun = False
        """It has more than the pages that all begin with."""

    def is_over_at(self, page: _Page) -> bool:
        """Whether another stream begins, and not beside this one.

        Two that can both be heard are not put beside each other: the first was cut.
        """
        both_heard = self._heard and _head_packets(page.body)
        return bool(page.flags & FIRST and (self._has_begun or both_heard))

    def add(self, page: _Page, packed: bytes) -> None:
        self._has_begun = self._has_begun or not page.flags & FIRST
        if page.flags & FIRST and _head_packets(page.body):
            self._heard = page
        self._pages.append((page, packed))

    def add_cut(self, page: _Page) -> None:
        left = page.whole()
        if left.lacing:
            self.add(left, b"")

    def files(self) -> Iterator[bytes]:
        """Without what lies between the pages of what can be heard."""
        heard, pages = self._heard, self._pages
        first = heard.body if heard else b""
        if heard:
            pages = [(page, packed) for page, packed in pages if page.serial == heard.serial]
        if sum(len(page.packets()) - 1 for page, _ in pages) <= _head_packets(first):
            return
        if first.startswith(OPUS_HEAD):
            pages = list(_counted(pages, _opus_samples([page for page, _ in pages])))
        elif first.startswith(VORBIS_HEAD):
            pages = _vorbis_counted(pages)
        yield b"".join(packed or page.pack() for page, packed in pages)


def _counted(pages: list[tuple[_Page, bytes]], packets: list[int]) -> Iterator[tuple[_Page, bytes]]:
    """Pages that say how much has been played behind each (RFC 7845, 4; Vorbis I, A.2).

    A decoder gives up where they say anything else, or ends there, as those of recorders do that
    go by a clock, do not begin at zero or do not know the end.  What is left out at the end is what
    was.  *packets* is how much each page plays.
    """
    ends = list(accumulate(packets))
    last = max((number for number, samples in enumerate(packets) if samples), default=-1)
    trimmed = _trimmed([page for page, _ in pages], packets, last)
    for number, (page, packed) in enumerate(pages[: last + 1] if trimmed else pages):
        right = page
        if number == last and trimmed:
            right = replace(page, flags=page.flags | LAST, granule=ends[number] - trimmed)
        elif packets[number]:
            right = replace(page, granule=ends[number])
        elif ends[number]:  # it ends no packet, or says that there is no more
            right = replace(page, granule=ends[number] if page.flags & LAST else -1)
        yield right, packed if right == page else b""


def _vorbis_counted(pages: list[tuple[_Page, bytes]]) -> list[tuple[_Page, bytes]]:
    """The same for Vorbis, if its heads say what a packet plays."""
    heads = list(islice(_packets([page for page, _ in pages]), HEAD_PACKETS[VORBIS_HEAD]))
    blocks = vorbis.blocks_of(heads)
    if blocks is None:
        return pages
    packets, before = list[int](), 0
    for begun in _audio_begins([page for page, _ in pages], HEAD_PACKETS[VORBIS_HEAD]):
        packets.append(0)
        for size in filter(None, map(blocks.of, begun)):
            # Half of each block lies over half of the one before, which is what is played then.
            packets[-1] += (before + size) // 4 if before else 0
            before = size
    return list(_counted(pages, packets))


def _opus_samples(pages: list[_Page]) -> list[int]:
    """How much the packets play that end in each page, at 48 kHz."""
    return [
        round(sum(map(duration_ms, packets)) * SAMPLES_PER_MS)
        for packets in _audio_begins(pages, HEAD_PACKETS[OPUS_HEAD])
    ]


def _audio_begins(pages: list[_Page], heads: int) -> Iterator[list[bytes]]:
    """For each page how the packets of audio begin that end in it."""
    unfinished = b""
    for page in pages:
        *packets, rest = page.packets()
        if page.flags & CONTINUED and packets:
            packets[0] = unfinished + packets[0]
        # Only its first bytes, which say it: one that goes on for ever would be added up.
        unfinished = (rest if packets else unfinished + rest)[:2]
        yield packets[heads:]
        heads = max(0, heads - len(packets))


def _packets(pages: list[_Page]) -> Iterator[bytes]:
    """Each packet whole."""
    unfinished = list[bytes]()
    for page in pages:
        *packets, rest = page.packets()
        for packet in packets:
            yield b"".join([*unfinished, packet])
            unfinished = []
        unfinished.append(rest)


def _trimmed(pages: list[_Page], samples: list[int], last: int) -> int:
    """How much of the *last* page with audio lies behind the end that the stream says it has."""
    told, behind = 0, 0
    for number, (page, played) in enumerate(zip(pages, samples, strict=True)):
        behind += played
        if page.flags & LAST and page.granule > 0:
            trimmed = told + behind - page.granule
            return trimmed if 0 < trimmed < samples[last] else 0
        if page.granule > 0 and number < last:
            told, behind = page.granule, 0
    return 0


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
