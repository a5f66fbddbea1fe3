"""Faults on demand: what there is, and the one place that reads ``name=value@when``.  Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from local_realtime.rehearsal.bad_frames import BAD_FRAMES
from local_realtime.session.event_types import EVENT_TYPES

MAX_MS = 600_000
MAX_EVENTS = 1_000_000
AFTER_OPENING = 2
"""After session.created and session.updated: the client takes the session for a good one."""


class InvalidFault(Exception):
    """One sentence: what was wrong, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Number:
    """A value; *default* is used where none is given."""

    unit: str
    low: float
    high: float
    default: float
    is_whole: bool = True

    def __str__(self) -> str:
        noun = "an integer" if self.is_whole else "a number"
        return f"{noun} from {self.low:g} to {self.high:.0f} ({self.unit})"

    def read(self, text: str) -> float:
        """Raises: ValueError if it is none, or out of bounds."""
        number = int(text) if self.is_whole else float(text)
        if not self.low <= number <= self.high:
            raise ValueError(text)
        return number


@dataclass(frozen=True, slots=True)
class Words:
    """A value; the first is the default."""

    allowed: tuple[str, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(self.allowed)}"

    @property
    def default(self) -> str:
        return self.allowed[0]

    def read(self, text: str) -> str:
        """Raises: ValueError if it is none of them."""
        if text not in self.allowed:
            raise ValueError(text)
        return text


When: TypeAlias = int | str
"""After so many events have been sent; or right after the first event of this type."""


@dataclass(frozen=True, slots=True)
class Kind:
    does: str
    value: Number | Words | None = None
    when: When | None = None
    """The default; None if it has no moment of its own."""


@dataclass(frozen=True, slots=True)
class Fault:
    name: str
    value: float | str | None
    when: When | None


Faults: TypeAlias = Mapping[str, Fault]
"""By name; the same twice is the later one."""

HOW = Words(("between-frames", "mid-frame"))
KINDS: Mapping[str, Kind] = {
    "http-status": Kind("refuses the upgrade", Number("HTTP status", 400, 599, 503)),
    "handshake-delay": Kind("upgrades late", Number("ms", 1, MAX_MS, 6000)),
    "bad-key": Kind("`invalid_api_key`, 3000"),
    "no-credit": Kind("`credit_balance_exhausted`, 1013"),
    "retired-model": Kind("`model_not_found`, 4004"),
    "missing-model": Kind("`missing_model`, 4000"),
    "invalid-model": Kind("`invalid_model`, 4000"),
    "beta-header": Kind("`beta_api_shape_disabled`, 4000"),
    "session-expiry": Kind(
        "`session_expired`, then 1001", Number("s", 0.1, 3600, 3, is_whole=False)
    ),
    "server-error": Kind("`server_error`, then 1011", when=AFTER_OPENING),
    "close": Kind("closes without a word", Number("close code", 1000, 4999, 1011), AFTER_OPENING),
    "drop": Kind("ends the TCP stream with a FIN and no close frame", HOW, AFTER_OPENING),
    "reset": Kind("resets the TCP connection (RST)", HOW, AFTER_OPENING),
    "stall": Kind("says nothing more, and goes on reading", when=AFTER_OPENING),
    "no-pongs": Kind("answers no ping, and sends none"),
    "slow-reader": Kind("reads slowly; 0: not at all", Number("bytes/s", 0, 10_000_000, 0)),
    "slow-writer": Kind("writes slowly; sends no pongs", Number("bytes/s", 1, 10_000_000, 1000)),
    "slow-answers": Kind("waits before `response.created`", Number("ms", 0, MAX_MS, 2000)),
    "slow-events": Kind("waits before every event of a response", Number("ms", 0, MAX_MS, 200)),
    "done-delay": Kind("waits before `response.done`", Number("ms", 0, MAX_MS, 1000)),
    "first-delta-delay": Kind(
        "waits after `response.created`, before the first item of an answer",
        Number("ms", 0, MAX_MS, 300),
    ),
    "late-transcripts": Kind(
        "tells what the user said word by word, beside the answer, and waits before each word",
        Number("ms", 0, MAX_MS, 300),
    ),
    "late-deltas": Kind(
        "the last audio deltas of an interrupted response come after `speech_started`",
        Number("deltas", 1, 100, 3),
    ),
    "response-failed": Kind(
        "every response ends `failed`", Words(("insufficient-quota", "server-error"))
    ),
    "response-incomplete": Kind(
        "every response ends `incomplete`", Words(("max-output-tokens", "content-filter"))
    ),
    "rate-limited": Kind(
        "every response ends `failed` with `rate_limit_exceeded`; nothing remains for so long",
        Number("s", 0, 3600, 20),
    ),
    "transcription-failed": Kind("no transcript: `audio_unintelligible`"),
    "commentary": Kind("says a word before it calls a function, in the same response"),
    "reasoning-tokens": Kind(
        "so many tokens of every answer were thought and not said", Number("tokens", 1, 32_000, 24)
    ),
    "no-rate-limits": Kind("never sends `rate_limits.updated`"),
    "no-predecessor": Kind(
        "`conversation.item.done` of what answers a conversation's first item names no predecessor"
    ),
    "error-event": Kind(
        "one `error`, after which all goes on",
        Words(("server-error", "rate-limit-exceeded")),
        AFTER_OPENING,
    ),
    "unknown-event": Kind("one event of a type that nobody knows", when=AFTER_OPENING),
    "duplicate-events": Kind("every event comes twice, with the same id", when=AFTER_OPENING),
    "malformed": Kind(
        "one frame that is not as it should be", Words(tuple(BAD_FRAMES)), AFTER_OPENING
    ),
    "first-connections": Kind(
        "all other faults are for the server's first connections only",
        Number("connections", 1, MAX_EVENTS, 1),
    ),
}

