"""Lines of the log for people who watch a terminal: short, and in columns.

    14:03:07 info 9f3a session_opened     user=ada in=pcm16/48000/1 out=pcm16/24000 vad=server_vad
    14:03:41 info 9f3a session_closed     cause=client_gone duration=33.7s close=1000
    14:03:52 err       model_rejects      cause=http_401 advice='Check upstream.api_key ...'

Time of this computer, level, the end of the session's id, event, fields by short names.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from structlog.types import EventDict

SESSION_END = 4
"""Characters of the session's id that are shown: enough to tell the calls of a terminal apart."""
EVENT_WIDTH = 18

_LEVELS = {"debug": "dbg", "warning": "warn", "error": "err", "critical": "err"}
_COLOURS = {"dbg": "\x1b[2m", "warn": "\x1b[33m", "err": "\x1b[31m"}
_PLAIN = "\x1b[0m"
# The first line of a session says whose it is; where a developer calls from is no news.  Ids of the
# model's and what only sums need are for machines, whose lines have them.
_KNOWN = {
    "ip",
    "model_session",
    "response_id",
    "sent_ms",
    "answered_ms",
    "chunks",
    "messages",
    "tokens_by_type",
}
_USUAL = {"session": "realtime"}
_SHORT = {
    "user_id": "user",
    "input": "in",
    "output": "out",
    "turn_detection": "vad",
    "close_code": "close",
    "http_status": "http",
}
_UNITS = {"_ms": "ms", "_s": "s", "_bytes": "B"}
_OURS = "tornado_app"


class ConsoleLines:
    """A structlog renderer.  Fields that are zero, empty or None are left out."""

    def __init__(self, *, colours: bool) -> None:
        self._colours = colours

    def __call__(self, _logger: Any, _method: str, event: EventDict) -> str:
        """One line, and the trace below it if there is one."""
        fields = dict(event)
        time, name = fields.pop("timestamp", ""), str(fields.pop("event", ""))
        level = str(fields.pop("level", ""))
        logger = str(fields.pop("logger", ""))
        session = str(fields.pop("session_id", ""))
        traces = [str(fields.pop(key)) for key in ("exception", "stack") if fields.get(key)]
        if not logger.startswith(_OURS):
            name = f"{logger}: {name}"
        if session:
            known = _KNOWN if name == "session_opened" else _KNOWN | {"user_id"}
            fields = {
                key: value
                for key, value in fields.items()
                if key not in known and _USUAL.get(key) != value
            }
        level = _LEVELS.get(level, level)
        begin = f"{time} {self._coloured(level)} {session[-SESSION_END:]:{SESSION_END}} "
        shown = " ".join([f"{name:{EVENT_WIDTH}}", *_shown(fields)]).rstrip()
        return "\n".join([begin + shown, *traces])

    def _coloured(self, level: str) -> str:
        padded = f"{level:4}"
        colour = _COLOURS.get(level) if self._colours else None
        return f"{colour}{padded}{_PLAIN}" if colour else padded


def _shown(fields: Mapping[str, Any]) -> Iterator[str]:
    for key, value in fields.items():
        if isinstance(value, bool) or value not in (None, 0, "", [], {}):
            name, unit = _name(key)
            yield f"{name}={_value(value)}{unit}"


def _name(key: str) -> tuple[str, str]:
    """A key as people say it, and the unit that stands behind its value."""
    for ending, unit in _UNITS.items():
        if key.endswith(ending):
            return key.removesuffix(ending), unit
    return _SHORT.get(key, key), ""


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return repr(text) if " " in text or "=" in text else text
