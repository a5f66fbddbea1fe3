"""The seam between a conversation and whatever answers it."""

from dataclasses import dataclass
from typing import Protocol

from local_realtime.audio import Sound
from local_realtime.items import Item


@dataclass(frozen=True, slots=True)
class Turn:
    """What there is to answer."""

    items: tuple[Item, ...]
    instructions: str


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    """What is written, or the transcript of what is spoken."""

    sound: Sound


class Responder(Protocol):
    """Both methods run on the event loop and must not block it; an exception fails the response."""

    async def answer(self, turn: Turn) -> Answer: ...

    async def transcribe(self, sound: Sound) -> str: ...
