"""The lines in the operator's log that all sessions have alike."""

from tornado_app.protocol.endings import safe_word
from tornado_app.protocol.figures import AudioFigures
from tornado_app.protocol.realtime.events import ResponseFacts, UserTranscriptDone
from tornado_app.protocol.told import ResponseStatus
from tornado_app.session.actions import Actions
from tornado_app.session.config import SessionConfig
from tornado_app.session.once import Once
from tornado_app.session.redialling import Loss
from tornado_app.session.sent import Sent
from tornado_app.session.token_types import (
    tokens_by_type,
    total_tokens,
    transcription_seconds,
    transcription_tokens,
)
from tornado_app.session.totals import total


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


def log_begun(actions: Actions, response_id: str) -> None:
    """The model has begun an answer."""
    actions.log("response_begun", response_id=safe_word(response_id))


def log_answered(
    actions: Actions, response_id: str, status: ResponseStatus, response: ResponseFacts | None
) -> None:
    """An answer is over; *response*: what the model said of it in the end, if it did."""
    usage = response.counts if response else None
    tokens = tokens_by_type(usage)
    actions.tokens.update(tokens)
    actions.log(
        "response_done",
        status=status,
        tokens=total_tokens(usage),
        tokens_by_type=tokens,
        response_id=safe_word(response_id),
        reason=reason_of(response),
    )


def reason_of(response: ResponseFacts | None) -> str | None:
    """Why an answer is not complete, if the model has said so in a word."""
    return safe_word((response and response.reason) or "") or None


def log_transcribed(
    actions: Actions, said: UserTranscriptDone, asked_model: str, once: Once
) -> None:
    """A part of a turn was written down, by a model that counts for itself."""
    if said.item_id and not once.is_news("words", said.item_id, said.content_index):
        return
    tokens = transcription_tokens(said.usage)
    actions.tokens.update(tokens)
    actions.log(
        "transcribed",
        item_id=safe_word(said.item_id),
        asked_model=asked_model,
        tokens_by_type=tokens,
        seconds=transcription_seconds(said.usage),
    )


def log_lost(actions: Actions, loss: Loss) -> None:
    """A link is gone, and is dialled again or not."""
    failure, ending = loss.failure, loss.ending
    actions.log(
        "upstream_rejected" if ending.code == "upstream_rejected" else "upstream_lost",
        cause=ending.cause,
        stage=failure.stage,
        close_code=failure.close_code,
        http_status=failure.http_status,
        detail=failure.detail,
        attempt=loss.attempt,
        retry=loss.wait_s is not None,
        upstream=loss.let_down_by,
    )


def log_closed(
    actions: Actions,
    config: SessionConfig,
    figures: AudioFigures,
    sent: Sent,
    *,
    cause: str,
    close_code: int | None,
    untaken_ms: float,
    broken_pieces: int,
    reconnects: int,
) -> None:
    """It is over: the one line that has all its figures."""
    totals = total(figures, sent, actions)
    actions.log(
        "session_closed",
        always=True,
        cause=cause,
        duration_s=round(actions.now - config.opened_at, 3),
        received_ms=totals.received_ms,
        clipped_samples=totals.clipped_samples,
        dropped_ms=totals.dropped_ms,
        unsent_ms=figures.buffered_ms,
        untaken_ms=round(untaken_ms, 1),
        broken_pieces=broken_pieces,
        reconnects=reconnects,
        close_code=close_code,
        unlogged=actions.unlogged,
        sent_ms=figures.sent_ms,
        answered_ms=round(totals.answered_ms, 1),
        chunks=totals.chunks,
        messages=totals.messages,
        errors=sum(totals.errors.values()),
        turns=totals.turns,
        answers=totals.answers,
        interruptions=totals.interruptions,
        tool_calls=totals.tool_calls,
        tool_failures=totals.tool_failures,
        resumed=actions.facts["client_back"],
        tokens=actions.tokens.total(),
        tokens_by_type=dict(actions.tokens),
    )
