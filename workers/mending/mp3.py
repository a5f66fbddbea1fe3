"""MP3 files as their streams (ISO 11172-3, 2.4.1; the head that LAME and others write, "Xing")."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SYNC = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")
"""What a frame of layer III begins with, of MPEG 2.5, 2 and 1."""
HEAD_BYTES = 4
RATES_HZ = (44_100, 48_000, 32_000)
"""Of MPEG 1; half of it in MPEG 2, a quarter in 2.5."""
KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBITS_BELOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
"""In MPEG 2 and 2.5."""
MONO = 3
NAMES = (b"Xing", b"Info")
LEAD_BYTES = 4096
"""The longest frame has 1441; a recording of a stream begins somewhere in one."""
LEAD_FRAMES = 3
HAS_COUNT = 1
NO_CRC = 1
CRC_BYTES = 2
MIDDLING_BITS = 8
"""The rate of bits of a head that we make: its frame has room for a count, whatever it is of."""


@dataclass(frozen=True, slots=True)
class _Frame:
    rate_hz: int
    is_mono: bool
    is_first_mpeg: bool
    size_bytes: int

    @property
    def kind(self) -> tuple[int, bool]:
        """What cannot differ within a stream."""
        return self.rate_hz, self.is_mono

    @property
    def tells_at(self) -> int:
        """Where the head of a file stands in its first frame, which is silent."""
        if self.is_first_mpeg:
            return HEAD_BYTES + (17 if self.is_mono else 32)
        return HEAD_BYTES + (9 if self.is_mono else 17)

    def is_head_in(self, data: bytes, at: int = 0) -> bool:
        return data[at + self.tells_at : at + self.tells_at + 4] in NAMES


def streams(data: bytes) -> Iterator[bytes]:
    """Give each of joined files as one that says how many frames it has, without what is none.

    A decoder goes no further than the first one says, guesses where none does, and gives up where
    something else lies between frames.

    Parameters
    ----------
    data : bytes
        One MP3 file, or several joined.

    Yields
    ------
    file : bytes
        Its frames; all of *data* as it is, if none is found.
    """
    parts, first = list[bytes](), None
    for frame, packed in _frames(data):
        if first is not None and (frame.is_head_in(packed) or frame.kind != first.kind):
            yield _file(first, parts)
            parts, first = [], None
        first = first or frame
        parts.append(packed)
    yield data if first is None else _file(first, parts)


def has_frames(data: bytes) -> bool:
    """Whether frames follow each other in *data*, be it behind a part of one: no audio does so."""
    for sync in SYNC.finditer(data, 0, LEAD_BYTES):
        at, count, frame = sync.start(), 0, _frame(data, sync.start())
        kind = frame and frame.kind
        while frame is not None and frame.kind == kind:
            at, count = at + frame.size_bytes, count + 1
            frame = _frame(data, at)
            if count == LEAD_FRAMES:
                return True
    return False


def _file(first: _Frame, parts: list[bytes]) -> bytes:
    flags, begin = first.tells_at + 7, first.tells_at + 8
    end = begin + 4
    is_counted = len(parts[0]) >= end and first.is_head_in(parts[0]) and parts[0][flags] & HAS_COUNT
    if not is_counted:
        parts = [_silent_head(first, parts[0]), *_without_debts(first, parts)]
    told, count = int.from_bytes(parts[0][begin:end], "big"), len(parts) - 1
    # One that was cut says more than there is: the end is not where its padding was.
    head = parts[0][:begin] + max(told, count).to_bytes(4, "big") + parts[0][end:]
    return b"".join([head, *parts[1:]])


def _without_debts(first: _Frame, parts: list[bytes]) -> Iterator[bytes]:
    """Frames of which none needs what stood in those before the first; one that did is silent.

    A decoder would make noise of whatever there is, and complain on the terminal.
    """
    kept_bytes, is_owed = 0, True
    for packed in parts:
        begin = HEAD_BYTES + (0 if packed[1] & NO_CRC else CRC_BYTES)
        end = begin + first.tells_at - HEAD_BYTES
        other_bits = 7 if first.is_first_mpeg else 8
        owed_bytes = int.from_bytes(packed[begin : begin + 2], "big") >> other_bits
        is_owed = is_owed and owed_bytes > kept_bytes
        kept_bytes += max(0, len(packed) - end)
        # It goes on to say how much it needs: a decoder keeps no more for the next one.
        needs = (owed_bytes << other_bits).to_bytes(2, "big").ljust(end - begin, b"\0")
        yield packed[:begin] + needs + packed[end:] if is_owed else packed


def _silent_head(first: _Frame, packed: bytes) -> bytes:
    """A frame that has a count, of the kind of the *first*."""
    fields = [packed[0], packed[1] | NO_CRC, MIDDLING_BITS << 4 | packed[2] & 0b1100, packed[3]]
    head = bytes(fields).ljust(first.tells_at, b"\0") + NAMES[0] + bytes([0, 0, 0, HAS_COUNT])
    return head.ljust(_size_bytes(first.rate_hz, MIDDLING_BITS, first.is_first_mpeg), b"\0")


def _frames(data: bytes) -> Iterator[tuple[_Frame, bytes]]:
    """The frames that follow each other, and the last one even if it was cut."""
    at, is_in_step = 0, False
    while at < len(data):
        frame = _frame(data, at)
        end = at + (frame.size_bytes if frame else 0)
        is_followed = _frame(data, end) is not None
        if frame is not None and (is_in_step or is_followed):
            end = end if is_followed else _until_next_file(data, at + 1, end)
            yield frame, data[at:end]
            at, is_in_step = end, True
            continue
        found = SYNC.search(data, at if is_in_step and frame is None else at + 1)
        at, is_in_step = found.start() if found else len(data), False


def _until_next_file(data: bytes, begin: int, end: int) -> int:
    """Where the next of joined files begins if this one was cut before *end*, else *end*."""
    for sync in SYNC.finditer(data, begin, end + 1):
        frame = _frame(data, sync.start())
        if frame is not None and frame.is_head_in(data, sync.start()):
            return sync.start()
    return end


def _frame(data: bytes, at: int) -> _Frame | None:
    head = data[at : at + HEAD_BYTES]
    if len(head) < HEAD_BYTES or not SYNC.match(head):
        return None
    bits, rate = head[2] >> 4, head[2] >> 2 & 3
    if not 0 < bits < 15 or rate == 3:
        return None
    halvings = {3: 0, 2: 1, 0: 2}[head[1] >> 3 & 3]
    rate_hz, is_first_mpeg = RATES_HZ[rate] >> halvings, not halvings
    size_bytes = _size_bytes(rate_hz, bits, is_first_mpeg) + (head[2] >> 1 & 1)
    return _Frame(rate_hz, head[3] >> 6 == MONO, is_first_mpeg, size_bytes)


def _size_bytes(rate_hz: int, bits: int, is_first_mpeg: bool) -> int:
    """Of a frame without padding; *bits* say how many there are each second."""
    if is_first_mpeg:
        return 144_000 * KBITS[bits - 1] // rate_hz
    return 72_000 * KBITS_BELOW[bits - 1] // rate_hz
