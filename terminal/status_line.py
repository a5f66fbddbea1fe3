"""One line at the bottom of a terminal, of what is true for this moment."""

import sys

from terminal.streams import write_error
from terminal.words import cells, columns, plain

CLEAR_LINE = "\r\x1b[K"


class StatusLine:
    """On standard error, if that is a terminal: a pipe gets nothing that is soon untrue."""

    def __init__(self) -> None:
        self._shown = ""

    def show(self, text: str) -> None:
        """Put *text* there, cut to the width, in place of what was there."""
        width = columns(sys.stderr)
        line = cut(plain(text), width - 1) if width else ""
        if line != self._shown:
            write_error(f"{CLEAR_LINE}{line}")
            self._shown = line

    def clear(self) -> None:
        """Take it away."""
        if self._shown:
            write_error(CLEAR_LINE)
        self._shown = ""


def cut(text: str, width: int) -> str:
    """The beginning of *text*, at most *width* columns of it."""
    while cells(text) > width:
        text = text[:-1]
    return text
