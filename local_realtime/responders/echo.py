"""The responder that plays back what the user said."""

from collections.abc import AsyncGenerator
from functools import cache

import numpy as np

from local_realtime.session.items import Item
from local_realtime.session.responder import Answer, Turn
from local_realtime.sound.audio import PCM_HZ, Sound

BEEP_HZ = 440
BEEP_MS = 60
PAUSE_MS = 60
MAX_BEEPS = 500
"""One minute; longer texts are not beeped to their end."""


class Echo:
    """Answers with the last thing the user said.

    To audio: exactly that audio, sample for sample; the transcript says how long it is.
    To text: ``You wrote: <text>``, and one beep per word of the user (440 Hz, 60 ms, then 60 ms
    of silence), since there is no voice here.
    """

    async def answer(self, turn: Turn) -> AsyncGenerator[Answer, None]:
        yield _echo(turn)

    async def transcribe(self, sound: Sound) -> str:
        return f"({sound.seconds:.1f} s of speech, not transcribed: echo mode)"

    async def overhear(self, sound: Sound) -> None:  # noqa: ARG002
        return None

    async def finished(self, sound: Sound) -> None:  # noqa: ARG002
        return None


def _echo(turn: Turn) -> Answer:
    spoken_to = [item for item in turn.items if item.wire.get("role") == "user"]
    if not spoken_to:
        return _beeped("(nothing to echo)", words=1)
    sound = _sound_of(spoken_to[-1])
    if sound:
        return Answer(f"(echo of {sound.seconds:.1f} s of audio)", sound)
    text = " ".join(part.wire.get("text", "") for part in spoken_to[-1].parts)
    return _beeped(f"You wrote: {text}", words=len(text.split()))


def _sound_of(item: Item) -> Sound | None:
    return next((part.sound for part in reversed(item.parts) if part.sound), None)


def _beeped(text: str, words: int) -> Answer:
    return Answer(text, Sound(_beep() * min(words, MAX_BEEPS), PCM_HZ))


@cache
def _beep() -> bytes:
    seconds = np.arange(BEEP_MS * PCM_HZ // 1000) / PCM_HZ
    tone = 8000 * np.sin(2 * np.pi * BEEP_HZ * seconds) * np.hanning(len(seconds))
    return tone.astype("<i2").tobytes() + bytes(2 * PAUSE_MS * PCM_HZ // 1000)
