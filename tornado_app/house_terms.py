"""What settings alone make of a call: where it begins, and what "session" means in a policy."""

from collections.abc import Mapping

from tornado_app.policy.fields import CALL_S_MAX
from tornado_app.policy.grants import Grant
from tornado_app.protocol.realtime.model_session import ModelSession
from tornado_app.settings.schema import Settings


def house_grants(settings: Settings) -> Mapping[str, Grant]:
    """What "session" means in a policy."""
    session = settings.session
    return {
        "voice": _first_of(session.voice, session.voices),
        "model": _first_of(settings.upstream.model, session.models),
        "transcription_model": Grant(values=may_transcribe(settings)),
        "turn_detection": _first_of(session.turn_detection, session.turn_detections),
        "max_output_tokens": Grant(low=1, high=session.max_output_tokens or 4096),
        "idle_timeout_s": Grant(low=1, high=session.idle_timeout_s or CALL_S_MAX),
        "max_call_s": Grant(low=1, high=session.max_call_s or CALL_S_MAX),
    }


def may_transcribe(settings: Settings) -> tuple[str, ...]:
    """Who may write down what callers say, the usual one first; nobody, if there is none."""
    usual, others = settings.session.transcription_model, settings.session.transcription_models
    return tuple(dict.fromkeys((usual, *others))) if usual else ()


def first_session(settings: Settings) -> ModelSession:
    """What a client gets of whom nobody says anything."""
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
        idle_timeout_s=session.idle_timeout_s,
        max_call_s=session.max_call_s,
    )


def _first_of(value: str, others: tuple[str, ...]) -> Grant:
    return Grant(values=(value, *(other for other in others if other != value)))
