"""The calls that run, as an operator sees them: who, how and how much, and never what was said."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tornado_app.connection import Connection
from tornado_app.watching.levels import STEP_MS
from workers.formats import StreamFormat

Described = dict[str, Any]


class Wanted(msgspec.Struct, frozen=True):
    """Which of them; what is None does not matter."""

    user_id: str | None = None
    ip: str | None = None
    dialect: str | None = None
    model: str | None = None
    state: str | None = None

    def has(self, call: Mapping[str, Any]) -> bool:
        return all(getattr(self, name) in {None, call[name]} for name in Wanted.__struct_fields__)


class Mark(msgspec.Struct, frozen=True, order=True):
    """A place among all calls: those that began later come later."""

    opened_at: int
    session_id: str

    def __str__(self) -> str:
        return f"{self.opened_at}-{self.session_id}"

    @classmethod
    def read(cls, text: str) -> "Mark":
        """Raises ValueError, if it is none."""
        opened_at, _, session_id = text.partition("-")
        if not (opened_at.isascii() and opened_at.isdigit() and session_id):
            raise ValueError("it is not what an answer had as `next`")
        return cls(int(opened_at), session_id)


def page_of(
    connections: Iterable[Connection],
    wanted: Wanted,
    after: Mark | None,
    count: int,
    *,
    with_levels: bool = False,
) -> Described:
    """The first *count* of those that are wanted behind *after*, the oldest first, and where the
    next ones begin; None: there are no more.  *with_levels*: and how loud they are, which is
    measured for a while from then on.
    """
    # What is summed up of a call takes some 20 us, and of most it is not asked.
    by_mark = {_mark(each): each for each in connections if wanted.has(_facts(each))}
    marks = sorted(mark for mark in by_mark if after is None or mark > after)
    shown = marks[:count]
    calls = [summary(by_mark[mark]) for mark in shown]
    if with_levels:
        calls = [call | _levels(by_mark[mark]) for mark, call in zip(shown, calls, strict=True)]
    return {"calls": calls, "next": str(shown[-1]) if len(marks) > count else None}


def summary(connection: Connection) -> Described:
    """One call in a line."""
    config, totals = connection.config, connection.readings.totals
    return _facts(connection) | {
        "upstream": connection.upstream or None,
        "opened_at": config.opened_at_unix_ms,
        "duration_s": round(time.monotonic() - config.opened_at, 3),
        "received_ms": round(totals.received_ms, 1),
        "answered_ms": round(totals.answered_ms, 1),
        "turns": totals.turns,
        "answers": totals.answers,
        "interruptions": totals.interruptions,
        "tool_calls": totals.tool_calls,
        "tokens": sum(totals.tokens.values()),
        "errors": sum(totals.errors.values()),
        "waits": connection.last_waits.told(),
        "cost": None
        if connection.account.spent is None
        else msgspec.structs.asdict(connection.account.spent),
    }


def _levels(connection: Connection) -> Described:
    until, user, model = connection.loudness()
    return {"levels": {"until": until, "step_ms": STEP_MS, "user": user, "model": model}}


def _facts(connection: Connection) -> Described:
    """What is known of it without adding anything up."""
    config = connection.config
    return {
        "session_id": config.session_id,
        "user_id": config.user_id,
        "ip": connection.ip,
        "dialect": connection.dialect_name,
        "model": config.model_session.model,
        "state": connection.state,
    }


def detail(connection: Connection, listener: str | None) -> Described:
    """All that is known of one call, but for what is said in it; *listener* hears that."""
    config, readings = connection.config, connection.readings
    totals = readings.totals
    return summary(connection) | {
        "scopes": sorted(config.scopes),
        "session": config.model_session.session,
        "input": _described(config.source),
        "output": _described(config.target),
        "recorded": config.recorded,
        "listener": listener,
        "token_expires_at": int(config.token_expires_at_unix_s * 1000),
        "chunks": totals.chunks,
        "messages": totals.messages,
        "dropped_ms": round(totals.dropped_ms, 1),
        "clipped_samples": totals.clipped_samples,
        "tool_failures": totals.tool_failures,
        "tokens_by_type": dict(totals.tokens),
        "errors_by_code": dict(totals.errors),
        "waiting": {
            "to_model_ms": round(readings.to_model_ms, 1),
            "to_client_ms": round(readings.to_client_ms, 1),
            "unsent_bytes": readings.unsent_bytes,
            "unread_bytes": readings.unread_bytes,
            "client_bytes": readings.client_bytes,
        },
    }


def _mark(connection: Connection) -> Mark:
    return Mark(connection.config.opened_at_unix_ms, connection.config.session_id)


def _described(audio: StreamFormat) -> Described:
    return {"encoding": audio.encoding, "rate_hz": audio.rate_hz, "channels": audio.channels}
