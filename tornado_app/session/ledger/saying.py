"""One answer of the model's: all of its text and audio, and what of that was heard."""

from dataclasses import dataclass, field

from tornado_app.admission.budget import text_bytes
from tornado_app.session.ledger.heard import cut_at_word, heard_letters

TEXT_LETTERS = 65_536
"""What is beyond is not kept."""
MARKS = 512
"""So many pieces of text are remembered with the moment at which they came."""


@dataclass(slots=True)
class Saying:
    texts: list[str] = field(default_factory=list)
    letters: int = 0
    audio_ms: float = 0.0
    heard_ms: float | None = None
    """None: all of it."""
    is_complete: bool = False
    """There is no more of it, and its text is all of its audio."""
    is_spoken: bool = False
    """There is audio for it, or will be."""
    _letters_per_s: float | None = None
    """At which its heard text was reckoned when it broke off; None: it has not."""
    _marks: list[tuple[float, int]] = field(default_factory=list)
    """How much audio there was when text came, and how many letters before that."""

    @classmethod
    def whole(cls, text: str) -> "Saying":
        """One of which nothing more is known, and nothing needs to be."""
        return cls([text], len(text), is_complete=True)

    @property
    def size_bytes(self) -> int:
        return sum(map(text_bytes, self.texts)) + 64 * len(self._marks)

    def add(self, delta: str) -> None:
        """More text."""
        if self.letters + len(delta) > TEXT_LETTERS:
            return
        if len(self._marks) < MARKS and (not self._marks or self._marks[-1][0] < self.audio_ms):
            self._marks.append((self.audio_ms, self.letters))
        self.texts.append(delta)
        self.letters += len(delta)

    def end(self, text: str | None) -> None:
        """Its text is complete; None: it is what there is."""
        whole = "".join(self.texts) if text is None else text[:TEXT_LETTERS]
        self.texts, self.letters = [whole], len(whole)

    def break_off(self, letters_per_s: float) -> None:
        """There will be no more of it, and others are told what was heard: answers that come later
        may show another pace, and must not change that.
        """
        if self.is_complete:
            return
        if self.is_spoken and self.heard_ms is None:
            self.heard_ms = self.audio_ms
        if self._letters_per_s is None:
            self._letters_per_s = letters_per_s

    def heard_text(self, letters_per_s: float) -> str:
        """As much of its text as was heard; *letters_per_s*: the pace of this voice, as it is
        known now.
        """
        text = "".join(self.texts)
        if self.heard_ms is None:
            return text
        pace = None if self.is_complete else self._letters_per_s or letters_per_s
        letters = heard_letters(len(text), self.heard_ms, self.audio_ms, pace)
        later = (letter for at_ms, letter in self._marks if at_ms > self.heard_ms)
        return cut_at_word(text, min(letters, next(later, letters)))
