"""What a talk shows: words that were said to standard output, how far it is to standard error."""

import sys
from typing import Literal

from terminal.status_line import StatusLine
from terminal.streams import write_out
from terminal.words import WordWrap, columns, complain, plain

Role = Literal["user", "assistant"]
WHO = {"user": "You", "assistant": "Answer"}


class Screen:
    """Keeps both apart where both are one terminal: each has lines of its own.  Thread: loop."""

    def __init__(self) -> None:
        self._shown: dict[str, str] = {}
        self._open_item = ""
        self._wrap = WordWrap(None)
        self._status = StatusLine()

    def transcript(self, role: str, item_id: str, text: str, *, final: bool) -> None:
        """Show what is new of an item's *text*, in a line of its own.

        Raises:
            OutputLost: If standard output takes no more.
            KeyError: If nobody has this *role*.
        """
        before = self._shown.get(item_id, "")
        text = plain(text)
        if not text.startswith(before):  # it was heard better
            self.end_line()
            before = ""
        if item_id != self._open_item:
            self._begin(WHO[role], item_id)
        write_out(self._wrap.feed(text.removeprefix(before)))
        self._shown[item_id] = text
        if final:
            self.end_line()
            del self._shown[item_id]

    def note(self, *sentences: str) -> None:
        """Say how far the talk is, or what is strange."""
        self.end_line()
        self.clear()
        complain(*sentences)

    def progress(self, text: str) -> None:
        """Show, on a terminal, what is true for this moment."""
        if not self._open_item:
            self._status.show(text)

    def clear(self) -> None:
        """Take the progress away."""
        self._status.clear()

    def end_line(self) -> None:
        """End the line of the item that is shown.

        Raises:
            OutputLost: If standard output takes no more.
        """
        if self._open_item:
            self._open_item = ""
            write_out(f"{self._wrap.end()}\n")

    def _begin(self, who: str, item_id: str) -> None:
        self.end_line()
        self.clear()
        self._open_item = item_id
        self._wrap = WordWrap(columns(sys.stdout), "  ")
        write_out(self._wrap.feed(f"{who}: "))
