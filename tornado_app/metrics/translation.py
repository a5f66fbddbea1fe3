"""What the facts of calls mean for the metrics: the one place that knows both.

A fact is what stands in the log: an event and its fields.  It comes here also when its line was
left out, because the level is higher or there were too many.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tornado_app.metrics import definitions as d
from tornado_app.metrics.kinds import Metric
from tornado_app.metrics.tally import Tally

Fields = Mapping[str, Any]


def hear(tally: Tally, event: str, fields: Fields) -> None:
    """Count *event*, if it is one that is counted."""
    count = _EVENTS.get(event)
    if count is not None:
        count(tally, fields)


def _opened(tally: Tally, fields: Fields) -> None:
    tally.add(d.CALLS_OPENED, fields["session"])


def _closed(tally: Tally, fields: Fields) -> None:
    tally.add(d.CALLS_ENDED, fields["cause"])
    tally.observe(d.CALL_DURATION, fields["duration_s"])


def _connected(tally: Tally, fields: Fields) -> None:
    tally.add(d.LINKS_CONNECTED, "yes" if fields["reconnects"] else "no")
    _ready(tally, fields)


def _ready(tally: Tally, fields: Fields) -> None:
    """One of several upstreams has a call."""
    if (upstream := fields["upstream"]) is not None:
        tally.add(d.UPSTREAM_CALLS, upstream)


def _open(tally: Tally, fields: Fields) -> None:
    if fields["spare_s"] is None:
        tally.observe(d.LINK_CONNECT, fields["connect_ms"] / 1000)
    else:
        tally.add(d.SPARES_TAKEN)


def _lost(tally: Tally, fields: Fields) -> None:
    """Of a session; an answer that was refused for good is told by the same event, and is none."""
    if "stage" in fields:
        tally.add(d.LINKS_LOST, fields["cause"], "yes" if fields["retry"] else "no")


def _rolled_over(tally: Tally, fields: Fields) -> None:
    tally.add(d.ROLLOVERS, fields["reason"], "yes" if fields["is_forced"] else "no")
    _ready(tally, fields)


def _answered(tally: Tally, fields: Fields) -> None:
    tally.add(d.ANSWERS, fields["status"])
    _tokens(tally, fields)


def _tokens(tally: Tally, fields: Fields) -> None:
    """Of an answer, or of a turn that was written down."""
    for kind, tokens in fields["tokens_by_type"].items():
        tally.add(d.TOKENS, kind, by=tokens)


def _heard(tally: Tally, fields: Fields) -> None:
    for by in ("model", "gateway", "tools"):
        if (wait_ms := fields[f"{by}_ms"]) is not None:
            tally.observe(d.ANSWER_WAIT, wait_ms / 1000, by)


def _tool(tally: Tally, fields: Fields) -> None:
    tally.add(d.TOOL_CALLS, fields["name"], fields["outcome"])
    tally.observe(d.TOOL_DURATION, fields["duration_ms"] / 1000, fields["name"])


def _once(metric: Metric, *names: str) -> Callable[[Tally, Fields], None]:
    """One more, with these fields as labels."""
    return lambda tally, fields: tally.add(metric, *(fields[name] for name in names))


def _reload(outcome: str) -> Callable[[Tally, Fields], None]:
    return lambda tally, _: tally.add(d.RELOADS, outcome)


def _lost_audio(tally: Tally, fields: Fields) -> None:
    tally.add(d.AUDIO_LOST, by=fields["lost_ms"] / 1000)


_EVENTS: Mapping[str, Callable[[Tally, Fields], None]] = {
    "session_opened": _opened,
    "session_closed": _closed,
    "client_refused": _once(d.REFUSALS, "code"),
    "reloaded": _reload("done"),
    "reload_refused": _reload("refused"),
    "reload_failed": _reload("failed"),
    "visitors_cut": _once(d.VISITORS_CUT, "limit"),
    "place_uncounted": _once(d.CALLS_UNCOUNTED),
    "shared_away": _once(d.SHARED_AWAY, "cause"),
    "client_away": _once(d.CLIENTS_LOST),
    "client_back": _once(d.CALLS_RESUMED),
    "client_paused": _once(d.CLIENTS_PAUSED, "why"),
    "audio_lost": _lost_audio,
    "upstream_open": _open,
    "upstream_connected": _connected,
    "upstream_lost": _lost,
    "upstream_rejected": _lost,
    "spare_link_stale": _once(d.SPARES_STALE),
    "rolled_over": _rolled_over,
    "upstream_passed_over": _once(d.PASSED_OVER, "upstream"),
    "upstream_error": _once(d.MODEL_ERRORS, "code"),
    "upstream_late": _once(d.MODEL_LATE, "waited_for"),
    "audio_committed": _once(d.TURNS),
    "response_done": _answered,
    "response_failed": _once(d.ANSWERS_FAILED, "code"),
    "answer_heard": _heard,
    "interrupted": _once(d.INTERRUPTIONS),
    "transcription_failed": _once(d.TRANSCRIPTIONS_FAILED),
    "transcribed": _tokens,
    "tool_done": _tool,
    "tool_failed": _tool,
}
