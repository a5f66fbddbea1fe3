"""A conversation as words: what a brain is given, and what it gives back."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from local_realtime.session.responder import FunctionCall, Incomplete


@dataclass(frozen=True, slots=True)
class Line:
    speaker: Literal["user", "assistant", "system", "call", "function"]
    """A call's words are its arguments, a function's its output."""

    text: str
    call_id: str = ""
    name: str = ""
    """Of the function that is called."""
    is_whole: bool = True
    """False: it is an answer that broke off."""


@dataclass(frozen=True, slots=True)
class Talk:
    lines: tuple[Line, ...]
    now: datetime
    instructions: str = ""
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: Any = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: int | None = None
    comments: bool = False
    """Whether to say a word before a call."""

    def said_by(self, speaker: str) -> list[str]:
        return [line.text for line in self.lines if line.speaker == speaker]


@dataclass(frozen=True, slots=True)
class Reply:
    text: str
    short: str = "Understood"
    """The same in one word."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What is said before a call, in the same answer."""

    text: str


Thought: TypeAlias = str | Remark | FunctionCall | Incomplete
"""A piece of what a brain answers: text of any length, a call, or why it stops here."""
