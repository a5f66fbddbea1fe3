"""A conversation as words: what a brain is given, and what it gives back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Line:
    speaker: Literal["user", "assistant", "system", "function"]
    """A function's words are its output."""

    text: str


@dataclass(frozen=True, slots=True)
class Talk:
    lines: tuple[Line, ...]
    now: datetime
    instructions: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: Any = "auto"

    def said_by(self, speaker: str) -> list[str]:
        return [line.text for line in self.lines if line.speaker == speaker]


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    short: str = "Understood"
    """The same in one word."""
