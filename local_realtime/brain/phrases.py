"""Pieces of a sentence that may be an argument: names, places, moments, what is to be written."""

import re
from collections.abc import Callable, Iterable

from local_realtime.brain.numerals import with_digits
from local_realtime.brain.words import stem, stems, words_of

ONLY_DIGITS = r"(?<![\w.])(-?\d+(?:\.\d+)?)"
BREAK = r"(?=[,.!?;]|$|\s(?:and|in|for|to|at|from|with|on|please|by|about|saying|that)\b)"
PREPOSITIONS = "in|for|to|at|from|about|with|of|named|called|by|into|near|on"
PLACED = re.compile(
    rf"\b(?P<how>{PREPOSITIONS})\s+(?P<what>(?:the\s+)?\S.*?){BREAK}", re.IGNORECASE
)
LINK = r"(?:\s+(?:is|as|to|of|named|called))?"
DAYS = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
MONTHS = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
WHEN = re.compile(
    rf"\b(today|tonight|tomorrow|yesterday|(?:next )?{DAYS}|\d{{4}}-\d\d-\d\d|"
    rf"{MONTHS} \d{{1,2}}(?:st|nd|rd|th)?|\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{MONTHS})\b",
    re.IGNORECASE,
)
CLOCK = re.compile(
    r"\b(\d{1,2}(?::\d\d)? ?(?:am|pm|a\.m\.|p\.m\.|o'?clock)|\d{1,2}:\d\d|noon|midnight)(?!\w)",
    re.IGNORECASE,
)
MOMENT = "\0"
AT = re.compile(r"\b(?:at|on|by)\s+(?=\0)", re.IGNORECASE)
WRITTEN = {
    frozenset(("email", "mail")): re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),
    frozenset(("url", "uri", "link", "website")): re.compile(r"https?://[^\s\"'<>]+[^\s\"'<>.,!?]"),
    frozenset(("phone", "telephone", "tel")): re.compile(r"\+?\d[\d ()-]{4,}\d"),
}
HOW = {
    frozenset(("recipient", "to", "language", "destination", "target")): {"to", "into"},
    frozenset(("origin", "from", "source", "sender")): {"from"},
    frozenset(("location", "city", "place", "where", "room", "country")): {"in", "at", "near"},
    frozenset(("topic", "subject")): {"about", "on"},
}
"""Which preposition a parameter of such a name is likely to follow."""

IDENTIFIER = re.compile(r"\b[A-Za-z]{0,4}-?\d[\w-]*")
QUOTED = re.compile(r"[\"\u201c](.+?)[\"\u201d]|(?<!\w)'([^'\n]+)'(?!\w)")
INTRODUCED = re.compile(r"(?::|\b(?:saying|that says|which says|to say))\s+(\S.*)$", re.DOTALL)
LEADING = re.compile(
    r"^(?:[\s,:]|(?:for|about|to|that|saying|me|us|the|a|an|called|named|of|on|with)\b)+",
    re.IGNORECASE,
)
TO_SOMETHING = re.compile(r"\s(?:to|on|in|from|off)\s.*$", re.IGNORECASE | re.DOTALL)
LIST_END = r"(?=[.!?;]|$|\s(?:to|for|from|please)\b)"
POLITE_END = re.compile(r"[\s,]*\b(?:please|for me|thank you|thanks)\W*$", re.IGNORECASE)
MAX_COMMAND_WORDS = 12


def said_by_name(name: str, text: str, function: str, ends: str = BREAK) -> str | None:
    """What follows a parameter's own name: "label is tea".

    A name that is a word of the function's as well has to be followed by "is" or a colon.
    """
    is_both = not stems(name).isdisjoint(stems(words_of(function)))
    link = r"(?:\s+is\s+|\s*:\s*)" if is_both else rf"{LINK}[\s:]+"
    said_as = rf"\b{re.escape(name)}\b{link}(\S.*?){ends}"
    found = re.search(said_as, text, re.IGNORECASE) if name else None
    if not found or found[1].lower() in {"is", "are", "was", "like", "in", "for"}:
        return None
    return found[1].strip(" \"'")


