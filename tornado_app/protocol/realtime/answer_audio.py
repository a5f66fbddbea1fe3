"""The audio of an answer: taken out of its base64, and held good or broken.

It is looked at in the link's thread, where it keeps no other client waiting.
"""

from typing import TypeAlias

import pybase64
from msgspec import Struct


class AnswerAudio(Struct, frozen=True):
    """A stretch of 24 kHz mono s16le, cut anywhere, even within a sample.

    ``text`` is ``pcm`` as base64 if that is whole samples, in the one spelling that every decoder
    takes (RFC 4648, sections 3.5 and 4); else it is empty.
    """

    response_id: str
    item_id: str
    pcm: bytes
    text: str = ""


class BrokenAudio(Struct, frozen=True):
    """A stretch that no decoder could make anything of: it is not base64."""

    response_id: str
    size_bytes: int
    """Of its text."""


Heard: TypeAlias = AnswerAudio | BrokenAudio


def hear_audio(response_id: str, item_id: str, text: str | None) -> Heard:
    """Check one delta; None: it had no text at all.  Total: any text gives a value."""
    if text is None:
        return BrokenAudio(response_id, 0)
    try:
        pcm = pybase64.b64decode(text, validate=True)
    except ValueError:
        return BrokenAudio(response_id, len(text))
    passes = len(pcm) % 2 == 0 and _is_canonical(text, pcm)
    return AnswerAudio(response_id, item_id, pcm, text if passes else "")


def _is_canonical(text: str, pcm: bytes) -> bool:
    """Whether the bits that padding leaves over are 0: there are decoders that insist on it."""
    rest = len(pcm) % 3
    return not rest or text[-4:].encode() == pybase64.b64encode(pcm[-rest:])
