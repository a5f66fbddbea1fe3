"""What is written down: one line per event, and never a token, a key, audio or what people say.

Logging belongs to the whole process: `configure` is called once, before anything else.
"""

import logging
import math
import re
import sys
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TextIO

import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.types import EventDict, FilteringBoundLogger, Processor
from tornado.web import RequestHandler

from terminal.colours import takes_colours
from terminal.room import PIECE_BYTES, Room
from tornado_app.console_lines import ConsoleLines
from tornado_app.log_levels import LEVELS, Level, level_number

Output = Literal["console", "json"]

HIDDEN = "[hidden]"

_lines = Counter[tuple[str, str]]()
_lines_lock = threading.Lock()

# A key that is one of these, or ends in one: upstream_api_key, resume_token, input_audio.
SECRET_KEYS = (
    "authorization", "token", "secret", "api_key", "password", "cookie", "sec_websocket_protocol",
    "audio", "delta", "transcript", "instructions", "metadata", "history", "sealing_key",
    "application_keys",
)  # fmt: skip

# Longer than any line of ours; a stack trace is kept whole.
LONGEST = 16_384

_NAMES = "|".join(SECRET_KEYS).replace("_", "[_-]")
_SHAPES = tuple(
    (re.compile(pattern, re.ASCII | re.IGNORECASE | re.DOTALL), replacement)
    for pattern, replacement in (
        # A field of JSON or of a printed dict, up to its closing quote.
        (
            rf"""(["'][\w-]*(?:{_NAMES})["']\s*:\s*)b?(["'])(?:\\.|(?!\2).)*\2?""",
            rf"\1\2{HIDDEN}\2",
        ),
        # A query parameter, an assignment, a header.
        (rf"""((?:{_NAMES}|resume)=)(?!\[hidden\])[^\s&"']+""", rf"\1{HIDDEN}"),
        (r"\b(sec-websocket-protocol:\s*)[^\r\n]+", rf"\1{HIDDEN}"),
        (r"\b(bearer[.\s]+)[\w.~+/=-]{8,}", rf"\1{HIDDEN}"),
        # Who asks, in an address: of a Redis, of a proxy, or as a stranger has written it.
        (r"""(://)[^\s/?#@"']+@""", rf"\1{HIDDEN}@"),
        # JWTs, and the keys and client secrets of OpenAI.
        (r"eyJ[\w-]{4,}(?:\.[\w-]*)*", HIDDEN),
        (r"\b(?:sk|ek)[-_][\w-]{6,}", HIDDEN),
        # Printed bytes, and base64: nothing else is that long without a space.
        (r"""\bb(["'])(?:\\.|(?!\1).)*\1""", "<bytes>"),
        (r"[\w+/-]{200,}={0,2}", HIDDEN),
    )
)

