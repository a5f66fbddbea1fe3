"""What a session has summed up so far; nothing of it ever shrinks."""

from collections.abc import Mapping

from msgspec import Struct

from tornado_app.errors import ErrorCode
from tornado_app.protocol.figures import AudioFigures
from tornado_app.session.actions import Actions
from tornado_app.session.sent import Sent


class Totals(Struct, frozen=True):
    received_ms: float
    """Audio of the client that was taken."""
    dropped_ms: float
    """And that was not."""
    answered_ms: float
    """Audio that the client was sent."""
    chunks: int
    """Messages of the client with audio, also those that were refused."""
    pieces: int
    """Messages to the client with audio."""
    clipped_samples: int
    messages: int
    """To the client, of all kinds."""
    errors: Mapping[ErrorCode, int]
    """Those that said what was wrong."""
    turns: int
    """Of the user, that the model has committed."""
    answers: int
    """That are over, however they ended."""
    interruptions: int
    tool_calls: int
    tool_failures: int
    tokens: Mapping[str, int]
    """By type (`token_types`)."""
    given_text: int = 0
    """What the model was given in this call beside sound, in tokens at the most."""
    given_pictures: int = 0


def total(figures: AudioFigures, sent: Sent, actions: Actions) -> Totals:
    """The sum of what the parts of a session have counted."""
    facts = actions.facts
    return Totals(
        received_ms=figures.received_ms,
        dropped_ms=figures.dropped_ms,
        answered_ms=sent.audio_ms,
        chunks=actions.chunk,
        pieces=sent.pieces,
        clipped_samples=figures.clipped_samples,
        messages=actions.messages,
        errors=actions.errors,
        turns=facts["audio_committed"],
        answers=facts["response_done"],
        interruptions=facts["interrupted"],
        tool_calls=facts["tool_done"] + facts["tool_failed"],
        tool_failures=facts["tool_failed"],
        tokens=actions.tokens,
        given_text=actions.given_text,
        given_pictures=actions.given_pictures,
    )
