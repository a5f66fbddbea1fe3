"""How files begin, and raw audio does not.  Pure, without numpy."""

import re

from workers.formats import Container


def _begins(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern, re.DOTALL)


TAKEN: dict[Container, re.Pattern[bytes]] = {
    "wav": _begins(rb"(?:RIFF|RF64|BW64)....WAVE"),
    "flac": _begins(rb"fLaC"),
    "ogg": _begins(rb"OggS"),
}
ID3 = b"ID3"
ID3_HEAD_BYTES = 10
ID3_FOOTER = 0x10
"""The flag of a tag that ends as it begins."""

NOT_TAKEN: dict[str, re.Pattern[bytes]] = {
    "WebM": _begins(rb"\x1aE\xdf\xa3"),
    "MP4": _begins(rb"....ftyp"),
    "AIFF": _begins(rb"FORM....AIF[FC]"),
    "CAF": _begins(rb"caff\x00"),
    "AU": _begins(rb"\.snd|dns\."),
    "W64": _begins(rb"riff\x2e\x91"),
    "VOC": _begins(rb"Creative Voice"),
    "NIST": _begins(rb"NIST_1A\n"),
    "AAC": _begins(rb"\xff[\xf0\xf1\xf8\xf9]"),
    "MP3": _begins(rb"ID3|\xff[\xe2-\xe7\xea-\xef\xf2-\xf7\xfa-\xff]"),
}
"""For a better sentence; docs/decisions/0011-files-in-a-helper.md says why not."""

NO_RAW_AUDIO: dict[str, re.Pattern[bytes]] = {
    "wav": TAKEN["wav"],
    "flac": _begins(rb"fLaC[\x00\x80]\x00\x00\x22"),
    "ogg": _begins(rb"OggS\x00\x02\x00{8}"),
    "WebM": _begins(rb"\x1aE\xdf\xa3.{1,8}?B\x86"),
    "MP4": _begins(rb"\x00\x00[\x00\x01].ftyp[ -~]{4}"),
}
"""Of what people send for raw audio, as much as all such files share: 48 bits at least.  No hour of
speech, and no noise, has them where a chunk begins.
"""
FIRST_BYTES = frozenset(b"RBfO\x1a")
"""Of these, but for MP4, whose first byte is that of silence."""
MARK = 1
FIRST_MARKED = bytes(byte in FIRST_BYTES for byte in range(256))
"""For `bytes.translate`."""
MP4_SIXTH_BYTE = ord("t")
SHORTEST_BYTES = 8
HEAD_BYTES = 16
"""As much of a file as is looked at."""


def container_of(data: bytes) -> Container | None:
    """Which of the files that are taken *data* begins as."""
    return next((name for name, pattern in TAKEN.items() if pattern.match(data)), None)


def kind_of(data: bytes) -> str | None:
    """What file *data* begins as, taken or not, behind the tags that are in front of it."""
    foreign = (name for name, pattern in NOT_TAKEN.items() if pattern.match(data))
    return container_of(without_tags(data)) or next(foreign, None)


def without_tags(data: bytes) -> bytes:
    """*data* behind the ID3 tags that some programs put in front of any file."""
    at = 0
    while data.startswith(ID3, at):
        at += _id3_bytes(data[at : at + ID3_HEAD_BYTES])
    return data[at:] if at else data


def _id3_bytes(data: bytes) -> int:
    """How long an ID3v2 tag is: seven bits of each byte (https://id3.org/id3v2.4.0-structure)."""
    size = 0
    for byte in data[6:]:
        size = size << 7 | byte & 0x7F
    has_footer = len(data) == ID3_HEAD_BYTES and data[5] & ID3_FOOTER
    return ID3_HEAD_BYTES + size + (ID3_HEAD_BYTES if has_footer else 0)


def file_in_place_of_audio(data: bytes) -> str | None:
    """What file *data*, which should be raw audio, begins as."""
    if len(data) < SHORTEST_BYTES or (data[0] not in FIRST_BYTES and data[5] != MP4_SIXTH_BYTE):
        return None  # as all audio does, but for one chunk in forty
    return next((name for name, pattern in NO_RAW_AUDIO.items() if pattern.match(data)), None)


def may_hold_files(joined: bytes, size_bytes: int) -> bool:
    """Whether one of the chunks of *size_bytes* in *joined* begins as a file.

    All are looked at in a few calls, and one by one only where the first byte may be a file's.
    """
    if size_bytes < SHORTEST_BYTES:
        return False
    marked = joined[::size_bytes].translate(FIRST_MARKED)
    return _any_file(joined, size_bytes, marked, MARK) or _any_file(
        joined, size_bytes, joined[5::size_bytes], MP4_SIXTH_BYTE
    )


def _any_file(joined: bytes, size_bytes: int, bytes_of_chunks: bytes, mark: int) -> bool:
    number = bytes_of_chunks.find(mark)
    while number >= 0:
        at = number * size_bytes
        if file_in_place_of_audio(joined[at : at + HEAD_BYTES]):
            return True
        number = bytes_of_chunks.find(mark, number + 1)
    return False
