"""How a session is asked for: the body of ``session.update``."""

from dataclasses import dataclass
from typing import Any, Literal

TurnDetection = Literal["server_vad", "semantic_vad", "none"]

MODEL_RATE_HZ = 24_000
"""The only PCM rate of the Realtime API (reference: audio formats)."""


@dataclass(frozen=True, slots=True)
class ModelSession:
    """What the operator, and within the operator's policy the client, asks of the model."""

    model: str
    instructions: str
    voice: str
    turn_detection: TurnDetection
    vad_threshold: float
    vad_prefix_padding_ms: int
    vad_silence_ms: int
    transcription_model: str
    """Empty: what the user says is not transcribed."""
    max_output_tokens: int
    """0: no limit."""


def session_body(wanted: ModelSession) -> dict[str, Any]:
    """The ``session`` of a ``session.update`` in the GA dialect.

    https://platform.openai.com/docs/api-reference/realtime-client-events/session/update
    """
    pcm = {"type": "audio/pcm", "rate": MODEL_RATE_HZ}
    transcription = {"model": wanted.transcription_model} if wanted.transcription_model else None
    body: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "max_output_tokens": wanted.max_output_tokens or "inf",
        "audio": {
            "input": {
                "format": pcm,
                "transcription": transcription,
                "turn_detection": _turn_detection(wanted),
            },
            "output": {"format": pcm, "voice": wanted.voice},
        },
    }
    if wanted.instructions:
        # An empty string would bring back the server's own default prompt, as absence does.
        body["instructions"] = wanted.instructions
    return body


def _turn_detection(wanted: ModelSession) -> dict[str, Any] | None:
    match wanted.turn_detection:
        case "none":
            return None
        case "semantic_vad":
            return {"type": "semantic_vad", "create_response": True, "interrupt_response": True}
        case "server_vad":
            return {
                "type": "server_vad",
                "threshold": wanted.vad_threshold,
                "prefix_padding_ms": wanted.vad_prefix_padding_ms,
                "silence_duration_ms": wanted.vad_silence_ms,
                "create_response": True,
                "interrupt_response": True,
            }
