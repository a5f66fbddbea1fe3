"""What is in force after the opening, as the client is told it."""

from tornado_app.protocol.told import Negotiated, NegotiatedAudio
from tornado_app.session.config import SessionConfig


def negotiated(config: SessionConfig) -> Negotiated:
    source, target = config.source, config.target
    return Negotiated(
        input=NegotiatedAudio(source.encoding, source.rate_hz, source.channels, "any"),
        output=NegotiatedAudio(
            target.encoding,
            target.rate_hz,
            target.channels,
            "binary" if config.binary_output else "base64",
        ),
        voice=config.model_session.voice,
        model=config.model_session.model,
        turn_detection=config.model_session.turn_detection,
        answers_in=config.model_session.output,
        speed=config.model_session.speed,
        transcription_language=config.model_session.transcription_language,
        max_output_tokens=config.model_session.max_output_tokens,
        ignored=config.ignored,
    )
