"""The library's parser of arguments, with the manners of this house."""

import argparse
import sys
import textwrap
from typing import Any, NoReturn

from terminal.streams import write_error, write_out
from terminal.words import columns, complain

NO_WIDTH = 10_000
"""Of a help that no terminal shows: longer than any of its lines."""
NARROW = 60
"""Below that, what options mean stands below them, not beside them."""


class Parser(argparse.ArgumentParser):
    """Complains in one line, to standard error; breaks lines for terminals only, between words."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**{"formatter_class": _Help} | keywords)

    def error(self, message: str) -> NoReturn:
        complain(f"{self.prog}: {message}", f"{self.prog} --help tells what there is.")
        raise SystemExit(2)

    def _print_message(self, message: str, file: Any = None) -> None:
        write = write_error if file is sys.stderr else write_out
        write(message)


class _Help(argparse.HelpFormatter):
    def __init__(self, prog: str) -> None:
        width = (columns(sys.stdout) or NO_WIDTH) - 2
        self._is_narrow = width < NARROW
        super().__init__(prog, max_help_position=6 if self._is_narrow else 24, width=width)
        self._action_max_length = 16  # the library forgets that commands are indented twice

    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: Any = None) -> None:
        if self._is_narrow and usage is None:
            # All options in a row, below the end of the program's name, leave no room for any.
            names = " ".join(str(a.metavar or a.dest) for a in actions if not a.option_strings)
            usage = f"%(prog)s [OPTIONS] {names}".rstrip()
        super().add_usage(usage, actions, groups, prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return textwrap.wrap(
            " ".join(text.split()), width, break_long_words=False, break_on_hyphens=False
        )

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        lines = self._split_lines(text, width - len(indent))
        return "\n".join(f"{indent}{line}" for line in lines)
