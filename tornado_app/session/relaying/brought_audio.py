"""The audio in events that are not written as most are, as far as it is looked at and counted."""

import re
from collections.abc import Iterable
from typing import Any, Final

_BASE64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}")


def is_written_as_is(audio: str, text: str) -> bool:
    """Whether *audio* may stand between quotation marks as it is; *text*: the event it came in.

    The order for it is put together without escaping, so that a quotation mark of the client's
    would begin an event that nobody has judged.  An event without a backslash has none in it.
    """
    return "\\" not in text or _BASE64.fullmatch(audio) is not None


def letters_of(items: Iterable[Any]) -> int:
    """How much base64 there is in *items*, whoever is said to have spoken it."""
    return sum(len(audio) for item in items for audio in _audio_of(item))


def _audio_of(item: Any) -> Iterable[str]:
    parts = item.get("content") if isinstance(item, dict) else None
    for part in parts if isinstance(parts, list) else ():
        audio = part.get("audio") if isinstance(part, dict) else None
        if isinstance(audio, str):
            yield audio
