"""Instructions that hold names in braces: filled in, and never evaluated."""

import re
from collections.abc import Iterable, Iterator, Mapping

from tornado_app.policy.wrong import Wrong

NAMES_MAX = 64
VALUE_CHARACTERS = 256
"""What is filled in is a name or a word; more of it is left out."""

ALWAYS = ("user_id", "date", "language")
METADATA = "metadata."

_PARTS = re.compile(r"\{\{|\}\}|\{(?P<name>[A-Za-z_][\w.-]{0,79})\}|[{}]", re.ASCII)


def check(text: str, known: Iterable[str]) -> None:
    """Find what would not be filled in.  Any name that begins with `METADATA` is known.

    Raises:
        Wrong: With the place, and nothing of the text.
    """
    names = frozenset(known)
    count = 0
    for match in _PARTS.finditer(text):
        name = match["name"]
        is_good = match[0] in {"{{", "}}"} if name is None else _is_known(name, names)
        count += name is not None
        if not is_good or count > NAMES_MAX:
            shown = ", ".join(f"{{{name}}}" for name in (*names_in_order(names), "metadata.NAME"))
            may_be = (
                f"a text with at most {NAMES_MAX} names in braces, of {shown}, and {{{{ or }}}}"
            )
            place = f"for a brace; character {match.start() + 1} is none of these"
            raise Wrong("instructions", f"{may_be} {place}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """*text* with each name's value; what has none is left out.

    What comes from outside is made one short line, without characters that cannot be seen.
    """
    return "".join(_filled(text, values))


def plain(text: str) -> str:
    """*text* so that it is told as it stands, with nothing filled in."""
    return text.replace("{", "{{").replace("}", "}}")


def names_in_order(names: Iterable[str]) -> list[str]:
    others = set(names) - set(ALWAYS)
    return [*ALWAYS, *sorted(others)]


def _filled(text: str, values: Mapping[str, str]) -> Iterator[str]:
    at = 0
    for match in _PARTS.finditer(text):
        yield text[at : match.start()]
        at = match.end()
        name = match["name"]
        yield match[0][0] if name is None else _one_line(values.get(name, ""))
    yield text[at:]


def _one_line(value: str) -> str:
    words = " ".join(value[: VALUE_CHARACTERS + 1].split())
    return "".join(c for c in words if c.isprintable())[:VALUE_CHARACTERS]


def _is_known(name: str, names: frozenset[str]) -> bool:
    return name in names or (name.startswith(METADATA) and len(name) > len(METADATA))
