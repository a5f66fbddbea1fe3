"""The configuration of a transcription session, which hears and never answers."""

from typing import Any

from local_realtime.errors import Refused
from local_realtime.session.audio_config import (
    INCLUDE,
    PCM,
    audio_input,
    server_vad,
    turn_detection,
)
from local_realtime.session.models import STREAMING_MODELS
from local_realtime.session.session_config import type_of_session
from local_realtime.session.value_rules import fields

SERVER_VAD = server_vad(silence_duration_ms=200)
TRANSCRIPTION_SESSION = fields(
    {
        "type": type_of_session("transcription"),
        "include": INCLUDE,
        "audio": fields({"input": audio_input(turn_detection(SERVER_VAD, answers=False))}),
    },
    required=("type",),
)


def default_transcription(model: str | None) -> dict[str, Any]:
    """What `session.created` shows, but for its id and its end.

    A *model* of the address is the one that transcribes from the beginning.
    """
    transcription = {"model": model, "language": None, "prompt": None} if model else None
    return {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "audio": {
            "input": {
                "format": PCM,
                "transcription": transcription,
                "noise_reduction": None,
                "turn_detection": None if model in STREAMING_MODELS else SERVER_VAD,
            }
        },
        "include": None,
    }


def updated_transcription(current: dict[str, Any], wanted: Any) -> dict[str, Any]:
    """The session after an update; *current* is left as it is.

    Raises:
        Refused: If any part of the update cannot be had.
    """
    session: dict[str, Any] = TRANSCRIPTION_SESSION(wanted, "session", current)
    heard = session["audio"]["input"]
    streams = (heard["transcription"] or {}).get("model") in STREAMING_MODELS
    if streams and heard["turn_detection"] is not None:
        message = "Turn detection is not supported for this transcription model; set it to null."
        raise Refused("invalid_value", message, "session.audio.input.turn_detection")
    return session
