"""Text in the pieces that are spoken one after the other."""

import re

MAX_LETTERS = 300
"""Longer sentences are cut at a comma or a space, so that the first sound comes soon."""

END = re.compile(r"(?<!\bMr)(?<!\bMrs)(?<!\bMs)(?<!\bDr)(?<!\bSt)[.!?…]+[\"”')\]]*\s+|\n+")


def sentences(text: str) -> list[str]:
    """The sentences of *text*; joined they are *text* again."""
    found, start = [], 0
    for end in END.finditer(text):
        found += _cut(text[start : end.end()])
        start = end.end()
    return [piece for piece in [*found, *_cut(text[start:])] if piece]


def _cut(sentence: str) -> list[str]:
    pieces = []
    while len(sentence) > MAX_LETTERS:
        window = sentence[:MAX_LETTERS]
        place = max(window.rfind(", "), window.rfind("; ")) + 2
        if place < 2:
            place = window.rfind(" ") + 1 or MAX_LETTERS
        pieces.append(sentence[:place])
        sentence = sentence[place:]
    return [*pieces, sentence]