REFUSALS = (
    "bad-key",
    "no-credit",
    "retired-model",
    "missing-model",
    "invalid-model",
    "beta-header",
)


AS_RECORDED = (
    "first-delta-delay, late-transcripts, commentary, reasoning-tokens, no-rate-limits, "
    "no-predecessor"
)
GROUPS = {"as-recorded": AS_RECORDED}
"""Several by one name: what recordings of the API show and this server does not do by itself."""


def parse_faults(text: str) -> Faults:
    """The faults in ``name=value@when, ...``; value and when may be left out.

    A name of `GROUPS` stands for all of its faults.

    Raises:
        InvalidFault: If one of them is unknown or has a value that it cannot have.
    """
    return {fault.name: fault for fault in _parsed(text)}


def _parsed(text: str) -> Iterator[Fault]:
    for part in text.split(","):
        if wanted := part.strip():
            yield from _parsed(GROUPS[wanted]) if wanted in GROUPS else (_fault(wanted),)


def _fault(wanted: str) -> Fault:
    rest, at, moment = wanted.partition("@")
    name, equals, value = rest.partition("=")
    kind = KINDS.get(name)
    if kind is None:
        raise InvalidFault(
            f"There is no fault {_shown(name)}; there are {', '.join([*KINDS, *GROUPS])}."
        )
    return Fault(name, _value(name, kind, value, bool(equals)), _when(name, kind, moment, bool(at)))


def _value(name: str, kind: Kind, text: str, is_given: bool) -> float | str | None:
    if kind.value is None:
        if is_given:
            raise InvalidFault(f"The fault {name} takes no value, not {_shown(text)}.")
        return None
    if not is_given:
        return kind.value.default
    try:
        return kind.value.read(text)
    except ValueError:
        raise InvalidFault(f"The fault {name} must be {kind.value}, not {_shown(text)}.") from None


def _when(name: str, kind: Kind, text: str, is_given: bool) -> When | None:
    if kind.when is None:
        if is_given:
            raise InvalidFault(f"The fault {name} takes no moment, not {_shown('@' + text)}.")
        return None
    if not is_given:
        return kind.when
    if re.fullmatch(r"[0-9]{1,7}", text) and int(text) <= MAX_EVENTS:
        return int(text)
    if text in EVENT_TYPES:
        return text
    raise InvalidFault(
        f"After the @ of {name} stands how many events have been sent, 0 to {MAX_EVENTS}, "
        f"or the type of a server event, not {_shown(text)}."
    )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 64 else f"{text[:64]}...")
