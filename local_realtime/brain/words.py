"""Words of a request, of a function's name and of its description, made alike."""

import re

SUFFIXES = ("ations", "ation", "ings", "ing", "ers", "er", "ments", "ment", "ed", "es", "s")
MIN_STEM_LETTERS = 3
BRITISH = re.compile(r"(?<=[a-z]{3})our")
"""The ears write "color", and so may who names a function, or not."""
SEPARATORS = re.compile(r"__|[.:/]")
AFFIXES = frozenset(
    ("tool", "function", "func", "plugin", "skill", "action", "api", "mcp", "server")
)
"""Of names that a library has put together."""

READS = frozenset(("get", "fetch", "list", "show", "read", "find", "look", "lookup", "check"))
GENERIC = READS | frozenset(
    (
        *("do", "run", "retrieve", "tell", "give", "query", "search", "current", "the", "an"),
        *("my", "up", "for", "of", "by", "in", "to", "from", "info", "information", "data"),
        *("details", "for"),
    )
)
"""Words of a function's name that do not tell it from another."""

CREATES = frozenset(("create", "set", "add", "make", "new", "start", "schedule", "book", "put"))
DELETES = frozenset(("delete", "remove", "cancel", "clear", "drop", "stop", "erase"))
UPDATES = frozenset(("update", "change", "edit", "modify", "rename", "move"))
UNDOES = frozenset(("delete", "remove", "cancel", "erase", "update", "edit", "modify", "rename"))
ASKS = frozenset(("what", "when", "which", "show", "list"))
STOP_WORDS = frozenset(
    (
        *(
            "about",
            "after",
            "and",
            "any",
            "are",
            "can",
            "could",
            "does",
            "given",
            "has",
            "have",
            "how",
        ),
        *(
            "into",
            "its",
            "like",
            "need",
            "not",
            "now",
            "one",
            "please",
            "that",
            "their",
            "them",
            "there",
        ),
        *(
            "these",
            "this",
            "use",
            "used",
            "user",
            "want",
            "was",
            "what",
            "when",
            "where",
            "which",
            "who",
        ),
        *("will", "with", "would", "you", "your", "name", "hear", "heard", "say", "said", "return"),
    )
)


def words_of(name: str) -> str:
    """``getWeather_now`` as "get weather now"."""
    return " ".join(re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name[:256])).lower()


def stem(word: str) -> str:
    """The same for "remind", "reminder" and "reminders", and for "colour" and "color"."""
    word = BRITISH.sub("or", word)
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= MIN_STEM_LETTERS:
            word = word.removesuffix(suffix)
            break
    return word.removesuffix("e") if len(word) > MIN_STEM_LETTERS else word


def stems(text: str) -> set[str]:
    return {stem(word) for word in re.findall(r"[^\W_]+", text.lower())}


def parts_of_name(name: str) -> list[str]:
    """The name, and what of it may be the function's own: of `server__tool` the second.

    A dash divides a plug-in from its function only where words are divided otherwise.
    """
    parts = SEPARATORS.split(name)
    if "-" in name and re.search(r"_|[a-z][A-Z]|(?i:plugin-)", name):
        parts = [part for one in parts for part in one.split("-")]
    own = [part for part in parts if len(words_of(part).split()) > 1 or part == parts[-1]]
    return [name, *own] if len(parts) > 1 else [name]


def telling_words(description: str) -> set[str]:
    """The stems of a description, without those that are in any."""
    words = re.findall(r"[^\W\d_]{3,}", description.lower())
    common = STOP_WORDS | GENERIC | AFFIXES | CREATES
    return {stem(word) for word in words if word not in common}
