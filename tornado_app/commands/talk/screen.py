"""What a talk shows: words that were said to standard output, how far it is to standard error.

On a terminal that is both, the last line says what is true for this moment, and the line above
it grows.  Where one of them is a pipe or a file, each has whole lines of its own.
"""

import sys
from typing import Literal

from terminal.colours import Colour, coloured
from terminal.status_line import cut
from terminal.streams import write_error, write_out
from terminal.words import WordWrap, columns, complain, fit, plain
from tornado_app.commands.talk.result import Answered

Role = Literal["user", "assistant"]
WHO = {"user": "You", "assistant": "Answer"}
COLOURS: dict[str, Colour] = {"user": "quiet", "assistant": "strong"}
INDENT = "  "
CLEAR_LINE = "\r\x1b[K"
PROMPT = "> "


class Screen:
    """Thread: loop."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._open_item = ""
        self._wrap = WordWrap(None)
        self._status = ""
        self._is_live = sys.stdout.isatty() and sys.stderr.isatty()

    def transcript(self, role: str, item_id: str, text: str, *, final: bool) -> None:
        """Show what is new of an item's *text*, in a line of its own.

        Raises:
            OutputLost: If standard output takes no more.
            KeyError: If nobody has this *role*.
        """
        status = self._lift()
        before = self._shown.get(item_id, "")
        text = plain(text)
        if not text.startswith(before):  # it was heard better
            self._end()
            before = ""
        new = text.removeprefix(before)
        if item_id != self._open_item and (new or not before):
            self._begin(role, item_id)
            new = new.lstrip()
        if item_id == self._open_item:
            write_out(self._wrap.feed(new))
        self._shown[item_id] = text
        if final:
            self._end()
            del self._shown[item_id]
        self._lower(status)

    def note(self, *sentences: str) -> None:
        """Say how far the talk is, or what is strange."""
        self._lift()
        self._end()
        complain(*sentences)

    def progress(self, text: str) -> None:
        """Show, on a terminal, what is true for this moment."""
        if self._is_live or not self._open_item:
            line = self._fitting(text)
            if line != self._status:
                self._lift()
                self._lower(line)

    def answered(self, answer: Answered) -> None:
        """How long it took, below the answer."""
        self.end_line()
        if answer.sentence:
            self._quietly(f"{INDENT}{answer.sentence}")

    def tool(self, name: str, status: str) -> None:
        """A line for each that begins or ends."""
        self._quietly(f"{INDENT}Tool {name}: {status}.")

    def saved(self, path: str, how_to_play: str) -> None:
        """Where the answers are, and what plays them."""
        self.note(f"Saved to {path}. To hear it:", f"    {how_to_play}")

    def prompt(self) -> None:
        """A person may type."""
        self.end_line()
        if sys.stdin.isatty():
            write_error(PROMPT)

    def prompted(self) -> None:
        """Who is asked has said that this was all, in the line of the prompt."""
        if sys.stdin.isatty():
            write_error("\n")

    def failed(self, *lines: str) -> None:
        """The talk cannot go on."""
        self._lift()
        self._end()
        write_error(coloured(fit(lines, sys.stderr), "bad", sys.stderr))

    def end_line(self) -> None:
        """End the line of the item that is shown.

        Raises:
            OutputLost: If standard output takes no more.
        """
        self._lift()
        self._end()

    def _quietly(self, sentence: str) -> None:
        status = self._lift()
        self._end()
        write_error(coloured(fit([sentence], sys.stderr), "quiet", sys.stderr))
        self._lower(status)

    def _begin(self, role: str, item_id: str) -> None:
        self._end()
        who = f"{WHO[role]}:"
        self._open_item = item_id
        self._wrap = WordWrap(columns(sys.stdout), INDENT)
        begin = self._wrap.feed(f"{who} ")
        write_out(coloured(begin, COLOURS[role], sys.stdout))

    def _end(self) -> None:
        if self._open_item:
            self._open_item = ""
            write_out(f"{self._wrap.end()}\n")

    def _fitting(self, text: str) -> str:
        width = columns(sys.stderr)
        return cut(plain(text), width - 1) if width else ""

    def _lift(self) -> str:
        """Take the status away, and go back to the end of the line that grows."""
        status, self._status = self._status, ""
        if status:
            write_error(CLEAR_LINE)
            if self._open_item:
                write_error(f"\x1b[A\x1b[{self._column + 1}G")
        return status

    def _lower(self, status: str) -> None:
        """Put the status below the line that grows."""
        if status:
            write_error(("\n" if self._open_item else "") + coloured(status, "quiet", sys.stderr))
        self._status = status

    @property
    def _column(self) -> int:
        """Of the cursor; a word that is wider than the terminal goes on in its next lines."""
        width = columns(sys.stdout) or 1
        column = self._wrap.column
        return column if column <= width else (column - 1) % width + 1


def meter(level_dbfs: float, width: int = 10) -> str:
    """A level from -60 dB up, to be seen at a glance."""
    filled = round(width * min(1.0, max(0.0, 1 + level_dbfs / 60)))
    return "|" * filled + "." * (width - filled)
