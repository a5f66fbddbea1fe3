"""Words on their way to a person: nothing in them drives the terminal, and none is broken."""

import os
import re
import shlex
import sys
import unicodedata
from collections.abc import Iterable
from typing import TextIO

from terminal.streams import OutputLost, write_error, write_out

# All of Unicode's controls, and what turns the direction of text around for what comes after it
# (https://www.unicode.org/reports/tr36/, 3.2): texts of others end up in a person's terminal.
_SPACES = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

# A word, a space, or one of the wide characters between which a line may end.
_WIDE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60"
_PIECES = re.compile(rf"\s+|[{_WIDE}]|[^\s{_WIDE}]+")

_LONG_WORD = re.compile("([!-~]{200})[!-~]{100,}")
"""One that says no more to a person than its beginning, in a language that has spaces; most
paths are shorter.
"""

AS_IT_IS = "    "
"""A line that begins so is there to be copied: it is not wrapped."""


def plain(text: str) -> str:
    """*text* in one line, without anything that a terminal obeys."""
    return _CONTROLS.sub("", _SPACES.sub(" ", text))


def how_to_install(extra: str) -> str:
    """The command that has requirements-*extra*.txt installed for the Python that runs this."""
    return f"{shlex.quote(sys.executable)} -m pip install -r requirements-{extra}.txt"


def is_text(words: str) -> bool:
    """Whether *words* are characters, all of them: bytes that are none reach a program as halves of
    surrogate pairs, in arguments, in the environment and from standard input.
    """
    try:
        words.encode()
    except UnicodeEncodeError:
        return False
    return True


def columns(stream: TextIO) -> int | None:
    """How wide the terminal is, or None: it is none, and nothing is wrapped."""
    if not stream.isatty():
        return None
    if (wished := os.environ.get("COLUMNS", "")).isdecimal() and int(wished):
        return int(wished)
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


class WordWrap:
    """Breaks lines between words, of a text that comes in pieces.

    A word whose end has not come is kept back; one that is wider than the line is left to the
    terminal.  With no *width* all goes through as it is.
    """

    def __init__(self, width: int | None, indent: str = "") -> None:
        self._width = width
        self._indent = indent
        self._column = 0
        self._word = ""
        self._space = ""

    @property
    def column(self) -> int:
        """How far the line is that was shown so far."""
        return self._column

    def feed(self, text: str) -> str:
        """What can be shown by now."""
        if self._width is None:
            return text
        pieces = _PIECES.findall(self._word + text)
        self._word = pieces.pop() if pieces and not pieces[-1].isspace() else ""
        return "".join(map(self._place, pieces))

    def end(self) -> str:
        """What was kept back; the line ends here."""
        rest = self._place(self._word) if self._word else ""
        self._column, self._word, self._space = 0, "", ""
        return rest

    def _place(self, piece: str) -> str:
        if piece.isspace():
            self._space += piece
            return ""
        space, self._space = self._space, ""
        width = cells(piece)
        if self._width and self._column and self._column + len(space) + width > self._width:
            self._column = len(self._indent) + width
            return f"\n{self._indent}{piece}"
        self._column += len(space) + width
        return space + piece


def cells(text: str) -> int:
    """How many columns of a terminal *text* takes."""
    return sum(_cell(character) for character in text)


def _cell(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def fit(lines: Iterable[str], stream: TextIO) -> str:
    """*lines*, harmless and ended, and wrapped if *stream* is a terminal."""
    width = columns(stream)
    return "".join(f"{_fit(plain(line), width)}\n" for line in lines)


def _fit(line: str, width: int | None) -> str:
    if line.startswith(AS_IT_IS):
        return line
    wrap = WordWrap(width, " " * (len(line) - len(line.lstrip()) + 2))
    return wrap.feed(line) + wrap.end()


def answer(*lines: str) -> None:
    """Say to standard output what the program was asked for.

    Raises:
        OutputLost: If it cannot be said.
    """
    write_out(fit(lines, sys.stdout))


def complain(*lines: str) -> None:
    """Say to standard error what is wrong, or how far the program is.

    What was typed may be quoted in it, however long it was.
    """
    write_error(fit((_LONG_WORD.sub(r"\1...", line) for line in lines), sys.stderr))


def announce(*lines: str) -> None:
    """Say to standard output what a server tells at its start, which it can do without."""
    try:
        answer(*lines)
    except OutputLost as lost:
        complain(f"What is said here cannot be written ({lost}); the server runs all the same.")
