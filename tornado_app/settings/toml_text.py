"""TOML as an operator wrote it, and as much of it as can be read if some of it is wrong."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, NamedTuple

_HEADER = re.compile(r"\s*\[\s*([\w-]+)\s*\]\s*(?:#.*)?")


class Tables(NamedTuple):
    """What a text says, section by section."""

    tables: dict[str, Any]
    problems: list[str]
    """What is no TOML, with line and column."""
    unread: set[str] | None
    """Sections of which something could not be read; None: it may be any."""


def read_toml(text: str) -> Tables:
    """Read all of *text*, or each section that is right.  Raises nothing."""
    try:
        return Tables(tomllib.loads(text), [], set())
    except (ValueError, RecursionError) as error:
        whole = str(error)
    read: dict[str, Any] = {}
    problems: list[str] = []
    unread: set[str] = set()
    known = True
    for section, block in _blocks(text):
        try:
            tables = tomllib.loads(block)
        except (ValueError, RecursionError) as error:
            problems.append(str(error))
            unread.add(section)
        else:
            known = known and tables.keys().isdisjoint(read)
            read |= tables
    known = known and bool(problems) and "" not in unread and unread.isdisjoint(read)
    return Tables(read, problems or [whole], unread if known else None)


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each section with its header, behind empty lines so that its own keep their numbers.

    What stands before the first header is of the section "".
    """
    section = ""
    start, lines = 0, text.split("\n")
    for number, line in enumerate(lines):
        if match := _HEADER.fullmatch(line):
            if any(lines[start:number]):
                yield section, "\n" * start + "\n".join(lines[start:number])
            section, start = match[1], number
    yield section, "\n" * start + "\n".join(lines[start:])
