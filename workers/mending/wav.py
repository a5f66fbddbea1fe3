"""WAV files as their streams: `RIFF <https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html>`_,
and RF64 (EBU Tech 3306).
"""

import re
import struct
from collections.abc import Iterator

HEADER = re.compile(rb"(?:RIFF|RF64|BW64)....WAVE", re.DOTALL)
NEXT_HEADER = re.compile(rb"(?:RIFF|RF64|BW64)....WAVE(?:fmt |ds64|JUNK|LIST|bext|fact)", re.DOTALL)
"""Within what a chunk may say is its own: longer, so that no audio looks like it."""
HEADER_BYTES = 12
CHUNK_BYTES = 8
ELSEWHERE = 0xFFFFFFFF
"""The size of the audio stands in the chunk `ds64` of an RF64; or it came from a pipe."""
CHUNK_NAME = re.compile(rb"[ -~]{4}")
USUAL_CHUNK = re.compile(rb"LIST|fact|PEAK|cue |smpl|inst|bext|iXML|JUNK|PAD |FLLR|[iI][dD]3 |_PMX")
"""What is known behind audio, also if it was cut."""
TAG = re.compile(rb"ID3[\x02-\x04]|APETAGEX|TAG.{125}(?:\Z|(?:RIFF|RF64|BW64)....WAVE)", re.DOTALL)
"""What some programs put behind a file, in no chunk."""
KNOWN_CHUNK = re.compile(rb"fmt |data|" + USUAL_CHUNK.pattern)
FORM = re.compile(rb"fmt [\x10\x12\x28]\0\0\0")
NEEDED_CHUNK = re.compile(FORM.pattern + rb"|data", re.DOTALL)
"""Where reading goes on in a chunk whose size cannot be."""
FORM_FIELDS = struct.Struct("<HHIIHH")
PCM = 1
EXTENSIBLE = b"\xfe\xff"
EXTENSIBLE_FORM_BYTES = 40
LONG_FORM_BYTES = 18
"""From here on a form says more of itself."""


def streams(data: bytes) -> Iterator[bytes]:
    """Give each stretch of audio in *data* as a WAV file of its own, with its size set right.

    A size that cannot be is not believed: a program that writes into a pipe leaves zero, all ones
    or a guess.  Audio then goes on to the next header, or to the end.

    Parameters
    ----------
    data : bytes
        One WAV file, or several joined.

    Yields
    ------
    file : bytes
        Its format, and whole or partial frames; without a list, a cue or a comment.
    """
    form, long_bytes, at, has_data = b"", 0, 0, False
    known: dict[int, bool] = {}
    files = _Files(data)
    while at + CHUNK_BYTES <= len(data):
        if HEADER.match(data, at):
            form, long_bytes, at, has_data = b"", 0, at + HEADER_BYTES, False
            continue
        name, size_bytes = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        begin = at + CHUNK_BYTES
        at = files.until_next(at + 1, begin)
        if at < begin:
            continue
        if name == b"data":
            has_data = True
            if size_bytes == ELSEWHERE and at + long_bytes <= len(data):
                size_bytes = long_bytes
            end = files.until_next(at, _end_of_audio(data, at, size_bytes, known))
            if end > at:
                form = form or _form_behind(data, end, files.until_next(end, len(data)))
                yield _file(form, data[at:end])
        else:
            told = at + size_bytes
            end = files.until_next(at, told)
            if not has_data and (end < told or not _goes_on(data, told, size_bytes)):
                end, size_bytes = _needed_chunk(data, at, files.until_next(at, len(data))), 0
            if name == b"fmt ":
                form = _with_width(data[at:end] if size_bytes else _usual_form(data[at:end]))
            elif name == b"ds64":
                long_bytes = int.from_bytes(data[at + 8 : at + 16], "little")
        at = end + _padding(data, end, size_bytes)