# What ends a line, drives a terminal, or turns its text around.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_CONTROL_IN_TRACE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def configure(level: Level, output: Output, stream: TextIO | None = None) -> None:
    """Send every log of the process, scrubbed, to *stream*; None is standard error."""
    stream = stream or sys.stderr
    both: list[Processor] = [
        structlog.stdlib.add_log_level,
        _count,
        structlog.stdlib.add_logger_name,
        _time(output),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = structlog.processors.JSONRenderer()
    if output == "console":
        renderer = ConsoleLines(colours=takes_colours(stream))
    handler = _Handler(stream)
    handler.setFormatter(
        ProcessorFormatter(
            processors=[ProcessorFormatter.remove_processors_meta, scrub, renderer],
            foreign_pre_chain=both,
        )
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    logging.basicConfig(handlers=[handler], level=number, force=True)
    # It logs, as errors, what it then raises; and its traces hold headers.
    logging.getLogger("websocket").setLevel(logging.CRITICAL)
    # What is asked of a tool stands in the address of a request, and secrets in its headers.
    # The package of MCP has both in what it says, also as "client".
    for name in ("httpx2", "httpcore2", "mcp", "client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # It quotes headers that it could not read, from whoever sent them, and warns of sockets whose
    # owners have gone: what anybody can cause.
    logging.getLogger("tornado.general").setLevel(logging.ERROR)
    structlog.configure(
        processors=[*both, ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _count(_logger: Any, method: str, event: EventDict) -> EventDict:
    """A structlog processor that counts what somebody may have to look at."""
    if method in {"warning", "error", "exception", "critical"}:
        level = "warning" if method == "warning" else "error"
        name = str(event.get("event", ""))
        with _lines_lock:
            _lines[level, name if name in LEVELS else "other"] += 1
    return event


def lines_written() -> dict[tuple[str, str], int]:
    """How many lines of warning and error there were, by level and event.  Thread: any."""
    with _lines_lock:
        return dict(_lines)


def _time(output: Output) -> Processor:
    """Of this computer for people, and UTC for machines."""
    if output == "console":
        return structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False)
    return structlog.processors.TimeStamper(fmt="iso", utc=True)


def get_logger(name: str = "tornado_app") -> FilteringBoundLogger:
    """A logger for what belongs to no session; *name* says who speaks."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def session_logger(session_id: str, user_id: str) -> FilteringBoundLogger:
    """A logger whose every line says which session and whose."""
    return get_logger("tornado_app.session").bind(session_id=session_id, user_id=user_id)


def log_request(handler: RequestHandler) -> None:
    """Log one finished request, without its query: Tornado's `log_function`.

    At debug level: most are probes, anybody can send any number, and calls have lines of their own.
    """
    request = handler.request
    get_logger("tornado_app.access").log(
        level_number("request"),
        "request",
        method=request.method,
        path=request.path,
        status=handler.get_status(),
        ms=round(1000 * request.request_time(), 1),
        ip=request.remote_ip,
    )


def scrub(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """A structlog processor that takes out what nobody may read in a log."""
    return {str(key): _clean_field(str(key), value) for key, value in event.items()}


def scrub_text(text: str, control: re.Pattern[str] = _CONTROL) -> str:
    """The same for one text, which becomes one line."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text)} characters)"
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return control.sub(lambda match: ascii(match[0])[1:-1], text)


def _clean_field(key: str, value: Any, depth: int = 0) -> Any:
    if key.lower().replace("-", "_").endswith(SECRET_KEYS) and value is not None:
        return HIDDEN
    if key in {"exception", "stack", "stack_info"} and isinstance(value, str):
        return scrub_text(value, _CONTROL_IN_TRACE)
    return _clean(value, depth)


def _clean(value: Any, depth: int) -> Any:
    match value:
        case None | bool() | int():
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case str():
            return scrub_text(value)
        case bytes() | bytearray():
            return f"<{len(value)} bytes>"
        case Mapping() | Sequence() | set() | frozenset() if depth == 4:
            return "..."
        case Mapping():
            return {
                scrub_text(str(key)): _clean_field(str(key), item, depth + 1)
                for key, item in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_clean(item, depth + 1) for item in value]
    # memoryview and numpy arrays: audio.
    if (size := getattr(value, "nbytes", None)) is not None:
        return f"<{size} bytes>"
    return scrub_text(_printed(value))


def _printed(value: object) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a log line must not fail for what it tells of
        return f"<{type(value).__name__}>"


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; of one that cannot be written it tells where it comes from.

    The library would print the arguments, as they are, and would wait for whoever reads the lines:
    those for which there is no room are lost, and counted in a line when there is again.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._room = Room(stream)
        self._lost = 0
        self._is_cut = False
        """The last line has no end."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self._write(self.format(record)) and self._lost:
                lost, self._lost = self._lost, 0
                get_logger().warning("lines_lost", unlogged=lost)
                if self._lost:  # there was no room for that either
                    self._lost += lost
        except Exception:  # noqa: BLE001 - as the library has it
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        try:
            self._write(f"a log line failed: {record.name} {record.pathname}:{record.lineno}")
        except (OSError, ValueError):
            return

    def _write(self, line: str) -> bool:
        """Whether there was room for all of it; else it is counted."""
        text = ("\n" if self._is_cut else "") + line + "\n"
        # Of UTF-8 a character has four bytes at most.
        for begin in range(0, len(text), PIECE_BYTES // 4):
            if not self._room.is_there():
                self._is_cut = self._is_cut or begin > 0
                self._lost += 1
                return False
            self.stream.write(text[begin : begin + PIECE_BYTES // 4])
            self.flush()
        self._is_cut = False
        return True
