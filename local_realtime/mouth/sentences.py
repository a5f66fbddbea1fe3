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


class SentenceCutter:
    """The same of a text that comes in pieces of any size."""

    def __init__(self) -> None:
        self._unfinished = ""

    def feed(self, piece: str) -> list[str]:
        """The sentences that are whole now."""
        *whole, self._unfinished = sentences(self._unfinished + piece) or [""]
        ended = END.search(self._unfinished)
        if ended and ended.end() == len(self._unfinished):
            whole.append(self._unfinished)
            self._unfinished = ""
        return whole

    def rest(self) -> list[str]:
        """What is left when no more comes."""
        rest, self._unfinished = self._unfinished, ""
        return sentences(rest)


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
