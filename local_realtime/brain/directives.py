"""The few kinds of instructions that the local model follows."""

import re
from dataclasses import dataclass

QUOTED = r"(?:[\"“]([^\"”]+)[\"”]|(?<!\w)'([^'\n]+)'(?!\w))"
TO_THE_END = r"([^\n]+)"
ALWAYS = re.compile(
    r"\b(?:always|only|just) (?:answer|reply|respond|say)(?: only)?(?: with| by saying)?"
    rf"(?: the words?)?(?:\s*:?\s*{QUOTED}|\s*:\s*{TO_THE_END})",
    re.IGNORECASE,
)
EXACTLY = re.compile(
    rf"^\s*(?:please )?(?:say|repeat|read)(?: out)?(?: aloud)?(?: exactly| verbatim)?(?: this)?"
    rf"(?:\s*:\s*|\s+(?=[\"“']))(?:{QUOTED}|{TO_THE_END})",
    re.IGNORECASE,
)
OPENING_QUOTED = re.compile(
    rf"\b(?:greet|greeting|open|opening|begin|start|first|welcome)\b[^\"“'\n]{{0,80}}?{QUOTED}",
    re.IGNORECASE,
)
OPENING = re.compile(
    r"\b(?:greeting|opening|opening sentence|begin with|start with|start by saying|"
    rf"begin by saying|greet [\w ]+ with)\s*:\s*{TO_THE_END}",
    re.IGNORECASE,
)
CLOSING = re.compile(
    rf"\b(?:end|finish|close|conclude)\b[^\"“'\n]{{0,60}}?\b(?:with|by saying)\b:?\s*{QUOTED}",
    re.IGNORECASE,
)
ONE_WORD = re.compile(r"\b(?:one|a single|1)[ -]word\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Directives:
    always: str | None
    """The only answer there is."""

    exactly: str | None
    """What this response is to say."""

    opening: str | None
    """What the first answer begins with."""

    one_word: bool

    closing: str | None = None
    """What every answer ends with."""


def read_instructions(instructions: str) -> Directives:
    return Directives(
        always=_first(ALWAYS, instructions),
        exactly=_first(EXACTLY, instructions),
        opening=_first(OPENING_QUOTED, instructions) or _first(OPENING, instructions),
        one_word=bool(ONE_WORD.search(instructions)),
        closing=_first(CLOSING, instructions),
    )


def _first(pattern: re.Pattern[str], instructions: str) -> str | None:
    found = pattern.search(instructions)
    if not found:
        return None
    return next(group for group in found.groups() if group is not None).strip()
