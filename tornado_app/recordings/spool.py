"""The file that a call is written into while it runs, and how it is read again.

Frames, one behind the other: two sizes (big-endian, 32 bits), an entry as JSON, and its audio as it
is.  A file that broke off, as of a process that was killed, is good up to its last whole frame.
"""

import os
from collections.abc import Iterator
from struct import Struct as Layout
from typing import BinaryIO, NamedTuple

import msgspec
import pybase64

from tornado_app.session.record import AnswerSound, Entry, UserSound

SUFFIX = ".spool"
PART = ".part"
"""Behind the name of a file that is being made of one."""
MODEL_BYTES_PER_MS = 48
"""24 kHz mono s16le."""

_SIZES = Layout(">II")
_ENTRIES = msgspec.json.Decoder(Entry)
_encode = msgspec.json.Encoder().encode


class Frame(NamedTuple):
    """An entry without its audio, and where in the file that is."""

    entry: Entry
    place: int
    size_bytes: int


def pack(entry: Entry) -> bytes:
    """*entry* as a frame."""
    audio = b""
    if isinstance(entry, UserSound):
        audio = pybase64.b64decode(entry.audio)
        entry = UserSound(entry.end_ms, b"")
    elif isinstance(entry, AnswerSound):
        audio = entry.pcm
        entry = AnswerSound(entry.item_id, b"")
    head = _encode(entry)
    return _SIZES.pack(len(head), len(audio)) + head + audio


def frames(file: BinaryIO) -> Iterator[Frame]:
    """All whole frames of *file*, from its beginning; others may read it meanwhile."""
    end = os.fstat(file.fileno()).st_size
    place = 0
    while place + _SIZES.size <= end:
        file.seek(place)
        head_bytes, audio_bytes = _SIZES.unpack(file.read(_SIZES.size))
        place += _SIZES.size + head_bytes
        if place + audio_bytes > end:
            return
        try:
            entry = _ENTRIES.decode(file.read(head_bytes))
        except msgspec.DecodeError:
            return
        yield Frame(entry, place, audio_bytes)
        place += audio_bytes
