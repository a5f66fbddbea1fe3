"""Files of the kinds that only `talk` reads, as their streams: AIFF, AU, CAF, W64, VOC, NIST."""

import re
from collections.abc import Callable, Iterator
from functools import partial

HEADERS = {
    "AIFF": re.compile(rb"FORM....AIF[FC](?:COMM|FVER|COMT|NAME|AUTH|SSND|MARK|INST)", re.DOTALL),
    "AU": re.compile(
        rb"\.snd\0\0.{6}\0\0\0[\x01-\x1b]\0|dns\...\0\0.{4}[\x01-\x1b]\0\0\0...\0", re.DOTALL
    ),
    "CAF": re.compile(rb"caff\0\x01\0\0desc\0{7}\x20"),
    "W64": re.compile(rb"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0.{8}wave\xf3", re.DOTALL),
    "VOC": re.compile(rb"Creative Voice File\x1a"),
    "NIST": re.compile(rb"NIST_1A\n +\d+\n"),
}
"""How each begins: so long that no audio looks like it."""
CHUNK_NAME = re.compile(rb"[ -~]{4}")
AU_SIZE = slice(8, 12)
NOT_KNOWN = b"\xff\xff\xff\xff"


def _streams(
    header: re.Pattern[bytes], mend: Callable[[bytes], bytes], data: bytes
) -> Iterator[bytes]:
    """Give each of joined files, whole or cut: a decoder reads the first, or takes all for it."""
    begins = [found.start() for found in header.finditer(data, 1)]
    for begin, end in zip([0, *begins], [*begins, len(data)], strict=True):
        yield mend(data[begin:end])


def _au(file: bytes) -> bytes:
    """Its audio goes to the end, whatever it says."""
    return file[: AU_SIZE.start] + NOT_KNOWN + file[AU_SIZE.stop :]


def _aiff(file: bytes) -> bytes:
    return _sized(file, b"SSND", head_bytes=12, width=4, is_padded=True)


def _caf(file: bytes) -> bytes:
    return _sized(file, b"data", head_bytes=8, width=8, is_padded=False)


def _sized(file: bytes, audio: bytes, *, head_bytes: int, width: int, is_padded: bool) -> bytes:
    """*file* with the size of the audio that is there, where its chunk says what cannot be.

    Of one that was cut, written into a pipe, or stopped: then no other chunk stands behind.
    """
    at = head_bytes
    while at + 4 + width <= len(file):
        begin = at + 4 + width
        size_bytes = int.from_bytes(file[at + 4 : begin], "big")
        end = begin + size_bytes + (size_bytes & is_padded)
        if file[at : at + 4] == audio:
            is_last = end <= len(file) < end + 4 + width  # some pad it that should not
            if size_bytes and (is_last or CHUNK_NAME.match(file[end : end + 4])):
                return file
            return file[: at + 4] + (len(file) - begin).to_bytes(width, "big") + file[begin:]
        at = end
    return file


def _as_it_is(file: bytes) -> bytes:
    return file


MENDS = {"AIFF": _aiff, "AU": _au, "CAF": _caf}
STREAMS: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    kind: partial(_streams, header, MENDS.get(kind, _as_it_is)) for kind, header in HEADERS.items()
}
