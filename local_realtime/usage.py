"""Token counts of a response, by the documented arithmetic."""

from typing import Any

from local_realtime.audio import Sound
from local_realtime.items import Item

LETTERS_PER_TOKEN = 4
USER_AUDIO_MS_PER_TOKEN = 100
ASSISTANT_AUDIO_MS_PER_TOKEN = 50
CACHE_STEP_TOKENS = 64


def text_tokens(text: str) -> int:
    return -(-len(text) // LETTERS_PER_TOKEN)


def spoken_tokens(sound: Sound) -> int:
    return -(-sound.duration_ms // ASSISTANT_AUDIO_MS_PER_TOKEN)


def _heard_tokens(sound: Sound) -> int:
    return -(-sound.duration_ms // USER_AUDIO_MS_PER_TOKEN)


def _item_tokens(item: Item) -> tuple[int, int]:
    """Text and audio tokens; a spoken part counts its audio, not its transcript."""
    audio = _heard_tokens if item.wire.get("role") == "user" else spoken_tokens
    texts = sum(text_tokens(part.text) for part in item.parts if part.sound is None)
    texts += sum(text_tokens(item.wire.get(key, "")) for key in ("name", "arguments", "output"))
    return texts, sum(audio(part.sound) for part in item.parts if part.sound)


class Meter:
    """Counts one session.  What the previous response had as input is cached, in steps of 64."""

    def __init__(self) -> None:
        self._instructions: str | None = None
        self._cached_text = 0
        self._cached_audio = 0

    def measure(
        self, instructions: str, items: tuple[Item, ...], said: str, sound: Sound
    ) -> dict[str, Any]:
        """The `usage` of a response with this input that *said* so much, *sound* included."""
        counts = [_item_tokens(item) for item in items]
        text_in = text_tokens(instructions) + sum(text for text, _ in counts)
        audio_in = sum(audio for _, audio in counts)
        if instructions != self._instructions:
            self._cached_text = self._cached_audio = 0
        cached_text = min(text_in, self._cached_text) // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS
        cached_audio = min(audio_in, self._cached_audio) // CACHE_STEP_TOKENS * CACHE_STEP_TOKENS
        self._instructions, self._cached_text, self._cached_audio = instructions, text_in, audio_in

        text_out, audio_out = text_tokens(said), spoken_tokens(sound)
        return {
            "total_tokens": text_in + audio_in + text_out + audio_out,
            "input_tokens": text_in + audio_in,
            "output_tokens": text_out + audio_out,
            "input_token_details": {
                "text_tokens": text_in,
                "audio_tokens": audio_in,
                "image_tokens": 0,
                "cached_tokens": cached_text + cached_audio,
                "cached_tokens_details": {
                    "text_tokens": cached_text,
                    "audio_tokens": cached_audio,
                    "image_tokens": 0,
                },
            },
            "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
        }
