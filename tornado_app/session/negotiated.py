"""What is in force after the opening, as the client is told it."""

from typing import Literal

from tornado_app.errors import Ref
from tornado_app.protocol.realtime.model_session import ModelSession, turn_detection_fields
from tornado_app.protocol.told import Configured, Negotiated, NegotiatedAudio
from tornado_app.session.config import SessionConfig


def configured(
    config: SessionConfig, in_force: ModelSession, model: str, ref: Ref | None
) -> Configured:
    """What is in force after a change; *model* is the one that answers."""
    return Configured(
        input=_input(config),
        output=_output(config),
        voice=in_force.voice,
        model=model,
        turn_detection=in_force.turn_detection,
        turn_detection_fields=turn_detection_fields(in_force) or {},
        answers_in=in_force.output,
        speed=in_force.speed,
        transcription_language=in_force.transcription_language,
        max_output_tokens=in_force.max_output_tokens,
        ref=ref,
    )


def negotiated(config: SessionConfig) -> Negotiated:
    return Negotiated(
        input=_input(config),
        output=_output(config),
        voice=config.model_session.voice,
        model=config.model_session.model,
        turn_detection=config.model_session.turn_detection,
        answers_in=config.model_session.output,
        speed=config.model_session.speed,
        transcription_language=config.model_session.transcription_language,
        max_output_tokens=config.model_session.max_output_tokens,
        ignored=config.ignored,
    )


def _input(config: SessionConfig) -> NegotiatedAudio:
    source = config.source
    return NegotiatedAudio(source.encoding, source.rate_hz, source.channels, "any")


def _output(config: SessionConfig) -> NegotiatedAudio:
    target = config.target
    encoding: Literal["base64", "binary"] = "binary" if config.binary_output else "base64"
    return NegotiatedAudio(target.encoding, target.rate_hz, target.channels, encoding)