def written(words: set[str], text: str) -> str | None:
    """What is known by how it looks, if *words* of the parameter name it."""
    for names, pattern in WRITTEN.items():
        found = pattern.search(with_digits(text)) if names & words else None
        if found:
            return found[0]
    return None


def moment_of(words: set[str], text: str) -> str | None:
    """A day, a time or both, as *words* of the parameter ask for."""
    day, clock = WHEN.search(text), CLOCK.search(with_digits(text))
    found_day, found_clock = (found[1].lower() if found else "" for found in (day, clock))
    if words & {"datetime", "start", "end", "when"} or {"date", "time"} <= words:
        return " at ".join(filter(None, (found_day, found_clock))) or None
    if words & {"date", "day"}:
        return found_day or None
    return (found_clock or None) if words & {"time", "hour", "clock"} else None


def identifier(text: str) -> str | None:
    """What looks like a number of an order, a room, a flight: "4711", "LH-404"."""
    found = IDENTIFIER.search(with_digits(without_moments(text)))
    return found[0] if found else None


def suited_place(name: str, text: str, is_free: Callable[[str], bool]) -> str | None:
    """What follows a preposition that suits *name*: an amount of anything does not."""
    places = _places(text, _suiting(name))
    return next((what for what in places if is_free(what) and not _is_amount(what)), None)


def place_of(text: str, is_free: Callable[[str], bool]) -> str | None:
    """What follows any preposition."""
    return next((what for what in _places(text) if is_free(what)), None)


def _suiting(name: str) -> set[str]:
    return {how for names, hows in HOW.items() if names & set(name.split()) for how in hows}


def _is_amount(what: str) -> bool:
    return with_digits(what)[:1].isdigit()


def _places(text: str, hows: set[str] | None = None) -> list[str]:
    found = PLACED.finditer(without_moments(text))
    places = [
        one["what"].strip(" \"'") for one in found if hows is None or one["how"].lower() in hows
    ]
    return [place for place in places if place]


def without_moments(text: str) -> str:
    return AT.sub("", CLOCK.sub(MOMENT, WHEN.sub(MOMENT, text))).replace(MOMENT, "")


def quoted(text: str) -> str | None:
    """What is said to be said: in quotation marks, or after a colon."""
    if found := QUOTED.search(text):
        return str(found[1] or found[2])
    found = INTRODUCED.search(text)
    return found[1].strip(" .\"'") if found else None


def rest_of(text: str, function: str, used: Iterable[str] = ()) -> str:
    """What stands behind the words of a function's name, without what else was understood."""
    name = {stem(word) for word in words_of(function).split()}
    words = list(re.finditer(r"[^\W_]+", text))[:MAX_COMMAND_WORDS]
    ends = [word.end() for word in words if stem(word[0].lower()) in name]
    if not ends:
        return ""
    rest = text[ends[-1] :]
    if not any(map(str.isalnum, rest)):
        # "Add milk to the list": it stands between the words of the name.
        rest = TO_SOMETHING.sub("", text[ends[0] :])
    rest = LEADING.sub("", rest)
    for value in used:
        told = rf"\s*\b(?:(?:{PREPOSITIONS})\s+)?{re.escape(value)}\b"
        rest = re.sub(told, "", rest, flags=re.IGNORECASE)
    return POLITE_END.sub("", rest).strip(" .,!?;:\"'")


def list_of(text: str) -> list[str]:
    """What is told one after another: eggs, milk and bread as three."""
    plain = re.sub(rf"\s(?:{PREPOSITIONS})\s.*$", "", text)
    return [one.strip() for one in re.split(r",\s*(?:and\s+)?|\s+and\s+", plain) if one.strip()]