class _Files:
    """Where the files begin that were joined; looked for once, however often it is asked."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._looked_from, self._next = 0, -1

    def until_next(self, begin: int, end: int) -> int:
        """Where the next one begins if this one was cut before *end*, else *end*."""
        if not self._looked_from <= begin <= self._next:
            found = NEXT_HEADER.search(self._data, begin)
            self._looked_from = begin
            self._next = found.start() if found else len(self._data) + ELSEWHERE
        return min(self._next, end)


def _goes_on(data: bytes, end: int, size_bytes: int) -> bool:
    """Whether another chunk stands behind one that should end at *end*."""
    at = end + _padding(data, end, size_bytes)
    return at + CHUNK_BYTES <= len(data) and CHUNK_NAME.match(data, at) is not None


def _needed_chunk(data: bytes, begin: int, end: int) -> int:
    """Where the next chunk stands without which nothing is heard; *end* if there is none."""
    found = NEEDED_CHUNK.search(data, begin, end)
    return found.start() if found else end


def _form_behind(data: bytes, begin: int, end: int) -> bytes:
    """The form of audio in front of it; empty if the same file has none."""
    found = FORM.search(data, begin, end)
    if found is None:
        return b""
    return _with_width(data[found.end() : found.end() + data[found.start() + 4]])


def _usual_form(data: bytes) -> bytes:
    """The form that *data* begins with, of a chunk that does not say how long it is."""
    return data[: EXTENSIBLE_FORM_BYTES if data.startswith(EXTENSIBLE) else FORM_FIELDS.size]


def _with_width(form: bytes) -> bytes:
    """A form whose bits are all that a sample takes: a decoder goes by them, not by its width.

    So 24 bits in four bytes, which are the upper ones, were read as three.
    """
    if not FORM_FIELDS.size <= len(form) <= LONG_FORM_BYTES:
        return form
    *fields, width, bits = FORM_FIELDS.unpack_from(form)
    if fields[0] == PCM and width == 4 * fields[1] and 16 < bits < 32:
        bits = 32
    return FORM_FIELDS.pack(*fields, width, bits) + form[FORM_FIELDS.size :]


def _end_of_audio(data: bytes, at: int, size_bytes: int, known: dict[int, bool]) -> int:
    end = min(at + size_bytes, len(data))
    if not (_are_chunks(data, at, known) if not size_bytes else _ends_there(data, end)):
        end = len(data)
    return end


def _are_chunks(data: bytes, at: int, known: dict[int, bool]) -> bool:
    """Whether the rest is other chunks, to the byte: then there is no audio in front of them.

    *known* is what was found out of other places of the same file, so that each is walked over
    once: a file of nothing but empty chunks asks this at every one of them.
    """
    walked = list[int]()
    while at not in known and at + CHUNK_BYTES <= len(data) and CHUNK_NAME.match(data, at):
        walked.append(at)
        size_bytes = int.from_bytes(data[at + 4 : at + 8], "little")
        end = at + CHUNK_BYTES + size_bytes
        at = end + _padding(data, end, size_bytes)
    are = known.get(at, at >= len(data))
    known |= dict.fromkeys(walked, are)
    return are


def _ends_there(data: bytes, end: int) -> bool:
    """Whether the file ends at *end*, or goes on with what may stand behind audio.

    A recorder that was stopped has written more than its header says.
    """
    if len(data) < end + CHUNK_BYTES:
        return True
    for at in (end, end + 1):  # with the byte of padding, or without
        chunk_end = at + CHUNK_BYTES + int.from_bytes(data[at + 4 : at + 8], "little")
        fits = CHUNK_NAME.match(data, at) and chunk_end <= len(data) + 1
        if fits or any(known.match(data, at) for known in (USUAL_CHUNK, TAG, HEADER)):
            return True
    return False


def _padding(data: bytes, end: int, size_bytes: int) -> int:
    """A chunk of an odd size has a byte behind it, but from programs that forget it."""
    is_forgotten = HEADER.match(data, end) or KNOWN_CHUNK.match(data, end)
    return 0 if is_forgotten else size_bytes & 1


def _file(form: bytes, audio: bytes) -> bytes:
    padded = form + bytes(len(form) & 1)
    chunks = b"WAVEfmt " + struct.pack("<I", len(form)) + padded
    chunks += b"data" + struct.pack("<I", len(audio)) + audio
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks
