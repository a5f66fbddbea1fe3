"""How much an answer may say: `max_output_tokens`, spent piece by piece."""

from dataclasses import replace

from local_realtime.session.responder import Answer, FunctionCall
from local_realtime.session.usage import (
    ASSISTANT_AUDIO_MS_PER_TOKEN,
    LETTERS_PER_TOKEN,
    spoken_tokens,
    text_tokens,
)


class Budget:
    """Counts as `usage` does, so that no answer has more `output_tokens` than it may."""

    def __init__(self, max_tokens: int | None, *, is_spoken: bool) -> None:
        self.is_exceeded = False
        """Whether something did not fit; nothing more is said then."""

        self._max_tokens = max_tokens
        self._is_spoken = is_spoken
        self._letters = 0
        self._spoken_ms = 0

    def cut(self, answer: Answer) -> Answer:
        """So much of *answer* as there is room for; of text and sound the same share."""
        duration_ms = answer.sound.duration_ms if self._is_spoken else 0
        left = self._left(len(answer.text), duration_ms)
        if left is None:
            self._spend(len(answer.text), duration_ms)
            return answer
        self.is_exceeded = True
        words, sound = text_tokens(answer.text), spoken_tokens(duration_ms)
        words_left = left * words // (words + sound)
        text = answer.text[: words_left * LETTERS_PER_TOKEN]
        heard = answer.sound.until_ms((left - words_left) * ASSISTANT_AUDIO_MS_PER_TOKEN)
        return replace(answer, text=text, sound=heard if self._is_spoken else answer.sound)

    def letters_of(self, call: FunctionCall) -> int:
        """How many letters of the arguments there is room for."""
        left = self._left(len(call.arguments), 0)
        if left is None:
            self._spend(len(call.arguments), 0)
            return len(call.arguments)
        self.is_exceeded = True
        return left * LETTERS_PER_TOKEN

    def _left(self, letters: int, spoken_ms: int) -> int | None:
        """How many tokens are left, if so much more is too much."""
        if self._max_tokens is None:
            return None
        if self._tokens(self._letters + letters, self._spoken_ms + spoken_ms) <= self._max_tokens:
            return None
        return self._max_tokens - self._tokens(self._letters, self._spoken_ms)

    @staticmethod
    def _tokens(letters: int, spoken_ms: int) -> int:
        return -(-letters // LETTERS_PER_TOKEN) + spoken_tokens(spoken_ms)

    def _spend(self, letters: int, spoken_ms: int) -> None:
        self._letters += letters
        self._spoken_ms += spoken_ms
