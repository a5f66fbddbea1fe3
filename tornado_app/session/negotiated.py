"""What is in force after the opening, as the client is told it."""

from typing import Any

from tornado_app.errors import Ref
from tornado_app.policy.formats import CallFormats
from tornado_app.protocol.opening import OutputEncoding
from tornado_app.protocol.realtime.model_session import ModelSession, turn_detection_fields
from tornado_app.protocol.told import Configured, Negotiated, NegotiatedAudio
from tornado_app.session.config import SessionConfig


def configured(
    formats: CallFormats, in_force: ModelSession, model: str, ref: Ref | None
) -> Configured:
    """What is in force after a change; *model* is the one that answers."""
    return Configured(
        input=_input(formats),
        output=_output(formats),
        session=in_force.session,
        model=model,
        turn_detection=in_force.turn_detection,
        turn_detection_fields=turn_detection_fields(in_force) or {},
        transcription_language=in_force.transcription_language,
        **_of_answers(in_force),
        ref=ref,
    )


def negotiated(
    config: SessionConfig, formats: CallFormats, in_force: ModelSession, ignored: tuple[str, ...]
) -> Negotiated:
    return Negotiated(
        input=_input(formats),
        output=_output(formats),
        session=in_force.session,
        model=in_force.asked_model,
        turn_detection=in_force.turn_detection,
        transcription_language=in_force.transcription_language,
        **_of_answers(in_force),
        images=None if in_force.only_transcribes else config.pictures.are_allowed,
        ignored=ignored,
        recorded=True if config.recorded else None,
    )


def _of_answers(in_force: ModelSession) -> dict[str, Any]:
    """What is told of a call that has any."""
    if in_force.only_transcribes:
        return {}
    return {
        "voice": in_force.voice,
        "answers_in": in_force.output,
        "speed": in_force.speed,
        "max_output_tokens": in_force.max_output_tokens,
    }


def first_formats(config: SessionConfig) -> CallFormats:
    """Those of the opening."""
    encoding: OutputEncoding = "binary" if config.binary_output else "base64"
    return CallFormats(config.source, config.target, encoding)


def _input(formats: CallFormats) -> NegotiatedAudio:
    source = formats.source
    return NegotiatedAudio(source.encoding, source.rate_hz, source.channels, "any")


def _output(formats: CallFormats) -> NegotiatedAudio:
    target = formats.target
    return NegotiatedAudio(
        target.encoding, target.rate_hz, target.channels, formats.output_encoding
    )
