"""The lines in the operator's log that all sessions have alike."""

from tornado_app.protocol.realtime.events import ResponseFacts
from tornado_app.protocol.told import AudioFigures, ResponseStatus
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.token_types import tokens_by_type


def log_opened(actions: Actions, config: SessionConfig) -> None:
    """A client was let in, with these formats."""
    actions.log(
        "session_opened",
        input=f"{config.source.encoding}/{config.source.rate_hz}/{config.source.channels}",
        output=f"{config.target.encoding}/{config.target.rate_hz}",
        session=config.model_session.session,
        turn_detection=config.model_session.turn_detection,
        recorded=config.recorded or "",
        scopes=sorted(config.scopes),
    )


def log_answered(actions: Actions, status: ResponseStatus, response: ResponseFacts | None) -> None:
    """An answer is over; *response*: what the model said of it in the end, if it did."""
    usage = response.counts if response else None
    actions.log(
        "response_done",
        status=status,
        tokens=(usage or {}).get("total_tokens"),
        tokens_by_type=tokens_by_type(usage),
    )


def log_closed(
    actions: Actions,
    config: SessionConfig,
    figures: AudioFigures,
    *,
    cause: str,
    close_code: int | None,
    untaken_ms: float,
    broken_pieces: int,
    reconnects: int,
) -> None:
    """It is over; what was lost of it is counted."""
    actions.log(
        "session_closed",
        always=True,
        cause=cause,
        duration_s=round(actions.now - config.opened_at, 3),
        received_ms=figures.received_ms,
        clipped_samples=figures.clipped_samples,
        dropped_ms=figures.dropped_ms,
        unsent_ms=figures.buffered_ms,
        untaken_ms=round(untaken_ms, 1),
        broken_pieces=broken_pieces,
        reconnects=reconnects,
        close_code=close_code,
        unlogged=actions.unlogged,
    )
