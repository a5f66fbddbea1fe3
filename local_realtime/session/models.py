"""What differs between the models a client may name.

Any name is taken; one that is not listed here is treated as the newest.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Traits:
    reasons: bool
    """`reasoning` and `parallel_tool_calls` may be set, messages have a `phase`."""

    voice: str
    silence_duration_ms: int
    input_tokens: int
    """What of a conversation fits into its context, beside the longest answer."""

    takes_ids_again: bool
    """Whether a client may create an item whose id another one has."""


NEWEST = Traits(
    reasons=True,
    voice="marin",
    silence_duration_ms=500,
    input_tokens=96_000,
    takes_ids_again=False,
)
PLAIN = Traits(
    reasons=False,
    voice="alloy",
    silence_duration_ms=200,
    input_tokens=28_224,
    takes_ids_again=True,
)
PLAIN_MODELS = {
    "gpt-realtime",
    "gpt-realtime-1.5",
    "gpt-realtime-2025-08-28",
    "gpt-realtime-mini",
    "gpt-realtime-mini-2025-10-06",
    "gpt-realtime-mini-2025-12-15",
}
PREVIEW_MODELS = ("gpt-4o-realtime-preview", "gpt-4o-mini-realtime-preview")
CONVERSING = ("gpt-realtime", "gpt-audio", *PREVIEW_MODELS)

TRANSCRIPTION_MODELS = {
    "gpt-live-transcribe",
    "gpt-transcribe",
    "gpt-realtime-whisper",
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-transcribe-diarize",
    "gpt-4o-mini-transcribe",
    "gpt-4o-mini-transcribe-2025-12-15",
}
STREAMING_MODELS = {"gpt-live-transcribe", "gpt-realtime-whisper"}
"""They tell words before the turn is over, and so can have no turn detection."""


def traits_of(model: str | None) -> Traits:
    name = model or ""
    return PLAIN if name in PLAIN_MODELS or name.startswith(PREVIEW_MODELS) else NEWEST


def can_transcribe(model: str) -> bool:
    """Whether a name may be that of a transcription model: all but those that converse."""
    return model in TRANSCRIPTION_MODELS or not model.startswith(CONVERSING)


def is_counted_in_tokens(transcription_model: str | None) -> bool:
    """Whether its transcripts are billed by tokens; the others are by seconds."""
    return (transcription_model or "").startswith("gpt-4o-")
