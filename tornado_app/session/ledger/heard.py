"""How much of an answer's text was heard, when only so much of its audio was.

No Realtime API says which word is where in the audio.  The text is cut in proportion, as speech
has an even pace, and before the word that this falls into: the model shall believe rather that a
word was not heard than that one was.  Two things bound it further:

- text that came when there was more audio than was heard already is spoken later than that;
- an answer that broke off has more text than audio, as text runs ahead.  Its pace is not known, so
  it is that of the answers before it, or `LETTERS_PER_S`.
"""

import unicodedata

LETTERS_PER_S = 15.0
"""English and German read aloud, https://en.wikipedia.org/wiki/Words_per_minute: 150 words a minute
of six letters with their spaces."""
WORD_LETTERS = 32
"""What is longer is no word that a voice speaks, and may be cut anywhere."""


def heard_letters(
    letters: int, heard_ms: float, audio_ms: float, letters_per_s: float | None = None
) -> int:
    """How many of *letters*, which are *audio_ms* of speech, are in the first *heard_ms*.

    *letters_per_s*: the audio may not be all there is, and its pace is at most so much.
    """
    if heard_ms <= 0:
        return 0
    part = min(1.0, heard_ms / audio_ms) if audio_ms > 0 else 1.0
    heard = int(letters * part)
    if letters_per_s is not None:
        heard = min(heard, int(heard_ms * letters_per_s / 1000))
    return heard


def cut_at_word(text: str, letters: int) -> str:
    """At most the first *letters* of *text*, with no word in part."""
    if letters >= len(text):
        return text
    for border in range(max(0, letters), max(0, letters - WORD_LETTERS), -1):
        if _is_border(text[border - 1], text[border]):
            return text[:border].rstrip()
    return text[:letters] if letters > WORD_LETTERS else ""


def _is_border(before: str, after: str) -> bool:
    """Whether a word may end between these; Chinese and Japanese put no spaces there."""
    return before.isspace() or after.isspace() or "W" in {_width(before), _width(after)}


def _width(letter: str) -> str:
    return unicodedata.east_asian_width(letter)
