"""How many values stand in a JSON text, told without making them: one takes as long to make as a
hundred letters to read.  And how deep they stand in one another.
"""

from collections.abc import Iterable
from typing import Any

VALUES = 10_000
"""A message may have so many; sixty tools with schemas of a hundred lines have fewer."""
SEPARATORS = (",", "[", "{")
"""One of them stands before each value but the outermost."""
STRINGS_FOR_EACH = 2
"""Its name, and itself."""

LEVELS = 128
"""So many lists and objects may stand in one another.  What was read of a hundred more can still be
written, however much of its stack the interpreter has used by then; of nine hundred not always.
"""
_OPEN = (dict, list)


def has_too_many(text: str) -> bool:
    """Whether there are more than `VALUES`; of what is no JSON, whether there may be."""
    return len(text) > 2 * VALUES and separators_between_strings(text) > VALUES


def separators_between_strings(text: str) -> int:
    """As many as there are values but the outermost, and one more for each list or object."""
    if "\\" in text:
        text = text.replace("\\\\", "").replace('\\"', "")
    strings = text.count('"') // 2
    if strings > STRINGS_FOR_EACH * VALUES:
        return strings // STRINGS_FOR_EACH
    # A text may be full of commas: it is taken out before they are counted.
    between_strings = "".join(text.split('"')[::2])
    return sum(map(between_strings.count, SEPARATORS))


def is_too_deep(value: Any) -> bool:
    """Whether more than `LEVELS` lists and objects stand in one another in *value*."""
    level: list[Any] = [[value]]
    for _ in range(LEVELS + 1):
        level = [inner for each in level for inner in _within(each) if isinstance(inner, _OPEN)]
        if not level:
            return False
    return True


def _within(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
