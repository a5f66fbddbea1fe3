"""The audio in items that a client brings along, as far as it is counted."""

from collections.abc import Iterable
from typing import Any


def letters_of(items: Iterable[Any]) -> int:
    """How much base64 there is in *items*, whoever is said to have spoken it."""
    return sum(len(audio) for item in items for audio in _audio_of(item))


def _audio_of(item: Any) -> Iterable[str]:
    parts = item.get("content") if isinstance(item, dict) else None
    for part in parts if isinstance(parts, list) else ():
        audio = part.get("audio") if isinstance(part, dict) else None
        if isinstance(audio, str):
            yield audio
