"""What a client asks for in the address it opens: ``/ws?input_format=…``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from tornado_app.errors import InvalidRequest
from tornado_app.protocol.opening import (
    DEFAULT_RATE_HZ,
    FORMATS,
    OUTPUT_ENCODINGS,
    Format,
    Opening,
    OpeningRules,
)
from workers.formats import (
    CHANNELS_MAX,
    OPUS_CHANNELS_MAX,
    OPUS_RATES_HZ,
    RATE_HZ_MAX,
    RATE_HZ_MIN,
    AudioFormat,
    OpusFormat,
    StreamFormat,
)

G711_RATE_HZ = 8_000

SESSION_PARAMETERS = (
    "session",
    "voice",
    "model",
    "turn_detection",
    "transcription_language",
    "output",
    "speed",
    "max_output_tokens",
)
"""Fields of a call, called as `tornado_app.policy` calls them, which says what they may be."""

FORMAT_PARAMETERS = (
    "input_format",
    "input_rate",
    "input_channels",
    "output_format",
    "output_rate",
    "output_encoding",
)
"""The same, but read here as well: what one may be depends on the others."""

PARAMETERS = frozenset({*SESSION_PARAMETERS, *FORMAT_PARAMETERS, "token", "resume", "last_seq"})
LAST_SEQ_MAX = 99_999_999
IGNORED_SHOWN = 16
IGNORED_LENGTH = 64

T = TypeVar("T", bound=str)


def parse_opening(query: Mapping[str, Sequence[str]], rules: OpeningRules) -> Opening:
    """Read the query of an opening request.  Parameters that are not ours are left alone.

    What it chooses of the session is taken as it is written.

    Raises:
        InvalidRequest: A parameter has a value it may not have; ``field`` names it.
    """
    source = _format(_choice(query, "input_format", FORMATS), "input_format", rules)
    target = _format(_choice(query, "output_format", FORMATS), "output_format", rules)
    channels_max = OPUS_CHANNELS_MAX if source == "opus" else CHANNELS_MAX
    channels = _integer(query, "input_channels", 1, channels_max, default=1)
    return Opening(
        source=_stream(source, _rate_hz(query, "input_rate", source), channels),
        target=_stream(target, _rate_hz(query, "output_rate", target), 1),
        output_encoding=_choice(query, "output_encoding", OUTPUT_ENCODINGS),
        wants_resume="resume" in query,
        resume_token=_last(query, "resume") or "",
        last_seq=_integer(query, "last_seq", 0, LAST_SEQ_MAX, default=-1)
        if "last_seq" in query
        else None,
        choices={
            name: query[name][-1]
            for name in (*FORMAT_PARAMETERS, *SESSION_PARAMETERS)
            if query.get(name)
        },
        ignored=_ignored(query),
    )


def _format(name: Format, parameter: str, rules: OpeningRules) -> Format:
    """*name*, if this server has it."""
    if name == "opus" and not rules.has_opus:
        others = ", ".join(other for other in FORMATS if other != "opus")
        sentence = f"{parameter}: this server has no Opus; it may be one of {others}."
        raise InvalidRequest("invalid_message", sentence, parameter)
    return name


def _stream(name: Format, rate_hz: int, channels: int) -> StreamFormat:
    return OpusFormat(rate_hz, channels) if name == "opus" else AudioFormat(name, rate_hz, channels)


def _ignored(query: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Parameters nobody knows, as they may be said back: short, printable, and not too many."""
    unknown = [name for name in query if name not in PARAMETERS]
    return tuple(_shown(name) for name in unknown[:IGNORED_SHOWN])


def _shown(name: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in name[: IGNORED_LENGTH + 1])
    if len(printable) <= IGNORED_LENGTH:
        return printable
    return printable[: IGNORED_LENGTH - 3] + "..."


def _last(query: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = query.get(name)
    return values[-1] if values else None


def _choice(query: Mapping[str, Sequence[str]], name: str, allowed: Sequence[T]) -> T:
    value = _last(query, name)
    if value is None:
        return allowed[0]
    for candidate in allowed:
        if candidate == value:
            return candidate
    raise _bad(name, _listed(allowed))


def _rate_hz(query: Mapping[str, Sequence[str]], name: str, encoding: Format) -> int:
    default = G711_RATE_HZ if encoding in {"pcmu", "pcma"} else DEFAULT_RATE_HZ
    if encoding != "opus":
        return _integer(query, name, RATE_HZ_MIN, RATE_HZ_MAX, default=default)
    rates = {str(rate_hz): rate_hz for rate_hz in OPUS_RATES_HZ}
    value = _last(query, name) or str(default)
    if value not in rates:
        raise _bad(name, _listed(rates))
    return rates[value]


def _integer(
    query: Mapping[str, Sequence[str]], name: str, low: int, high: int, *, default: int
) -> int:
    value = _last(query, name)
    if value is None:
        return default
    # isdecimal alone takes other scripts' digits; eight of them are enough for any setting here.
    if value.isascii() and value.isdecimal() and len(value) <= 8 and low <= int(value) <= high:
        return int(value)
    raise _bad(name, f"an integer from {low} to {high}")


def _listed(allowed: Iterable[str]) -> str:
    return "one of " + ", ".join(allowed)


def _bad(name: str, may_be: str) -> InvalidRequest:
    return InvalidRequest("invalid_message", f"{name} must be {may_be}.", name)
