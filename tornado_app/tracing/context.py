"""Where in a trace something happens: W3C Trace Context, Level 1 (https://www.w3.org/TR/trace-context)."""

import os
import re
from dataclasses import dataclass
from typing import Self

HEADER = "traceparent"
_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_MOST_CHARACTERS = 512
_IS_SAMPLED = 0x01
_WHOLE = 1 << 64


@dataclass(frozen=True, slots=True)
class TraceContext:
    """One span, as others are told of it."""

    trace_id: str
    """32 hexadecimal digits, not all 0."""
    span_id: str
    """16 of them."""
    is_sampled: bool

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{_IS_SAMPLED if self.is_sampled else 0:02x}"

    def child(self) -> Self:
        """Of a new span in the same trace."""
        return type(self)(self.trace_id, new_id(8), self.is_sampled)


def new_id(size_bytes: int) -> str:
    """A number that nobody has had, in hexadecimal digits."""
    while not (number := os.urandom(size_bytes)).strip(b"\0"):
        pass
    return number.hex()


def read_traceparent(text: str | None) -> TraceContext | None:
    """What a header says; None: nothing, or nothing that is right, and nobody complains of that.

    Versions to come may have more behind the four fields that are known.
    """
    if text is None or len(text) > _MOST_CHARACTERS:
        return None
    found = _FORM.fullmatch(text.strip(" \t"))
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    is_known = version != "ff" and (version != "00" or more is None)
    if not is_known or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceContext(trace_id, span_id, bool(int(flags, 16) & _IS_SAMPLED))


def is_chosen(trace_id: str, part: float) -> bool:
    """Whether this trace is one of *part* of all: every process says the same of it.

    As `TraceIdRatioBased` of OpenTelemetry: by the lower half of the id.
    """
    return int(trace_id[16:], 16) < round(part * _WHOLE)
