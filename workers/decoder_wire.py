"""What the gateway and the process that decodes files say to each other.

A frame is the sizes of its head and its body, then the two.  The gateway imports this and not
`workers.decoder`, so that libsndfile is not even loaded there.
"""

import struct

import msgspec
from msgspec import Struct

from workers.formats import Container

RATE_HZ = 24_000
"""Of what it gives: the model's rate."""
SIZES = struct.Struct("!II")
"""Bytes of head and body."""
HEAD_BYTES = 1024
"""No head is longer."""


class DecodeFile(Struct, frozen=True):
    """Asks for a file, which is the body, as base64."""

    container: Container
    max_ms: int
    remove_dc: bool = False
    limit_peaks: bool = False


class Decoded(Struct, frozen=True, tag=True):
    """The body is what the model takes: mono s16le of `RATE_HZ`.

    Attributes
    ----------
    size_bytes : int
        Of the file.
    frames : int
        In the file, at its own rate.
    rate_hz : int
        Of the file.
    level_dbfs : float
        RMS of the whole, see `workers.level`.
    clipped : int
        Samples of the body that were beyond full scale before they were made so.
    """

    size_bytes: int
    frames: int
    rate_hz: int
    level_dbfs: float
    clipped: int


class NotDecoded(Struct, frozen=True, tag=True):
    """The file is not good; `BadAudio` in words for the wire."""

    is_format: bool
    """It is another kind of file than is taken; else it is broken, empty or too long."""
    sentence: str


class Fault(Struct, frozen=True, tag=True):
    """A fault of ours."""

    error: str
    """The name of the exception's type."""


Reply = Decoded | NotDecoded | Fault

_encoder = msgspec.json.Encoder()
_request_decoder = msgspec.json.Decoder(DecodeFile)
_reply_decoder: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


def pack(head: DecodeFile | Reply, body: bytes) -> bytes:
    """One frame."""
    text = _encoder.encode(head)
    return SIZES.pack(len(text), len(body)) + text + body


def parse_request(head: bytes) -> DecodeFile:
    """Read the head of a request."""
    return _request_decoder.decode(head)


def parse_reply(head: bytes) -> Reply:
    """Read the head of a reply; it comes from a process that a file may have taken over.

    Raises
    ------
    msgspec.DecodeError
        If it is none.
    """
    return _reply_decoder.decode(head)
