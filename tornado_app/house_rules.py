"""What the settings mean for every call: what a client may choose, what the model is told."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from tornado_app.audio.file_decoder import FileRules
from tornado_app.protocol.opening import Opening, Policy
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.settings.schema import Settings
from workers.opus import library as opus

T = TypeVar("T")


def file_rules(settings: Settings) -> FileRules:
    """What one file may cost."""
    audio = settings.audio
    return FileRules(
        play_ms=audio.file_ms,
        timeout_s=audio.file_timeout_s,
        memory_bytes=audio.file_memory_bytes,
        remove_dc=audio.remove_dc,
        limit_peaks=audio.limit_peaks,
    )


def policy(settings: Settings) -> Policy:
    """What clients may choose; what they get unasked comes first."""
    session, model = settings.session, settings.upstream.model
    return Policy(
        voices=_first(session.voice, session.voices),
        models=_first(model, session.models),
        turn_detections=_first(session.turn_detection, session.turn_detections),
        has_opus=opus.find() is not None,
    )


def model_session(settings: Settings, opening: Opening) -> ModelSession:
    """What a client has chosen, and the rest as the operator wants it."""
    return replace(
        first_session(settings),
        model=opening.model,
        voice=opening.voice,
        turn_detection=opening.turn_detection,
    )


def first_session(settings: Settings) -> ModelSession:
    """What a client gets that asks for nothing."""
    session = settings.session
    return ModelSession(
        model=settings.upstream.model,
        instructions=session.instructions,
        voice=session.voice,
        turn_detection=session.turn_detection,
        vad_threshold=session.vad_threshold,
        vad_prefix_padding_ms=session.vad_prefix_padding_ms,
        vad_silence_ms=session.vad_silence_ms,
        transcription_model=session.transcription_model,
        max_output_tokens=session.max_output_tokens,
    )


def _first(value: T, others: Sequence[T]) -> tuple[T, ...]:
    return (value, *(other for other in others if other != value))
