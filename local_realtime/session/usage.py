"""Token counts by the API's documented arithmetic."""

import json
import math
from collections import deque
from dataclasses import dataclass
from typing import Any

from local_realtime.session.items import Item, Part
from local_realtime.session.models import is_counted_in_tokens
from local_realtime.sound.audio import Sound

LETTERS_PER_TOKEN = 4
USER_AUDIO_MS_PER_TOKEN = 100
ASSISTANT_AUDIO_MS_PER_TOKEN = 50
CACHE_STEP_TOKENS = 64
IMAGE_TOKENS = {"low": 85}
DETAILED_IMAGE_TOKENS = 765
"""By OpenAI's arithmetic for 1024 by 1024 pixels; nobody looks at the image here."""

REMEMBERED_INPUTS = 4
"""Out-of-band responses come between those of the conversation."""


@dataclass(frozen=True, slots=True)
class Tokens:
    text: int = 0
    audio: int = 0
    image: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.text + other.text, self.audio + other.audio, self.image + other.image)

    @property
    def total(self) -> int:
        return self.text + self.audio + self.image

    @property
    def cached(self) -> "Tokens":
        """Of so many that were input before, those that are had from the cache."""
        step = CACHE_STEP_TOKENS
        return Tokens(*(count // step * step for count in (self.text, self.audio, self.image)))

    def wire(self) -> dict[str, int]:
        return {"text_tokens": self.text, "audio_tokens": self.audio, "image_tokens": self.image}


@dataclass(frozen=True, slots=True)
class Context:
    """What a response is an answer to."""

    instructions: str
    tools: tuple[dict[str, Any], ...]
    items: tuple[Item, ...]

    @property
    def head(self) -> str:
        """What stands before the items."""
        return self.instructions + "".join(json.dumps(tool) for tool in self.tools)


def text_tokens(text: str) -> int:
    return -(-len(text) // LETTERS_PER_TOKEN)


def spoken_tokens(duration_ms: int) -> int:
    return -(-duration_ms // ASSISTANT_AUDIO_MS_PER_TOKEN)


def _heard_tokens(sound: Sound) -> int:
    return -(-sound.duration_ms // USER_AUDIO_MS_PER_TOKEN)


def item_tokens(item: Item) -> Tokens:
    words = sum(text_tokens(item.wire.get(key, "")) for key in ("name", "arguments", "output"))
    is_heard = item.wire.get("role") == "user"
    return sum((_part_tokens(part, is_heard) for part in item.parts), Tokens(text=words))


def _part_tokens(part: Part, is_heard: bool) -> Tokens:
    """Those of a spoken part are its audio's, not its transcript's."""
    if part.wire["type"] == "input_image":
        return Tokens(image=IMAGE_TOKENS.get(part.wire["detail"], DETAILED_IMAGE_TOKENS))
    if part.sound is None:
        return Tokens(text=text_tokens(part.text))
    sound = part.sound
    return Tokens(audio=_heard_tokens(sound) if is_heard else spoken_tokens(sound.duration_ms))


class Meter:
    """Counts one session.  What an input begins with is cached as far as an earlier one did, too.

    So new instructions or tools lose the cache, and so do items put in, changed or forgotten, from
    their place on.
    """

    def __init__(self) -> None:
        self._inputs: deque[tuple[Any, ...]] = deque(maxlen=REMEMBERED_INPUTS)

    def measure(
        self, context: Context, said: str, spoken_ms: int, *, reasons: bool
    ) -> dict[str, Any]:
        """The `usage` of a response that *said* so much."""
        counts = [Tokens(text=text_tokens(context.head)), *map(item_tokens, context.items)]
        ids = [context.head, *(item.id for item in context.items)]
        marks = tuple(zip(ids, counts, strict=True))
        given = sum(counts, Tokens())
        shared = max((_shared(marks, earlier) for earlier in self._inputs), default=0)
        cached = sum(counts[:shared], Tokens()).cached
        self._inputs.append(marks)

        answer = {"text_tokens": text_tokens(said), "audio_tokens": spoken_tokens(spoken_ms)}
        output_tokens = sum(answer.values())
        # Nothing reasons here.
        reasoning = {"reasoning_tokens": 0} if reasons else {}
        return {
            "total_tokens": given.total + output_tokens,
            "input_tokens": given.total,
            "output_tokens": output_tokens,
            "input_token_details": {
                **given.wire(),
                "cached_tokens": cached.total,
                "cached_tokens_details": cached.wire(),
            },
            "output_token_details": {**answer, **reasoning},
        }


def _shared(marks: tuple[Any, ...], earlier: tuple[Any, ...]) -> int:
    """With how many equal marks both begin."""
    pairs = zip(marks, earlier, strict=False)
    unequal = (index for index, (one, other) in enumerate(pairs) if one != other)
    return next(unequal, min(len(marks), len(earlier)))


def transcription_usage(
    model: str | None, prompt: str | None, seconds: float, transcript: str
) -> dict[str, Any]:
    """The `usage` of a transcript, which is billed apart from the responses."""
    if not is_counted_in_tokens(model):
        return {"type": "duration", "seconds": math.ceil(seconds)}
    details = {
        "text_tokens": text_tokens(prompt or ""),
        "audio_tokens": -(-round(seconds * 1000) // USER_AUDIO_MS_PER_TOKEN),
    }
    input_tokens, output_tokens = sum(details.values()), text_tokens(transcript)
    return {
        "type": "tokens",
        "total_tokens": input_tokens + output_tokens,
        "input_tokens": input_tokens,
        "input_token_details": details,
        "output_tokens": output_tokens,
    }
