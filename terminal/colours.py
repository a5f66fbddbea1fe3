"""Colours for the few words that are to be seen first, where a person wants any."""

import os
from typing import Literal, TextIO

Colour = Literal["good", "bad", "quiet", "strong"]

_CODES: dict[Colour, str] = {"good": "32", "bad": "31", "quiet": "2", "strong": "1"}


def takes_colours(stream: TextIO) -> bool:
    """A terminal does, unless its user wants none (https://no-color.org)."""
    unwanted = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not unwanted


def coloured(text: str, colour: Colour, stream: TextIO) -> str:
    """*text* in *colour* if *stream* takes any; it is as wide as before."""
    if not text or not takes_colours(stream):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"
