"""The seam between a conversation and whatever answers it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

from local_realtime.session.items import Item
from local_realtime.sound.audio import Sound


@dataclass(frozen=True, slots=True)
class Turn:
    """What there is to answer, and how."""

    items: tuple[Item, ...]
    instructions: str
    is_spoken: bool = True
    """Otherwise no sound is wanted."""

    voice: Any = "marin"
    speed: float = 1.0
    tools: tuple[dict[str, Any], ...] = ()
    tool_choice: Any = "auto"
    parallel_tool_calls: bool = True
    max_output_tokens: int | None = None
    comments: bool = False
    """Whether to say a word before a call, as newer models may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, or the next sentence of one."""

    text: str
    """What is written, or the transcript of what is spoken."""

    sound: Sound
    is_commentary: bool = False
    """Known to be said before a call."""


@dataclass(frozen=True, slots=True)
class FunctionCall:
    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The answer ends here though more was to come."""

    reason: Literal["max_output_tokens", "content_filter"]


@dataclass(frozen=True, slots=True)
class Failure:
    """There is no answer, or no more of it."""

    code: str
    message: str
    """For the client."""


Piece: TypeAlias = Answer | FunctionCall | Incomplete | Failure


class Responder(Protocol):
    """All of it runs on the event loop and must not block it."""

    def answer(self, turn: Turn) -> AsyncGenerator[Piece, None]:
        """The answer, piece by piece; an exception fails the response."""

    async def transcribe(self, sound: Sound) -> str:
        """What was said; an exception fails the transcription."""

    async def overhear(self, sound: Sound) -> str | None:
        """What has been said so far, by somebody who goes on speaking; None if not worth it."""

    async def finished(self, sound: Sound) -> float | None:
        """How probably somebody who pauses at the end of *sound* has finished; None: unknown."""
